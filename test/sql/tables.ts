/** Small tables for queries: what a moment holds can be read off its rows. */

import type { Hint } from '../../src/engine/history/selector.ts';
import type { Column, SourceCell } from '../../src/interfaces/sql/cells.ts';
import type { Moment, TableSource } from '../../src/interfaces/sql/select.ts';

const column = (name: string, type: Column['type']): Column => ({ name, type, about: `the ${name}` });

export interface Asked {
  readonly table: string;
  readonly moment: Moment;
  readonly hint: Hint | undefined;
}

/** `moments` has one row, its moment as text; `events` has `eventCount` rows, positions from 1; `kinds` has one column of each type. */
export class TestSource implements TableSource {
  readonly asked: Asked[] = [];
  eventCount = 20;
  /** Set to answer for every table in place of its rows. */
  answer: ((table: string) => Promise<Iterable<readonly SourceCell[]>>) | undefined;

  tables(): readonly string[] {
    return ['moments', 'events', 'kinds'];
  }

  columns(table: string): readonly Column[] | undefined {
    if (table === 'moments') return [column('moment', 'VARCHAR'), column('data', 'JSON')];
    if (table === 'events')
      return [column('position', 'BIGINT'), column('type', 'VARCHAR'), column('server', 'INTEGER'), column('data', 'JSON')];
    return [
      column('text', 'VARCHAR'),
      column('big', 'BIGINT'),
      column('small', 'INTEGER'),
      column('real', 'DOUBLE'),
      column('yes', 'BOOLEAN'),
      column('time', 'TIMESTAMP_LTZ(3)'),
      column('data', 'JSON'),
    ];
  }

  rows(table: string, moment: Moment, hint: Hint | undefined): Promise<Iterable<readonly SourceCell[]>> {
    this.asked.push({ table, moment, hint });
    if (this.answer !== undefined) return this.answer(table);
    if (table === 'moments') return Promise.resolve([[momentText(moment), '{"moment":"field"}']]);
    return Promise.resolve(table === 'events' ? events(this.eventCount) : kinds);
  }
}

export const momentText = (moment: Moment): string =>
  moment.kind === 'now' ? 'now' : moment.kind === 'version' ? `@${moment.position}` : new Date(moment.at).toISOString();

export function* events(count: number): Generator<readonly [position: number, type: string, server: number | null, data: string]> {
  for (let i = 1; i <= count; i++)
    yield [i, ['ConfigSet', 'AclAdded', 'ServersTagged'][i % 3] ?? '', i % 5 === 0 ? null : i % 4, `{"type":"ConfigSet","n":${i}}`];
}

const noon = Date.UTC(2026, 6, 1, 12);
const kinds: readonly (readonly SourceCell[])[] = [
  ['日本😀', 9007199254740993n, -2147483647, 0.1, true, noon, '{"big":9007199254740993,"list":[1,"x"]}'],
  ['', '12', 0, Number.NaN, false, noon + 1, '"text"'],
  [null, null, null, null, null, null, null],
];
