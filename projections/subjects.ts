import { subjectsOf } from '../events/index.ts';
import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

/** Where the events of one subject lie: how many, the first, the newest ones (ascending, at most 16). */
export interface SubjectRow {
  readonly count: number;
  readonly first: number;
  readonly recent: readonly number[];
}
/** An index over the log by subject (`config/datalake.format`, `coordinator/n1`): a stream is this index, not a log of its own. */
export interface Subjects {
  readonly byName: Table<SubjectRow>;
}
const recentLength = 16;

export const subjects = defineProjection<Subjects>({
  name: 'subjects',
  version: 1,
  initial: () => ({ byName: Table.empty() }),
  on: {},
  onEvery: (state, { event, position }) => {
    for (const subject of subjectsOf(event)) {
      state.byName = state.byName.update(subject, (row) =>
        row === undefined
          ? { count: 1, first: position, recent: [position] }
          : { count: row.count + 1, first: row.first, recent: appended(row.recent, position) },
      );
    }
  },
});

/** Exactly as long as it is: there is one for every subject. */
function appended(recent: readonly number[], position: number): readonly number[] {
  if (recent.length < recentLength) return [...recent, position];
  const next = recent.slice();
  for (let i = 1; i < recentLength; i += 1) next[i - 1] = next[i] as number;
  next[recentLength - 1] = position;
  return next;
}

export const subjectOf = (state: Subjects, subject: string): SubjectRow | undefined => state.byName.get(subject);
