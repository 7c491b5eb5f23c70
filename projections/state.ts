import { freeze, produce } from 'immer';
import { type Entry, genesisHash } from '../events/envelope.ts';
import { type Acls, acls } from './acls.ts';
import { type Buckets, buckets } from './buckets.ts';
import { type Catalog, catalog } from './catalog.ts';
import { type Clusters, clusters } from './clusters.ts';
import { type Commands, commands } from './commands.ts';
import { type ComputeNodes, computeNodes } from './computeNodes.ts';
import { type Configs, configs } from './configs.ts';
import { type Coordinators, coordinators } from './coordinators.ts';
import { type DataKeys, dataKeys } from './dataKeys.ts';
import { type Deadlines, deadlines } from './deadlines.ts';
import { type Instances, instances } from './instances.ts';
import { type Projection, type Recorded, ReplayFault, type Writable } from './kit.ts';
import { type Leadership, leadership } from './leadership.ts';
import { type Rebalances, rebalance } from './rebalance.ts';
import { type Servers, servers } from './servers.ts';
import { type ServerTags, serverTags } from './serverTags.ts';
import { type Storage, storage } from './storage.ts';
import { type Subjects, subjects } from './subjects.ts';
import { seal, Table, unseal } from './table.ts';
import { type Tablets, tablets } from './tablets.ts';
import { type Tiering, tiering } from './tiering.ts';
import { type Tokens, tokens } from './tokens.ts';
import { type Transactions, transactions } from './transactions.ts';

/** Every table there is, and how far into the log it goes. Nothing but a fold of the log ever makes one. */
export interface State {
  /** Of the newest event, and of its entry: position, entry index, epoch milliseconds, epoch, hash. All 0 before the first. */
  readonly position: number;
  readonly index: number;
  readonly at: number;
  readonly epoch: number;
  readonly hash: string;
  readonly configs: Configs;
  readonly leadership: Leadership;
  readonly coordinators: Coordinators;
  readonly instances: Instances;
  readonly storage: Storage;
  readonly clusters: Clusters;
  readonly computeNodes: ComputeNodes;
  readonly transactions: Transactions;
  readonly tablets: Tablets;
  readonly acls: Acls;
  readonly dataKeys: DataKeys;
  readonly tokens: Tokens;
  readonly servers: Servers;
  readonly serverTags: ServerTags;
  readonly catalog: Catalog;
  readonly buckets: Buckets;
  readonly rebalance: Rebalances;
  readonly tiering: Tiering;
  readonly commands: Commands;
  readonly deadlines: Deadlines;
  readonly subjects: Subjects;
}

/** A projection adds its line here, and its table to `State`. */
const projections = {
  configs,
  leadership,
  coordinators,
  instances,
  storage,
  clusters,
  computeNodes,
  transactions,
  tablets,
  acls,
  dataKeys,
  tokens,
  servers,
  serverTags,
  catalog,
  buckets,
  rebalance,
  tiering,
  commands,
  deadlines,
  subjects,
} as const;
type Family = keyof typeof projections;
type AnyFold = (state: unknown, recorded: Recorded) => void;
const families = Object.keys(projections) as readonly Family[];

/** For each event type the folds that want it, looked up once. */
const foldsByType = new Map<string, readonly { readonly family: Family; readonly fold: AnyFold }[]>();
const everyFold = families.flatMap((family) => {
  const { onEvery } = projections[family] as Projection<unknown>;
  return onEvery === undefined ? [] : [{ family, fold: onEvery as AnyFold }];
});
for (const family of families)
  for (const [type, fold] of Object.entries(projections[family].on))
    foldsByType.set(type, [...(foldsByType.get(type) ?? []), { family, fold: fold as unknown as AnyFold }]);

/** The state before the first entry; a new one at each call. */
export const initialState = (): State => ({
  position: 0,
  index: 0,
  at: 0,
  epoch: 0,
  hash: genesisHash,
  configs: configs.initial(),
  leadership: leadership.initial(),
  coordinators: coordinators.initial(),
  instances: instances.initial(),
  storage: storage.initial(),
  clusters: clusters.initial(),
  computeNodes: computeNodes.initial(),
  transactions: transactions.initial(),
  tablets: tablets.initial(),
  acls: acls.initial(),
  dataKeys: dataKeys.initial(),
  tokens: tokens.initial(),
  servers: servers.initial(),
  serverTags: serverTags.initial(),
  catalog: catalog.initial(),
  buckets: buckets.initial(),
  rebalance: rebalance.initial(),
  tiering: tiering.initial(),
  commands: commands.initial(),
  deadlines: deadlines.initial(),
  subjects: subjects.initial(),
});

