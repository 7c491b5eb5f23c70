import { createHash } from 'node:crypto';
import { canonicalJson } from '../events/canonicalJson.ts';
import type { LoggedEvent } from '../events/envelope.ts';
import type { ChanceryEvent } from '../events/index.ts';
import { Table } from './table.ts';

/** The log contradicts itself, or the fold is wrong: the node must stop rather than serve a wrong table. */
export class ReplayFault extends Error {
  readonly position: number | undefined;
  constructor(message: string, position?: number) {
    super(position === undefined ? message : `position ${position}: ${message}`);
    this.name = 'ReplayFault';
    this.position = position;
  }
}

/** What must hold in every fold. @throws ReplayFault */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new ReplayFault(message);
}

/** What a fold sees of an event: nothing but the log. `at` is the entry's time in epoch milliseconds. */
export interface Recorded<E extends ChanceryEvent = ChanceryEvent> {
  readonly position: number;
  readonly at: number;
  readonly epoch: number;
  readonly event: LoggedEvent<E>;
}

/** A state inside a fold: its own fields may be assigned; a `Table` is replaced by what its `set` and `delete` return. */
export type Writable<T> =
  T extends Table<infer _>
    ? T
    : T extends readonly (infer U)[]
      ? Writable<U>[]
      : T extends object
        ? { -readonly [K in keyof T]: Writable<T[K]> }
        : T;

type Fold<S, E extends ChanceryEvent> = (state: Writable<S>, recorded: Recorded<E>) => void;
export type Folds<S> = { readonly [T in ChanceryEvent['type']]?: Fold<S, Extract<ChanceryEvent, { readonly type: T }>> };

export interface Projection<S> {
  readonly name: string;
  /** Grows when the fold changes meaning: older snapshots are then folded again from the log. */
  readonly version: number;
  /** A new, unshared value at each call: a bulk replay writes into it. */
  readonly initial: () => S;
  readonly on: Folds<S>;
  /** Sees every event, after `on`. */
  readonly onEvery?: Fold<S, ChanceryEvent>;
}

/** Declares a projection: a pure fold that runs on an immer draft or on the plain value, with the same bytes as outcome. */
export const defineProjection = <S>(projection: Projection<S>): Projection<S> => projection;

function* digestible(value: unknown): Generator<void, unknown> {
  if (value instanceof Table) return { size: value.size, hash: yield* value.hashing() };
  if (typeof value !== 'object' || value === null) return value;
  const parts: [string, unknown][] = [];
  for (const [key, part] of Object.entries(value)) parts.push([key, yield* digestible(part)]);
  return Array.isArray(value) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

/**
 * SHA-256, in hex, of a state as JSON with sorted keys, each table replaced by its size and hash: it costs what changed since the
 * last one. Equal on all nodes that folded the same log, whether in one draft per batch or in bulk. Made in steps of at most some
 * hundred rows, so that whoever has other work can do it between them.
 */
export function* stateHashing(state: unknown): Generator<void, string> {
  return createHash('sha256')
    .update(canonicalJson(yield* digestible(state)))
    .digest('hex');
}

/** `stateHashing` in one go. */
export const stateHash = (state: unknown): string => resultOf(stateHashing(state));

/** What a computation in steps returns, all steps at once. */
export function resultOf<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** A state as plain JSON data, tables as objects with their keys ascending: what `chancery at` prints. */
export function plain(value: unknown): unknown {
  if (value instanceof Table) return Object.fromEntries(value.keys().map((key) => [key, plain(value.get(key))]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}
