import { dataKeyLimits } from '../events/dataKeys.ts';
import type { SealedText } from '../events/kit.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';

/** An act on a key: where, when (epoch milliseconds) and by whom. */
interface Mark {
  readonly position: number;
  readonly at: number;
  readonly principal: string;
}
export interface DataKeyRow {
  readonly created: Mark;
  /** The key, sealed with a master key; absent once it is shredded. */
  readonly wrapped?: SealedText;
  readonly shredded?: Mark;
}
/** The keys that seal secrets. At most `dataKeyLimits` of each kind. */
export interface DataKeys {
  readonly byId: Readonly<Record<string, DataKeyRow>>;
  /** The key that seals what comes; absent as long as there is none: then the master key seals. */
  readonly current?: string;
  readonly live: number;
  readonly shredded: number;
}

export const dataKeys = defineProjection<DataKeys>({
  name: 'dataKeys',
  version: 1,
  initial: () => ({ byId: {}, live: 0, shredded: 0 }),
  on: {
    DataKeyCreated: (state, { event: { act, data }, position, at }) => {
      invariant(!Object.hasOwn(state.byId, data.keyId), `there is a data key ${data.keyId} already`);
      state.byId[data.keyId] = { created: { at, position, principal: act.principal }, wrapped: data.wrapped };
      state.current = data.keyId;
      state.live += 1;
    },
    DataKeysRewrapped: (state, { event: { data } }) => {
      for (const { keyId, wrapped } of data.keys) liveRow(state, keyId).wrapped = wrapped;
    },
    DataKeyShredded: (state, { event: { act, data }, position, at }) => {
      const row = liveRow(state, data.keyId);
      invariant(data.keyId !== state.current, `data key ${data.keyId} is the one that seals`);
      delete row.wrapped;
      row.shredded = { at, position, principal: act.principal };
      state.live -= 1;
      state.shredded += 1;
      if (state.shredded > dataKeyLimits.shredded) forgetOldestShredded(state);
    },
  },
});

function liveRow(state: Writable<DataKeys>, id: string): Writable<DataKeyRow> {
  const row = Object.hasOwn(state.byId, id) ? state.byId[id] : undefined;
  invariant(row?.wrapped !== undefined, `there is no data key ${id}`);
  return row;
}

function forgetOldestShredded(state: Writable<DataKeys>): void {
  const [oldest] = Object.entries(state.byId)
    .flatMap(([id, { shredded }]) => (shredded === undefined ? [] : [{ id, position: shredded.position }]))
    .sort((a, b) => a.position - b.position);
  invariant(oldest !== undefined, 'no data key was shredded');
  delete state.byId[oldest.id];
  state.shredded -= 1;
}

export const dataKeyOf = ({ byId }: DataKeys, id: string): DataKeyRow | undefined => (Object.hasOwn(byId, id) ? byId[id] : undefined);
export const currentDataKey = (state: DataKeys): string | undefined => state.current;

/** All keys that are known, oldest first. */
export const dataKeyRows = ({ byId }: DataKeys): readonly (DataKeyRow & { readonly keyId: string })[] =>
  Object.entries(byId)
    .map(([keyId, row]) => ({ keyId, ...row }))
    .sort((a, b) => a.created.position - b.created.position);

/** Those that can still open something, oldest first. */
export const liveDataKeys = (state: DataKeys): readonly { readonly keyId: string; readonly wrapped: SealedText }[] =>
  dataKeyRows(state).flatMap(({ keyId, wrapped }) => (wrapped === undefined ? [] : [{ keyId, wrapped }]));

/** The key that sealed what was logged at a position: the newest of those created before it. */
export const dataKeyBefore = (state: DataKeys, position: number): string | undefined =>
  dataKeyRows(state).findLast(({ created }) => created.position < position)?.keyId;
