import { redacted } from '../../../events/kit.ts';
import { plain } from '../../../projections/kit.ts';
import { initialState, type State } from '../../../projections/state.ts';
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

/**
 * A state for people. @param at of its event.
 * @throws HistoryRefused MALFORMED_REQUEST for a projection that there is not, TOO_LARGE
 */
export function viewOf(state: State, { projections }: StateOptions = {}): StateThen {
  const unknown = projections?.find((name) => !projectionNames.includes(name));
  if (unknown !== undefined)
    throw new HistoryRefused('MALFORMED_REQUEST', `there is no projection '${unknown}'`, `Projections are: ${projectionNames.join(', ')}.`);
  const chosen = projections ?? projectionNames.filter((name) => !isBookkeeping([name]));
  const view: Record<string, unknown> = {};
  for (const name of chosen) view[name] = shownOf(name, state[name as keyof State], projections !== undefined);
  const characters = JSON.stringify(view).length;
  if (characters > viewCharacters)
    throw new HistoryRefused(
      'TOO_LARGE',
      `the state is ${characters} characters of JSON, more than ${viewCharacters}`,
      `Ask for one of its projections (${projectionNames.join(', ')}), or use SELECT over the sys tables.`,
    );
  return { position: state.position, at: state.at, epoch: state.epoch, state: view };
}

/** One projection; what is bookkeeping within it only when it was asked for by name. */
function shownOf(name: string, projection: unknown, isAskedFor: boolean): unknown {
  const parts = Object.entries(projection as object).filter(([part]) => isAskedFor || !isBookkeeping([name, part]));
  return redacted(plain(Object.fromEntries(parts)));
}
