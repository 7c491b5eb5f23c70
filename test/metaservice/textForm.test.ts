/**
 * Goal: the text form has the contract's bytes.
 * Method: the contract's example, and one message for each kind of field.
 */
import { expect, test } from 'vitest';
import { bytes, list, message, optional } from '../../src/interfaces/metaservice/message.ts';
import { cluster } from '../../src/interfaces/metaservice/messages.ts';
import { printText } from '../../src/interfaces/metaservice/textForm.ts';
import { getTabletStatsResponse, tabletStats } from '../../src/interfaces/metaservice/txnMessages.ts';

test('the statistics of a new tablet', () => {
  const stats = {
    idx: { tabletId: 10004, partitionId: 10003, indexId: 10002, tableId: 10001 },
    segmentSize: 0,
    indexSize: 0,
    dataSize: 0,
    numRows: 0,
    numRowsets: 1,
    numSegments: 0,
    baseCompactionCnt: 0,
    cumulativeCompactionCnt: 0,
    cumulativePoint: 2,
  };
  expect(printText(getTabletStatsResponse, { status: { code: 'OK', msg: '' }, tabletStats: [stats] })).toBe(
    `status {
  code: OK
  msg: ""
}
tablet_stats {
  idx {
    table_id: 10001
    index_id: 10002
    partition_id: 10003
    tablet_id: 10004
  }
  data_size: 0
  num_rows: 0
  num_rowsets: 1
  num_segments: 0
  base_compaction_cnt: 0
  cumulative_compaction_cnt: 0
  cumulative_point: 2
  index_size: 0
  segment_size: 0
}
`,
  );
});

test('an empty list leaves the status alone, and nothing prints nothing', () => {
  expect(printText(getTabletStatsResponse, { status: { code: 'OK', msg: '' }, tabletStats: [] })).toBe(
    'status {\n  code: OK\n  msg: ""\n}\n',
  );
  expect(printText(tabletStats, {})).toBe('');
});

test('members that are set once stand between the counters and the sizes', () => {
  const names = printText(tabletStats, {
    segmentSize: 7,
    lastFullCompactionTimeMs: 6,
    fullCompactionCnt: 5,
    lastCumuCompactionTimeMs: 4,
    lastBaseCompactionTimeMs: 3,
    cumulativePoint: 2,
    idx: { tableId: 2, dbId: 1 },
  });
  expect(names).toBe(`idx {
  db_id: 1
  table_id: 2
}
cumulative_point: 2
last_base_compaction_time_ms: 3
last_cumu_compaction_time_ms: 4
full_compaction_cnt: 5
last_full_compaction_time_ms: 6
segment_size: 7
`);
});

test('texts, lists, enums, booleans and maps', () => {
  expect(
    printText(cluster, {
      clusterId: 'it\'s "\\"\t\r\n\u007f é',
      type: 'COMPUTE',
      nodes: [{ isSmoothUpgrade: false, heartbeatPort: -1 }, {}],
      mysqlUserName: ['a', 'b'],
      clusterStatus: 77,
      properties: { b: '2', a: '1' },
    }),
  ).toBe(`cluster_id: "it\\'s \\"\\\\\\"\\t\\r\\n\\177 \\303\\251"
type: COMPUTE
nodes {
  heartbeat_port: -1
  is_smooth_upgrade: false
}
nodes {
}
mysql_user_name: "a"
mysql_user_name: "b"
cluster_status: 77
properties {
  key: "a"
  value: "1"
}
properties {
  key: "b"
  value: "2"
}
`);
});

test('bytes are shown as what they are, not as base64', () => {
  const blob = message('Blob', { content: optional(1, bytes), parts: list(2, bytes) });
  expect(printText(blob, { content: 'AGF/', parts: ['/w=='] })).toBe('content: "\\000a\\177"\nparts: "\\377"\n');
});
