import { invariant } from './kit.ts';

/**
 * The seven states of a lake table, and every way from one to the next.
 * @see Fluss, LakeTableTieringManager.TieringState; contract: fluss-semantics 6.1.
 */
export const tieringStates = ['New', 'Initialized', 'Scheduled', 'Pending', 'Tiering', 'Tiered', 'Failed'] as const;
export type TieringState = (typeof tieringStates)[number];
/** Where a table stays until something happens; the others are passed through at once. */
export const restingStates = ['Scheduled', 'Pending', 'Tiering'] as const satisfies readonly TieringState[];
export type RestingState = (typeof restingStates)[number];

/**
 * What can happen to a lake table.
 * - `added`, `found`: it is created or switched on; a leader finds it in a log from before tiering was kept.
 * - `scheduled`: its timer is set. `due`: the timer has run off.
 * - `handedOut`, `finished`, `failed`, `timedOut`: a service takes it, reports success, reports failure, is not heard of.
 * - `forced`: the round that finished was cut short. `retried`: the round that failed is to be done again.
 */
export const tieringCauses = [
  'added',
  'found',
  'scheduled',
  'due',
  'handedOut',
  'finished',
  'forced',
  'failed',
  'timedOut',
  'retried',
] as const;
export type TieringCause = (typeof tieringCauses)[number];

/** `none`: the table was not tiered before. */
const transitions: Readonly<Record<TieringCause, { readonly from: readonly (TieringState | 'none')[]; readonly to: TieringState }>> = {
  added: { from: ['none'], to: 'New' },
  found: { from: ['none'], to: 'Initialized' },
  scheduled: { from: ['New', 'Initialized', 'Tiered'], to: 'Scheduled' },
  due: { from: ['Scheduled'], to: 'Pending' },
  handedOut: { from: ['Pending'], to: 'Tiering' },
  finished: { from: ['Tiering'], to: 'Tiered' },
  forced: { from: ['Tiered'], to: 'Pending' },
  failed: { from: ['Tiering'], to: 'Failed' },
  timedOut: { from: ['Tiering'], to: 'Failed' },
  retried: { from: ['Failed'], to: 'Pending' },
};

/** @returns the state after it; undefined when it cannot happen to a table in this state */
export function stateAfter(from: TieringState | 'none', cause: TieringCause): TieringState | undefined {
  const transition = transitions[cause];
  return transition.from.includes(from) ? transition.to : undefined;
}

/** Where a table comes to rest after these, one after the other. @throws ReplayFault when one of them cannot happen to it */
export function restingAfter(from: TieringState | 'none', causes: readonly TieringCause[]): RestingState {
  let state = from;
  for (const cause of causes) {
    const next = stateAfter(state, cause);
    invariant(next !== undefined, `a table that is ${state} cannot be ${cause}`);
    state = next;
  }
  const resting = restingStates.find((each) => each === state);
  invariant(resting !== undefined, `a table does not stay ${state}`);
  return resting;
}
