/**
 * Goal: what commands print reads as the manual shows it: aligned, coloured on terminals only, and no stored text steers a terminal.
 * Method: the renderers are called with values of their types; texts are compared whole.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { partOf } from '../../src/cli/at.ts';
import { HistoryLines } from '../../src/cli/historyLines.ts';
import { humanLogLine } from '../../src/cli/logLine.ts';
import { nearest } from '../../src/cli/nearest.ts';
import { release } from '../../src/cli/release.ts';
import { renderPatch } from '../../src/cli/replay.ts';
import { serverSentEvents } from '../../src/cli/serverSentEvents.ts';
import { renderResult, renderSqlRefusal } from '../../src/cli/sqlOutput.ts';
import { type ClusterView, renderStatus } from '../../src/cli/status.ts';
import { aligned, harmless, type Stream, styled, waiting } from '../../src/cli/terminal.ts';
import type { HistoryEvent } from '../../src/engine/history/port.ts';

class Paper implements Stream {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = '';
  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
  once(): void {}
}
const paper = new Paper();
const screen = new Paper(true);

const now = new Date(2026, 10, 20, 12, 4, 40).getTime();
const event = (position: number, words: string, act: Partial<HistoryEvent['act']> = {}, at = now - 9000): HistoryEvent => ({
  position,
  at,
  epoch: 1,
  id: `e${position}`,
  type: 'ClusterConfigsChanged',
  version: 1,
  subjects: [],
  data: {},
  act: {
    principal: 'User:root',
    interface: 'sql',
    command: 'alterClusterConfigs',
    commandId: 'c',
    digest: '0'.repeat(32),
    node: 'n1',
    ...act,
  },
  words,
});
const own = { principal: 'chancery', interface: 'chancery' } as const;

describe('the history', () => {
  test('a listing is aligned, and a node by itself needs no origin', () => {
    const events = [
      event(1, 'log created, format 1', own),
      event(2, 'n1 took the lead, epoch 1', own),
      event(48_112, 'set datalake.format   unset → paimon', { principal: 'User:dana', reason: 'freeze for migration' }),
    ];
    expect(new HistoryLines(paper, {}).render(events, now)).toEqual([
      '     1  12:04:31  chancery   log created, format 1',
      '     2  12:04:31  chancery   n1 took the lead, epoch 1',
      '48 112  12:04:31  User:dana  set datalake.format   unset → paimon  "freeze for migration"  sql · n1',
    ]);
  });

  test('columns stay where they are from one piece to the next', () => {
    const lines = new HistoryLines(paper, {});
    const first = lines.render([event(1234, 'a', {}, now - 86_400_000)], now);
    const second = lines.render([event(1, 'b')], now);
    expect([...first, ...second]).toEqual([
      '1 234  yesterday 12:04:40  User:root  a  sql · n1',
      '    1  12:04:31            User:root  b  sql · n1',
    ]);
  });

  test('long words push nobody else away', () => {
    const [long, short] = new HistoryLines(paper, {}).render([event(1, 'x'.repeat(90)), event(2, 'y')], now);
    expect(long).toBe(`1  12:04:31  User:root  ${'x'.repeat(90)}  sql · n1`);
    expect(short).toBe(`2  12:04:31  User:root  ${'y'.padEnd(64)}  sql · n1`);
  });

  test('what stands in the log does not speak to the terminal', () => {
    const [line] = new HistoryLines(paper, {}).render([event(1, 'a\u001b[31mb\u0007', { reason: 'c\r\nd' })], now);
    expect(line).toBe('1  12:04:31  User:root  ab\\u0007  "c\\u000d d"  sql · n1');
  });

  test('colours on a terminal, none with NO_COLOR', () => {
    expect(new HistoryLines(screen, {}).render([event(1, 'a')], now)[0]).toContain('\u001b[36mUser:root\u001b[39m');
    expect(new HistoryLines(screen, { NO_COLOR: '1' }).render([event(1, 'a')], now)).toEqual(['1  12:04:31  User:root  a  sql · n1']);
  });
});

describe('the status', () => {
  const node = { operatorUrl: 'http://h1:8480', release: '0.1.0', role: 'follower', lag: 0, position: 1200 };
  const view = (...nodes: ClusterView['nodes']): ClusterView => ({ askedNode: 'n1', leaderId: 'n2', epoch: 3, nodes });

  test('a line for each node, and what is wrong with it', () => {
    const lines = renderStatus(
      view(
        { ...node, nodeId: 'n1', role: 'leader' },
        { ...node, nodeId: 'n2', position: 1100, lag: 100, staleForMs: 65_000 },
        { ...node, nodeId: 'n3', role: 'fault', fault: 'position 7: the chain is broken' },
        { ...node, nodeId: 'n4', role: 'unknown', problem: 'http://h4:8480: connection refused' },
      ),
      { out: paper, env: {} },
    );
    expect(lines).toEqual([
      'node  role       position  lag         address         release',
      'n1    leader        1 200  up to date  http://h1:8480  0.1.0',
      'n2    follower      1 100  100 behind  http://h1:8480  0.1.0    stale: the log has been silent for 1 min',
      'n3    fault         1 200  up to date  http://h1:8480  0.1.0    stopped serving: position 7: the chain is broken',
      'n4    no answer     1 200              http://h1:8480  0.1.0    http://h4:8480: connection refused',
      'n2 leads, epoch 3 · as seen by n1',
    ]);
  });

  test('without a leader it says what that means', () => {
    const lines = renderStatus({ askedNode: 'n1', epoch: 3, nodes: [{ ...node, nodeId: 'n1' }] }, { out: paper, env: {} });
    expect(lines.at(-1)).toBe('no node leads: writes are refused until one does · as seen by n1');
  });
});

describe('the answers of SQL', () => {
  const rows = {
    kind: 'rows',
    columns: [
      { name: 'key', type: 'VARCHAR' },
      { name: 'n', type: 'BIGINT' },
    ],
    rows: [
      ['a', 1],
      ['b', 22],
    ],
  } as const;
  const wrote = { kind: 'rows', columns: [{ name: 'result', type: 'STRING' }], rows: [['one. '], ['two.']], position: 3 } as const;

  test.each([
    ['a table', rows, 'table', 'key   n\na     1\nb    22\n'],
    ['JSON', rows, 'json', '[\n  {"key": "a", "n": 1},\n  {"key": "b", "n": 22}\n]\n'],
    ['CSV', rows, 'csv', 'key,n\r\na,1\r\nb,22\r\n'],
    ['a table without rows', { ...rows, rows: [] }, 'table', 'key  n\nno rows\n'],
    ['what was done, as sentences', wrote, 'table', 'one.\ntwo.\n'],
    ['what was done, as JSON', wrote, 'json', '[\n  {"result": "one. "},\n  {"result": "two."}\n]\n'],
    ['a word', { kind: 'done', text: 'using sys' }, 'table', 'using sys\n'],
    [
      'a statement',
      { kind: 'rows', columns: [{ name: 'result', type: 'STRING' }], rows: [['CREATE TABLE `t` (\n  `a` INT\n)']] },
      'table',
      'CREATE TABLE `t` (\n  `a` INT\n)\n',
    ],
    [
      'a text of several lines in a table of its own',
      { kind: 'rows', columns: [{ name: 'note', type: 'STRING' }], rows: [['a\nb']] },
      'table',
      'note\na\\nb\n',
    ],
    ['a word as JSON', { kind: 'done', text: 'using sys' }, 'json', '[{"result":"using sys"}]\n'],
    ['a word as CSV', { kind: 'done', text: 'using sys' }, 'csv', ''],
  ] as const)('%s', (_, result, format, expected) => {
    expect(renderResult(result, format, paper, {})).toBe(expected);
  });

  const problem = {
    status: 400,
    code: 'INVALID_CONFIG_VALUE',
    field: 'config_pairs[1]',
    detail: 'Cannot parse it.',
    remedy: 'Do better.',
    body: {},
  };
  test('a refusal says code, field, detail and remedy', () => {
    expect(renderSqlRefusal(problem, 0)).toEqual(['refused: INVALID_CONFIG_VALUE at config_pairs[1]', 'Cannot parse it.', 'Do better.']);
    expect(renderSqlRefusal(problem, 2)[0]).toBe('refused: INVALID_CONFIG_VALUE at config_pairs[1] in statement 3');
  });
  test('a mistake in the text shows the caret alone', () => {
    const body = { rendered: 'SELEKT\n^ expected CALL' };
    expect(renderSqlRefusal({ ...problem, code: 'SQL_SYNTAX', field: 'statement', body }, 0)).toEqual(['SELEKT', '^ expected CALL']);
    expect(renderSqlRefusal({ ...problem, code: 'UNKNOWN_TABLE', field: '', body }, 0)).toEqual([
      'refused: UNKNOWN_TABLE',
      'SELEKT',
      '^ expected CALL',
      'Do better.',
    ]);
  });
});

test.each([
  [{ op: 'add', path: ['a', 'b.c'], value: { x: 1 } }, '+ a.b.c  {"x":1}'],
  [{ op: 'replace', path: ['a', 0], value: 'y' }, '~ a.0  "y"'],
  [{ op: 'remove', path: ['a'] }, '- a'],
  [{ op: 'add', path: ['a'], value: 'z'.repeat(1500) }, `+ a  "${'z'.repeat(197)}… (1 504 characters, whole with --json)`],
] as const)('the patch %j', (patch, expected) => {
  expect(renderPatch(patch)).toBe(expected);
});

describe('a part of a state', () => {
  const state = { configs: { dynamic: { 'datalake.format': { value: 'paimon' }, datalake: { other: 1 } } } };
  test.each([
    ['configs.dynamic.datalake.format', { value: 'paimon' }],
    ['configs.dynamic.datalake.format.value', 'paimon'],
    ['configs.dynamic.datalake.other', 1],
  ])('%s', (path, expected) => {
    expect(partOf(state, path)).toEqual(expected);
  });
  test('what is not there is named, with what is', () => {
    expect(() => partOf(state, 'configs.dinamic')).toThrow(
      expect.objectContaining({ message: "there is no 'dinamic' in configs then", more: ['Did you mean dynamic?'], status: 2 }),
    );
    expect(() => partOf(state, 'servers')).toThrow(
      expect.objectContaining({ message: "there is no 'servers' in the state then", more: ['It holds configs.'] }),
    );
    const families = Array.from({ length: 20 }, (_, i) => `family${i}`);
    const whole = Object.fromEntries(families.map((name) => [name, {}]));
    expect(() => partOf(whole, 'nix')).toThrow(expect.objectContaining({ more: [`It holds ${families.join(', ')}.`] }));
  });
});

test.each([
  [{ level: 30, time: now, msg: 'n1 took the lead', epoch: 2, pid: 1, hostname: 'h' }, '12:04:40  info   n1 took the lead  epoch=2'],
  [{ level: 50, time: now, msg: 'it failed', err: { message: 'why\nso', stack: 's' } }, '12:04:40  error  it failed: why so'],
  [{ level: 40, time: now, msg: 'a\u001b[2Jb', reason: 'r', list: [1] }, '12:04:40  warn   ab  reason=r  list=[1]'],
])('the log line %j', (record, expected) => {
  expect(humanLogLine(JSON.stringify(record), now, false)).toBe(expected);
});

test('columns are aligned, numbers to the right, without blanks at the end', () => {
  const rows = [
    ['a', '1', ''],
    ['bcd', '22', 'x'],
  ];
  expect(aligned(rows, [1])).toEqual(['a     1', 'bcd  22  x']);
});

test('a text from elsewhere is made harmless', () => {
  expect(harmless('a\u001b[31mred\u001b[0m\tb\nc\u0000\u009b2J')).toBe('ared\tb\nc\\u0000');
});

test('styles are for terminals', () => {
  expect(styled(paper, {}, 'red', 'x')).toBe('x');
  expect(styled(screen, { TERM: 'dumb' }, 'red', 'x')).toBe('x');
  expect(styled(screen, {}, 'red', 'x')).toBe('\u001b[31mx\u001b[39m');
});

test('a wait is said only when it lasts, and leaves nothing on a terminal', async () => {
  const quick = new Paper(true);
  expect(await waiting({ out: quick, err: quick, env: {} }, 'waiting', Promise.resolve(7))).toBe(7);
  expect(quick.text).toBe('');
  vi.useFakeTimers();
  try {
    const slow = new Paper(true);
    const waited = waiting(
      { out: slow, err: slow, env: { NO_COLOR: '1' } },
      'waiting for the log',
      new Promise((done) => setTimeout(done, 1500)),
    );
    await vi.advanceTimersByTimeAsync(999);
    expect(slow.text).toBe('');
    await vi.advanceTimersByTimeAsync(501);
    await waited;
    expect(slow.text).toBe('\r  waiting for the log … 1 s\u001b[K\r\u001b[K');
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ['node-ids', 'node-id'],
  ['ndoe-id', 'node-id'],
  ['LOG', 'log'],
  ['cluster-secrte', 'cluster-secret'],
  ['replication', undefined],
])('the name nearest to %s', (name, expected) => {
  expect(nearest(name, ['log', 'node-id', 'cluster-secret'])).toBe(expected);
});

test('a stream of events survives being cut anywhere', async () => {
  const text = 'retry: 1000\n: hello\n\nid: 4\ndata: {"a":"ü"}\n\nid: 5\n: heartbeat\n\ndata: x\ndata: y\n\n';
  const bytes = new TextEncoder().encode(text);
  const expected = [
    { id: '', data: '' },
    { id: '4', data: '{"a":"ü"}' },
    { id: '5', data: '' },
    { id: '5', data: 'x\ny' },
  ];
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const chunks = async function* () {
      yield bytes.subarray(0, cut);
      yield bytes.subarray(cut);
    };
    const read: unknown[] = [];
    for await (const message of serverSentEvents(chunks())) read.push(message);
    expect(read).toEqual(expected);
  }
});

test('the release is that of package.json', () => {
  expect(release).toBe((JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string }).version);
});
