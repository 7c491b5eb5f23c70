/**
 * Goal: tags of tablet servers in SQL are what Fluss's manual says, word for word, with every text of fluss-semantics 1.4 and 4.
 * Method: the manual's own statements, then each argument and its mistakes, against a real server, node and history process with
 * registered tablet servers.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { registration, tell } from '../operator/serverCluster.ts';
import { call, type Served, ServedCluster, sql } from '../operator/support.ts';
import { lastingLeases } from '../support/registeredServers.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { hasQueries: true, staticConfigs: lastingLeases });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  for (const id of [0, 1, 2, 3]) {
    expect((await tell(n1, id, 'registration', { ...registration(id), rack: `r${id % 2}` })).status).toBe(200);
    expect((await call(`${n1.url}/v1/servers/${id}/tag`, { method: 'DELETE' })).status).toBe(200);
  }
});

type Rows = readonly (readonly unknown[])[];
async function rowsOf(statement: string): Promise<readonly (Rows | undefined)[]> {
  const { json, status, text } = await sql(n1.url, statement);
  expect(status, text).toBe(200);
  return (json['results'] as readonly { readonly rows?: Rows }[]).map(({ rows }) => rows);
}
async function refusalOf(statement: string): Promise<readonly unknown[]> {
  const { json } = await sql(n1.url, statement);
  return [json['code'], json['field'], json['detail']];
}
const tags = async (): Promise<Rows | undefined> => (await rowsOf('SELECT server_id, tag FROM sys.servers ORDER BY 1'))[0];
const positionOf = (): number => n1.node.state.serverTags.position;

describe("the manual's examples", () => {
  test('add and remove', async () => {
    const added = await rowsOf(`-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Add PERMANENT_OFFLINE tag to a single TabletServer
CALL sys.add_server_tag('0', 'PERMANENT_OFFLINE');

-- Add TEMPORARY_OFFLINE tag to multiple TabletServers
CALL sys.add_server_tag('1,2,3', 'TEMPORARY_OFFLINE');
`);
    expect(added.slice(1)).toEqual([[['success']], [['success']]]);
    const away = 'TEMPORARY_OFFLINE';
    expect(await tags()).toEqual([
      [0, 'PERMANENT_OFFLINE'],
      [1, away],
      [2, away],
      [3, away],
    ]);
    const removed = await rowsOf(`-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Remove PERMANENT_OFFLINE tag from a single TabletServer
CALL sys.remove_server_tag('0', 'PERMANENT_OFFLINE');

-- Remove TEMPORARY_OFFLINE tag from multiple TabletServers
CALL sys.remove_server_tag('1,2,3', 'TEMPORARY_OFFLINE');
`);
    expect(removed.slice(1)).toEqual([[['success']], [['success']]]);
    expect(await tags()).toEqual([
      [0, null],
      [1, null],
      [2, null],
      [3, null],
    ]);
  });

  test('arguments by name', async () => {
    expect(await rowsOf("CALL fluss_catalog.sys.add_server_tag(tabletServers => '0,2', serverTag => 'PERMANENT_OFFLINE')")).toEqual([
      [['success']],
    ]);
    expect(await rowsOf("CALL sys.remove_server_tag(serverTag => 'PERMANENT_OFFLINE', tabletServers => '2')")).toEqual([[['success']]]);
    expect(await tags()).toEqual([
      [0, 'PERMANENT_OFFLINE'],
      [1, null],
      [2, null],
      [3, null],
    ]);
  });
});

describe('arguments', () => {
  const noServers =
    "tabletServers cannot be null or empty. You can specify one tabletServer as 1 or specify multi tabletServers as 1;2 (split by ';')";
  const noTag =
    'serverTag cannot be null or empty. Please specify a valid serverTag. serverTag is one of [PERMANENT_OFFLINE, TEMPORARY_OFFLINE]';
  const noId = (piece: string) => `'${piece}' is no id of a tablet server: give whole numbers from 0, such as 0,1,2`;
  test.each([
    ["'', 'PERMANENT_OFFLINE'", 'tabletServers', noServers],
    ["'  ', ''", 'tabletServers', noServers],
    ['NULL, NULL', 'tabletServers', noServers],
    ["'x', ' '", 'serverTag', noTag],
    ["'0', NULL", 'serverTag', noTag],
    ["'0,x', 'NO_TAG'", 'tabletServers', noId('x')],
    ["'0,', 'PERMANENT_OFFLINE'", 'tabletServers', noId('')],
    ["'-1', 'PERMANENT_OFFLINE'", 'tabletServers', noId('-1')],
    ["'1;2', 'PERMANENT_OFFLINE'", 'tabletServers', noId('1;2')],
    ["'2147483648', 'PERMANENT_OFFLINE'", 'tabletServers', noId('2147483648')],
    ["'1.5', 'PERMANENT_OFFLINE'", 'tabletServers', noId('1.5')],
    ["'0', 'offline'", 'serverTag', 'No enum constant org.apache.fluss.cluster.rebalance.ServerTag.OFFLINE'],
  ])('(%s): what is wrong is said in the words of the contract', async (given, field, detail) => {
    for (const name of ['add_server_tag', 'remove_server_tag'])
      expect(await refusalOf(`CALL sys.${name}(${given})`)).toEqual(['SQL_INVALID_ARGUMENT', field, detail]);
  });

  test('more servers than one call takes', async () => {
    const ids = Array.from({ length: 1001 }, (_, i) => i).join(',');
    const detail = '1001 servers are given; at most 1000 in one call';
    expect(await refusalOf(`CALL sys.add_server_tag('${ids}', 'PERMANENT_OFFLINE')`)).toEqual([
      'SQL_INVALID_ARGUMENT',
      'tabletServers',
      detail,
    ]);
  });

  test('pieces and the tag are trimmed, the tag in any case; numbers need no quotes', async () => {
    await rowsOf("CALL sys.add_server_tag(' 0 ,\t1 , 0', ' permanent_Offline '); CALL sys.add_server_tag(3, 'TEMPORARY_OFFLINE')");
    expect(await tags()).toEqual([
      [0, 'PERMANENT_OFFLINE'],
      [1, 'PERMANENT_OFFLINE'],
      [2, null],
      [3, 'TEMPORARY_OFFLINE'],
    ]);
  });
});

describe('rules', () => {
  test('an unknown server, a server with the other tag: nothing is changed, the first one decides', async () => {
    await rowsOf("CALL sys.add_server_tag('0', 'PERMANENT_OFFLINE')");
    const before = positionOf();
    const exists =
      'Server tag PERMANENT_OFFLINE already exists for server 0. However you want to set it to TEMPORARY_OFFLINE, please remove ' +
      'the server tag first.';
    expect(await refusalOf("CALL sys.add_server_tag('1,0,100', 'TEMPORARY_OFFLINE')")).toEqual([
      'SERVER_TAG_EXISTS',
      'tabletServers',
      exists,
    ]);
    const unknown = 'Server 100 not exists when trying to add server tag.';
    expect(await refusalOf("CALL sys.add_server_tag('1,100,0', 'TEMPORARY_OFFLINE')")).toEqual([
      'UNKNOWN_SERVER',
      'tabletServers',
      unknown,
    ]);
    expect(positionOf()).toBe(before);
  });

  test('the same tag again succeeds; tags that are not there are no matter', async () => {
    await rowsOf("CALL sys.add_server_tag('2', 'PERMANENT_OFFLINE')");
    const before = positionOf();
    expect(await rowsOf("CALL sys.add_server_tag('2', 'PERMANENT_OFFLINE')")).toEqual([[['success']]]);
    expect(await rowsOf("CALL sys.remove_server_tag('1,100', 'PERMANENT_OFFLINE')")).toEqual([[['success']]]);
    expect(positionOf()).toBe(before);
  });

  test('the other tag is not taken off', async () => {
    await rowsOf("CALL sys.add_server_tag('2', 'TEMPORARY_OFFLINE')");
    const detail = 'Server tag PERMANENT_OFFLINE not exists for server 2, the current server tag of this server is TEMPORARY_OFFLINE.';
    expect(await refusalOf("CALL sys.remove_server_tag('1,2', 'PERMANENT_OFFLINE')")).toEqual([
      'SERVER_TAG_MISMATCH',
      'tabletServers',
      detail,
    ]);
  });

  test('a server that is not there cannot be tagged; its tag outlives it', async () => {
    await rowsOf("CALL sys.add_server_tag('3', 'TEMPORARY_OFFLINE')");
    await tell(n1, 3, 'registration?incarnation=i3', undefined, 'DELETE');
    const detail = 'Server 3 not exists when trying to add server tag.';
    expect(await refusalOf("CALL sys.add_server_tag('3', 'TEMPORARY_OFFLINE')")).toEqual(['UNKNOWN_SERVER', 'tabletServers', detail]);
    expect(await rowsOf('SELECT status, tag, lost_because FROM sys.servers WHERE server_id = 3')).toEqual([
      [['LOST', 'TEMPORARY_OFFLINE', 'STOPPED']],
    ]);
  });
});

test('EXPLAIN shows what would change, and changes nothing', async () => {
  await rowsOf("CALL sys.add_server_tag('1', 'PERMANENT_OFFLINE')");
  const before = positionOf();
  expect(await rowsOf("EXPLAIN CALL sys.add_server_tag('2,1,0', 'PERMANENT_OFFLINE')")).toEqual([
    [
      ['0', null, 'PERMANENT_OFFLINE'],
      ['2', null, 'PERMANENT_OFFLINE'],
    ],
  ]);
  expect(await rowsOf("EXPLAIN CALL sys.remove_server_tag('2,1,0', 'PERMANENT_OFFLINE')")).toEqual([[['1', 'PERMANENT_OFFLINE', null]]]);
  expect(positionOf()).toBe(before);
});

test('sys.servers says who tagged, when and why, now and in the past', async () => {
  const { json } = await sql(n1.url, "CALL sys.add_server_tag('1', 'PERMANENT_OFFLINE')", { reason: 'rack r1 goes' });
  const position = Number((json['results'] as readonly { readonly position: number }[])[0]?.position);
  const asked = 'SELECT status, tag, rack, endpoint, replicas, leaders, tagged_by, tag_reason FROM sys.servers';
  await rowsOf("CALL sys.remove_server_tag('1', 'PERMANENT_OFFLINE')");
  const row = ['LIVE', 'PERMANENT_OFFLINE', 'r1', '127.0.0.1:9001', 0, 0, 'User:root', 'rack r1 goes'];
  expect(await rowsOf(`${asked} AT (VERSION => ${position}) WHERE server_id = 1`)).toEqual([[row]]);
  expect(await rowsOf(`${asked} WHERE server_id = 1`)).toEqual([[['LIVE', null, 'r1', '127.0.0.1:9001', 0, 0, null, null]]]);
});