/** The versions of all folds: a stored state is only good for the same ones. */
export const foldVersions = (): Readonly<Record<string, number>> =>
  Object.fromEntries(families.map((family) => [family, projections[family].version]));

/** Folds one event into a draft or a plain mutable state. @throws ReplayFault naming the position */
export function foldEvent(state: Writable<State>, recorded: Recorded): void {
  try {
    for (const { family, fold } of foldsByType.get(recorded.event.type) ?? []) fold(writable(state, family), recorded);
    for (const { family, fold } of everyFold) fold(writable(state, family), recorded);
  } catch (error) {
    throw new ReplayFault(`${recorded.event.type}: ${error instanceof Error ? error.message : String(error)}`, recorded.position);
  }
  state.position = recorded.position;
}

/** A family to be written into. A frozen one is part of a finished state: the batch gets a copy, once. */
function writable(state: Writable<State>, family: Family): unknown {
  const present = state[family];
  if (!Object.isFrozen(present)) return present;
  const copy = thaw(present);
  Object.assign(state, { [family]: copy });
  return copy;
}

function foldInto(state: Writable<State>, entry: Entry): void {
  checkSuccession(state, entry);
  const { at, epoch } = entry;
  let position = entry.firstPosition;
  for (const event of entry.events) {
    foldEvent(state, { position, at, epoch, event });
    position += 1;
  }
  finishEntry(state, entry);
}

/** An entry must be the one after the state's last: index, position, hash chain, and neither time nor epoch goes back. */
function checkSuccession(state: State, entry: Entry): void {
  const fault = (what: string): never => {
    throw new ReplayFault(`entry ${entry.index} ${what}`, entry.firstPosition);
  };
  if (entry.index !== state.index + 1) fault(`does not follow entry ${state.index}`);
  if (entry.firstPosition !== state.position + 1) fault(`begins at position ${entry.firstPosition}, not ${state.position + 1}`);
  if (entry.previousHash !== state.hash) fault('does not carry the hash of the entry before it: the chain is broken');
  if (entry.at < state.at) fault(`is dated ${entry.at}, before ${state.at}`);
  if (entry.epoch < state.epoch) fault(`is of epoch ${entry.epoch}, after ${state.epoch}`);
}

/** Writes down where a folded entry ended. */
export function finishEntry(state: Writable<State>, entry: Pick<Entry, 'index' | 'at' | 'epoch' | 'hash'>): void {
  state.index = entry.index;
  state.at = entry.at;
  state.epoch = entry.epoch;
  state.hash = entry.hash;
}

/** The state after one more entry: one draft for the whole batch. @throws ReplayFault; the state given stays as it was. */
export function foldEntry(state: State, entry: Entry): State {
  unseal();
  try {
    return produce(state, (draft: Writable<State>) => foldInto(draft, entry));
  } finally {
    seal();
  }
}

/**
 * A copy of a state, for a leader that decides and folds one command after the other, all in one synchronous stretch that ends
 * with `finishState`. What is not written into stays the same object; the state given stays as it is.
 */
export function draftState(state: State): Writable<State> {
  unseal();
  return mutable(state);
}
export function finishState(draft: Writable<State>): State {
  seal();
  return freeze(draft as State, true);
}

function mutable(state: State): Writable<State> {
  const copy = { ...state } as Writable<State>;
  for (const family of families) if (!Object.isFrozen(state[family])) Object.assign(copy, { [family]: thaw(state[family]) });
  return copy;
}

export interface BulkFold {
  /** @throws ReplayFault, after which the fold is of no more use */
  add(entries: readonly Entry[]): void;
  readonly position: number;
  finish(): State;
}

/**
 * Folds many entries on a plain mutable state: the same folds without drafts, one freeze at the end.
 * @param from the state to go on from; it stays as it is.
 */
export function bulkFold(from: State = initialState()): BulkFold {
  const state = mutable(from);
  const batch = {};
  return {
    add: (entries) => {
      unseal(batch);
      try {
        for (const entry of entries) foldInto(state, entry);
      } finally {
        seal();
      }
    },
    get position(): number {
      return state.position;
    },
    finish: () => freeze(state as State, true),
  };
}

/** A copy of everything but the tables, which are never changed in place. */
function thaw(value: unknown): unknown {
  if (value instanceof Table || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(thaw);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, thaw(part)]));
}
