/**
 * Goal: whoever looks at lake tables sees at a glance which of them fail and why, and which are late; stored text steers no terminal.
 * Method: the renderers are called with values of their types, at a fixed time; texts are compared whole.
 */
import { describe, expect, test } from 'vitest';
import type { Stream } from '../../src/cli/terminal.ts';
import { renderFailures, sameFailures } from '../../src/cli/tieringFailures.ts';
import { Screen } from '../../src/cli/tieringScreen.ts';
import {
  lateMsOf,
  nextSteps,
  renderChange,
  renderCounts,
  renderTable,
  renderTables,
  type TieringBoard,
} from '../../src/cli/tieringView.ts';
import type { TieringFailure } from '../../src/engine/history/tieringFailures.ts';
import type { TieringStatus } from '../../src/engine/tieringListing.ts';

class Paper implements Stream {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
  text = '';
  constructor(isTTY: boolean, columns = 120, rows = 24) {
    this.isTTY = isTTY;
    this.columns = columns;
    this.rows = rows;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
  once(): void {}
}
const paper = { out: new Paper(false), env: {} };
const screen = { out: new Paper(true), env: {} };
const [red, yellow, plain] = ['\u001b[31m', '\u001b[33m', '\u001b[39m'];

const minute = 60_000;
const now = new Date(2026, 10, 21, 14, 0, 0).getTime();
const orders: TieringStatus = {
  tableId: 7,
  database: 'shop',
  table: 'orders',
  status: 'Scheduled',
  tieringEpoch: 41,
  lastTieredAt: now - minute,
  since: now - minute,
  freshnessMs: 3 * minute,
  dueAt: now + 2 * minute,
  staleAt: now + 2 * minute,
  failures: 2,
  failuresInRow: 0,
  lastDurationMs: 12_000,
  fileBytes: 1_250_000,
  records: 48_112,
};
const { dueAt: _, ...undue } = orders;
const failing: TieringStatus = {
  ...undue,
  table: 'clicks',
  status: 'Pending',
  since: now - 5000,
  lastTieredAt: now - 10 * minute,
  staleAt: now - 7 * minute,
  failures: 14,
  failuresInRow: 12,
  failingSince: now - 8 * minute,
  lastErrorAt: now - 5000,
  lastError: 'java.io.IOException: No space left on device\n\tat LakeWriter.write\n',
};
const { lastTieredAt: __, ...untiered } = undue;
const waitingForLong: TieringStatus = {
  ...untiered,
  table: 'new',
  status: 'Pending',
  since: now - 2 * minute,
  staleAt: now - 2 * minute,
  failures: 0,
};

describe('the list', () => {
  test('has how each table is, and the first line of its error', () => {
    expect(renderTables([failing, waitingForLong, orders], paper, now)).toEqual([
      'table        status                last tiered  late by  since     error',
      'shop.clicks  Pending, failing 12x  10 min ago   7 min    13:52:00  java.io.IOException: No space left on device',
      'shop.new     Pending               never        2 min    13:58:00',
      'shop.orders  Scheduled             1 min ago             13:59:00',
    ]);
  });

  test('on a terminal marks what fails red and what is late yellow, and cuts errors where it ends', () => {
    const [, clicks = '', late = '', fine = ''] = renderTables([failing, waitingForLong, orders], screen, now);
    expect(clicks.startsWith(red)).toBe(true);
    expect(clicks.endsWith(`${plain}java.io.IOException: No space left on device`)).toBe(true);
    expect(late.startsWith(yellow)).toBe(true);
    expect(fine.includes('\u001b')).toBe(false);
    const hardlyLate = { ...orders, lastTieredAt: now - 4 * minute, staleAt: now - minute };
    expect(renderTables([hardlyLate], screen, now)[1]).toBe('shop.orders  Scheduled  4 min ago    1 min    13:59:00');
    expect(renderTables([{ ...hardlyLate, staleAt: now - minute - 1 }], screen, now)[1]?.startsWith(yellow)).toBe(true);
    const [, longer = ''] = renderTables([{ ...failing, lastError: 'x'.repeat(300) }], screen, now);
    expect(longer.endsWith(`${plain}${'x'.repeat(52)}…`)).toBe(true);
    const [, uncut = ''] = renderTables([{ ...failing, lastError: 'x'.repeat(300) }], paper, now);
    expect(uncut.endsWith(`  ${'x'.repeat(199)}…`)).toBe(true);
  });

  test('says of a failure without a reason that there is none', () => {
    const { lastError: _error, ...speechless } = failing;
    const reason = 'its service gave no reason';
    const [heading, ...rows] = renderTables(
      [speechless, { ...failing, lastError: ' \n' }, { ...failing, lastError: '\n\tfull' }],
      paper,
      now,
    );
    expect(heading).toMatch(/ {2}error$/);
    expect(rows.map((row) => row.slice(row.lastIndexOf('  ') + 2))).toEqual([reason, reason, 'full']);
    expect(renderChange(speechless, paper, now)).toBe(`13:59:55  shop.clicks  Pending, failing 12x  ${reason}`);
  });

  test('on a narrow terminal has errors below the lines of their tables', () => {
    const [heading = '', clicks = '', error, late = ''] = renderTables(
      [failing, waitingForLong],
      { ...paper, out: new Paper(true, 80) },
      now,
    );
    expect(heading).not.toContain('error');
    expect(clicks).toContain('Pending, failing 12x');
    expect(error).toBe('  java.io.IOException: No space left on device');
    expect(late).toContain('shop.new');
  });

  test('shows no text that steers a terminal', () => {
    const [, line = ''] = renderTables([{ ...failing, lastError: '\u001b[2Jgone\u0007' }], paper, now);
    expect(line.endsWith('  gone\\u0007')).toBe(true);
  });

  test('ends with counts', () => {
    const counts = { Scheduled: 99_000, Pending: 999, Tiering: 1 };
    const board = { total: 0, counts, failing: 12 };
    expect(renderCounts(board, paper)).toBe('100 000 lake tables: 99 000 Scheduled, 999 Pending, 1 Tiering · 12 failing');
    expect(renderCounts(board, screen).endsWith(`${red}12 failing${plain}`)).toBe(true);
    expect(renderCounts({ ...board, failing: 0 }, paper).endsWith(' · none failing')).toBe(true);
  });
});

test.each<[string, TieringStatus, number]>([
  ['fresh', orders, -2 * minute],
  ['tiered too long ago', failing, 7 * minute],
  ['never tiered, and waiting', waitingForLong, 2 * minute],
  ['never tiered, and not due', { ...untiered, dueAt: now + minute, staleAt: now + minute }, -minute],
])('how late a table is that is %s', (_name, status, late) => expect(lateMsOf(status, now)).toBe(late));

const failuresOf = (table: string): string => `next: chancery tiering failures shop.${table}   `;
const historyOf = (table: string): string => `chancery history --subject table/shop.${table}`;
const isOneRunning = (table: string): string => `is a tiering service running? Look with ${historyOf(table)}`;

describe('one table', () => {
  test('has everything, and the error in full', () => {
    expect(renderTable({ ...failing, status: 'Tiering', service: 's1' }, paper, now)).toEqual([
      'table         shop.clicks, id 7',
      'status        Tiering, failing 12x by s1',
      'since         13:59:55, 5 s ago',
      'round         41',
      'last tiered   13:50:00, 10 min ago, in 12 s',
      'freshness     at most 3 min old, late by 7 min',
      'in the lake   48 112 records, 1.3 MB',
      'failures      14, 12 in a row since 13:52:00',
      'last failure  13:59:55, 5 s ago',
      '  java.io.IOException: No space left on device',
      '  \tat LakeWriter.write',
    ]);
  });

  test('that was never tiered has less to say', () => {
    const { fileBytes: _bytes, records: _records, lastDurationMs: _took, ...fresh } = untiered;
    expect(renderTable({ ...fresh, failures: 0, dueAt: now + minute, staleAt: now + minute }, paper, now)).toEqual([
      'table         shop.orders, id 7',
      'status        Scheduled',
      'since         13:59:00, 1 min ago',
      'round         41',
      'last tiered   never',
      'freshness     at most 3 min old',
      'due           in 1 min',
      'failures      0',
    ]);
  });

  test('without a freshness is always due, and one record is one', () => {
    const rows = renderTable({ ...failing, freshnessMs: 0, records: 1 }, paper, now);
    expect(rows.slice(5, 7)).toEqual(['freshness     always due, late by 7 min', 'in the lake   1 record, 1.3 MB']);
  });

  test('without a reason says so', () => {
    const { lastError: _error, ...speechless } = failing;
    expect(renderTable(speechless, paper, now).at(-1)).toBe('  its service gave no reason');
  });

  test('has no blank lines before its error, and lines of Windows end as others do', () => {
    const errorOf = (lastError: string): readonly string[] => renderTable({ ...failing, lastError }, paper, now).slice(9);
    expect(errorOf('\r\n \n\u001b[0m\n  disk full\r\n\tat Writer\r\n\r\n')).toEqual(['    disk full', '  \tat Writer']);
    expect(errorOf('50 %\r100 %')).toEqual(['  50 %\\u000d100 %']);
    expect(errorOf(' \n')).toEqual(['  its service gave no reason']);
  });

  test('shows what would write from right to left', () => {
    const turned = [0x61c, 0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069].map((code) => String.fromCodePoint(code));
    const told = renderTable({ ...failing, lastError: `no ${turned.join('')}entry` }, paper, now).at(-1);
    expect(told).toBe('  no \\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069entry');
  });

  test.each<[string, readonly TieringStatus[], Partial<TieringBoard['counts']>, readonly string[]]>([
    ['failing', [failing, orders], {}, [`${failuresOf('clicks')}its errors in full, or ${historyOf('clicks')}`]],
    ['waiting for nobody', [waitingForLong], {}, [`shop.new has waited for 2 min: ${isOneRunning('new')}`]],
    [
      'waiting for nobody beside one that fails',
      [failing, waitingForLong],
      {},
      [`${failuresOf('clicks')}its errors in full, or ${historyOf('clicks')}`, `shop.new has waited for 2 min: ${isOneRunning('new')}`],
    ],
    [
      'failing, and then waiting for nobody',
      [{ ...failing, since: now - 5 * minute }],
      {},
      [
        `${failuresOf('clicks')}its errors in full, or ${historyOf('clicks')}`,
        `shop.clicks has waited for 5 min: ${isOneRunning('clicks')}`,
      ],
    ],
    ['waiting while another one is tiered', [waitingForLong], { Tiering: 1 }, []],
    ['waiting since a moment ago', [{ ...waitingForLong, since: now - minute }], {}, []],
    ['waiting before it is late', [{ ...waitingForLong, staleAt: now - minute }], {}, []],
    ['late while it is tiered', [{ ...waitingForLong, status: 'Tiering' }], {}, []],
    ['well again, the first of some', [orders, orders], {}, []],
    ['well again', [orders], {}, [`${failuresOf('orders')}its past errors`]],
    ['well', [{ ...orders, failures: 0 }], {}, []],
  ])('%s says what to do next', (_name, tables, counts, steps) => {
    const scope = { database: 'shop', ...(tables.length === 1 ? { table: 'one' } : {}) };
    expect(nextSteps({ tables, counts: { Scheduled: 0, Pending: 0, Tiering: 0, ...counts } }, scope, now)).toEqual(steps);
  });

  test('in a line when it changes', () => {
    const line = '13:59:55  shop.clicks  Pending, failing 12x  java.io.IOException: No space left on device';
    expect(renderChange(failing, paper, now)).toBe(line);
    expect(renderChange({ ...orders, status: 'Tiering', service: 's1' }, paper, now)).toBe('13:59:00  shop.orders  Tiering by s1');
    expect(renderChange({ ...orders, status: 'Removed' }, paper, now)).toBe('14:00:00  shop.orders  not tiered any more');
  });
});

/** @param inRow how many failures in a row it is the last of @param ago seconds */
const failure = (tableId: number, inRow: number, ago: number, error?: string): TieringFailure => ({
  tableId,
  database: 'shop',
  table: `t${tableId}`,
  tieringEpoch: inRow,
  service: 's1',
  because: 'REPORTED',
  at: now - ago * 1000,
  failuresInRow: inRow,
  durationMs: 12_000,
  position: 1000 - ago,
  ...(error === undefined ? {} : { error }),
});

describe('failures', () => {
  test('that say the same are told in one, also when those of other tables lie between', () => {
    const groups = sameFailures([
      failure(1, 5, 1, 'full'),
      failure(2, 2, 2, 'denied'),
      failure(1, 4, 3, 'full'),
      failure(2, 1, 4, 'denied'),
      failure(1, 3, 5, 'full'),
    ]);
    expect(groups.map(({ count, newest, oldest }) => [newest.table, count, newest.position, oldest.position])).toEqual([
      ['t1', 3, 999, 995],
      ['t2', 2, 998, 996],
    ]);
  });

  test.each<[string, TieringFailure, TieringFailure]>([
    ['another error', failure(1, 2, 1, 'full'), failure(1, 1, 2, 'denied')],
    ['a success between them', failure(1, 1, 1, 'full'), failure(1, 4, 2, 'full')],
    ['another cause', { ...failure(1, 2, 1, 'silent'), because: 'TIMED_OUT' }, failure(1, 1, 2, 'silent')],
    ['no error', failure(1, 2, 1), failure(1, 1, 2, 'full')],
  ])('%s is told by itself', (_name, later, earlier) => expect(sameFailures([later, earlier])).toHaveLength(2));

  test.each<[string, readonly TieringFailure[], string]>([
    ['from its first one on', [failure(1, 2, 1, 'full'), failure(1, 1, 2, 'full')], ' · same error 2 times since 13:59:58'],
    [
      'after another error',
      [failure(1, 3, 1, 'full'), failure(1, 2, 2, 'full'), failure(1, 1, 3, 'denied')],
      ' · same error 2 times since 13:59:58 · 3 failures in a row',
    ],
    [
      'from before what was read',
      [failure(1, 3, 1, 'full'), failure(2, 1, 2, 'full'), failure(1, 2, 3, 'full')],
      ' · same error at least 2 times, since before 13:59:57 · 3 failures in a row',
    ],
    ['as the one failure that was read', [failure(1, 3, 1, 'full')], ' · 3 failures in a row'],
  ])('of a series that is told %s', (_name, failures, words) =>
    expect(renderFailures(failures, paper, now)[0]?.split('position 999')[1]).toBe(words),
  );

  test('have their errors in full', () => {
    const timedOut: TieringFailure = { ...failure(2, 1, 60, 'No heartbeat'), because: 'TIMED_OUT', durationMs: 2 * minute };
    expect(renderFailures([failure(1, 7, 1, 'full\nof it'), failure(1, 6, 30, 'full\nof it'), timedOut], paper, now)).toEqual([
      'shop.t1  13:59:59  round 7 at s1 failed after 12 s · position 999 · ' +
        'same error at least 2 times, since before 13:59:30 · 7 failures in a row',
      '  full',
      '  of it',
      'shop.t2  13:59:00  round 1 at s1 timed out after 2 min · position 940',
      '  No heartbeat',
    ]);
  });
});

test('a screen is drawn in place, and never longer than the terminal', async () => {
  const out = new Paper(true, 80, 12);
  const drawn = new Screen({ out });
  await drawn.draw(['a', 'b']);
  expect(out.text).toBe('\r\u001b[?7la\u001b[K\nb\u001b[K\n\u001b[J\u001b[?7h');
  out.text = '';
  await drawn.draw(['c']);
  expect(out.text).toBe('\u001b[2A\r\u001b[?7lc\u001b[K\n\u001b[J\u001b[?7h');
  out.text = '';
  await drawn.draw(Array.from({ length: 20 }, String));
  expect(out.text.split('\n')).toHaveLength(12);
});

test.each([
  [24, undefined],
  [24, 0],
  [12, 12],
  [5, 5],
  [3, 1],
])('a screen takes %i rows of a terminal with %s', async (lines, rows) => {
  const out = Object.assign(new Paper(true, 80), { rows });
  await new Screen({ out }).draw(Array.from({ length: 30 }, String));
  expect(out.text.split('\n')).toHaveLength(lines);
});
