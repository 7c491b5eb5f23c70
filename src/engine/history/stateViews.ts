import { redacted } from '../../../events/kit.ts';
import { plain } from '../../../projections/kit.ts';
import { initialState, type State } from '../../../projections/state.ts';
import { Table } from '../../../projections/table.ts';
import { HistoryRefused, type StateOptions, type StateThen } from './port.ts';

/** What the fold keeps for itself: no operator changed it, and it changes with every event. */
const bookkeeping: readonly (readonly [string, string?])[] = [
  ['position'],
  ['index'],
  ['at'],
  ['epoch'],
  ['hash'],
  ['commands'],
  ['subjects'],
  ['deadlines', 'hours'],
  ...['agenda', 'queue', 'queueHead', 'queueEnd', 'rounds', 'failing', 'formerEpochs'].map((part) => ['tiering', part] as const),
];
export const isBookkeeping = (path: readonly (string | number)[]): boolean =>
  bookkeeping.some(([field, part]) => path[0] === field && (part === undefined || path[1] === part));

const isProjection = (name: string, value: unknown): boolean => name !== 'hash' && typeof value === 'object';
const projectionNames = Object.entries(initialState()).flatMap(([name, value]) => (isProjection(name, value) ? [name] : []));

/** A state over this size is not sent in one piece. */
const viewCharacters = 16 * 1024 * 1024;
/** What JSON puts around a key and its value. */
const aroundKey = '"":,'.length;

/**
 * A state for people. It is made row by row and given up as soon as it is too large: made whole first, it would take several times the
 * memory of the state.
 * @param at of its event.
 * @param most characters of JSON.
 * @throws HistoryRefused MALFORMED_REQUEST for a projection that there is not, TOO_LARGE
 */
export function viewOf(state: State, { projections }: StateOptions = {}, most = viewCharacters): StateThen {
  const unknown = projections?.find((name) => !projectionNames.includes(name));
  if (unknown !== undefined)
    throw new HistoryRefused('MALFORMED_REQUEST', `there is no projection '${unknown}'`, `Projections are: ${projectionNames.join(', ')}.`);
  const chosen = projections ?? projectionNames.filter((name) => !isBookkeeping([name]));
  const view: Record<string, unknown> = {};
  let left = most;
  const take = (characters: number): void => {
    left -= characters;
    if (left < 0) throw tooLarge(most);
  };
  for (const name of chosen) {
    take(name.length + aroundKey);
    const parts = Object.entries(state[name as keyof State]);
    view[name] = shownRows(
      // What is bookkeeping within one only when it was asked for by name.
      parts.filter(([part]) => projections !== undefined || !isBookkeeping([name, part])),
      take,
    );
  }
  return { position: state.position, at: state.at, epoch: state.epoch, state: view };
}

const tooLarge = (most: number): HistoryRefused =>
  new HistoryRefused(
    'TOO_LARGE',
    `the state is more than ${most} characters of JSON`,
    `Ask for one of its projections (${projectionNames.join(', ')}), or use SELECT over the sys tables.`,
  );

type Take = (characters: number) => void;

function shownRows(rows: Iterable<readonly [key: string, value: unknown]>, take: Take): unknown {
  const shown: [string, unknown][] = [];
  for (const [key, value] of rows) {
    take(key.length + aroundKey);
    shown.push([key, shownValue(value, take)]);
  }
  return Object.fromEntries(shown);
}

/** @param take is told how large it is, no later than a row of a table is made */
function shownValue(value: unknown, take: Take): unknown {
  if (value instanceof Table) return shownRows(rowsInOrder(value), take);
  const isOfTables = typeof value === 'object' && value !== null && Object.values(value).some((part) => part instanceof Table);
  if (isOfTables && !Array.isArray(value)) return shownRows(Object.entries(value), take);
  const shown = redacted(plain(value));
  take(JSON.stringify(shown)?.length ?? 0);
  return shown;
}

function* rowsInOrder(table: Table<unknown>): Generator<readonly [string, unknown]> {
  for (const key of table.keys()) yield [key, table.get(key)];
}
