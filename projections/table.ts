import { hash } from 'node:crypto';
import { canonicalJson } from '../events/canonicalJson.ts';

/**
 * Rows, flat: key, value, digest of both once somebody asked for it, hash of the key, key, value, … At most `leafRows` of them, but for
 * keys whose whole hashes are equal. `owner` is the batch that made it, see `unseal`; `digest` is that of its rows once somebody asked
 * for it.
 */
interface Leaf<V> {
  readonly isLeaf: true;
  readonly owner: object | undefined;
  digest: string | undefined;
  readonly rows: (string | number | V | undefined)[];
}
/** More rows than a leaf holds, by the next bits of their hashes. */
interface Branch<V> {
  readonly isLeaf: false;
  readonly owner: object | undefined;
  digest: string | undefined;
  size: number;
  readonly parts: Part<V>[];
}
type Part<V> = Leaf<V> | Branch<V> | undefined;

/** Places of a row in its leaf. */
const stride = 4;
const leafRows = 32;
const bitsPerLevel = 4;
const fanOut = 1 << bitsPerLevel;
const hashBits = 32;

/** Whoever folds a batch owns the nodes made for it and may write into them again; everybody else's nodes are copied first. */
let owner: object | undefined;

/**
 * Begins a batch: from here to `seal`, tables reuse what they have copied. Synchronous code only.
 * @param batch goes on with a batch that was ended, of which nobody has seen a table meanwhile.
 */
export function unseal(batch: object = {}): void {
  owner = batch;
}
/** Ends a batch: nothing made in it is written again, unless the batch itself goes on. */
export function seal(): void {
  owner = undefined;
}

let newestKey: string | undefined;
let newestHash = 0;
/** FNV-1a over the key's code units. The newest is kept: one key is often asked for in several tables, one after the other. */
export function hashOfKey(key: string): number {
  if (key === newestKey) return newestHash;
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  newestKey = key;
  newestHash = hash;
  return hash;
}

/** So many keys that are consecutive whole numbers lie in one leaf; only the last level of the tree tells them apart. */
const neighbours = fanOut;

/**
 * Where a key lies: its hash with the bits stirred, for each level of the tree looks at four of them. Whole numbers are ids and places in
 * queues, and what is done to one is soon done to the next: with its neighbours in one leaf, a batch copies that leaf once for all of them.
 */
function scattered(key: string): number {
  const number = wholeNumber(key);
  if (number < 0) return stirred(hashOfKey(key));
  const group = Math.floor(number / neighbours);
  return (stirred(group) & (2 ** (hashBits - bitsPerLevel) - 1)) | ((number % neighbours) << (hashBits - bitsPerLevel));
}

/** MurmurHash3's last step. */
function stirred(bits: number): number {
  let hash = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A number of at most nine digits, else -1. Any function of the key would do: numbers with leading zeros need not be told apart. */
function wholeNumber(key: string): number {
  if (key.length === 0 || key.length > 9) return -1;
  let number = 0;
  for (let i = 0; i < key.length; i += 1) {
    const digit = key.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
const branchAt = (hash: number, shift: number): number => (hash >>> shift) & (fanOut - 1);

const leafOf = <V>(rows: Leaf<V>['rows']): Leaf<V> => ({ isLeaf: true, owner, digest: undefined, rows });
const branchOf = <V>(parts: Part<V>[], size: number): Branch<V> => ({ isLeaf: false, owner, digest: undefined, size, parts });
const sizeOf = <V>(part: Part<V>): number => (part === undefined ? 0 : part.isLeaf ? part.rows.length / stride : part.size);

/** The same node when this batch made it, else a copy that this batch owns; to be written to, so its digest is gone. */
function writable<N extends Leaf<unknown> | Branch<unknown>>(node: N): N;
function writable<V>(node: Leaf<V> | Branch<V>): Leaf<V> | Branch<V> {
  if (owner === undefined || node.owner !== owner) return node.isLeaf ? leafOf(node.rows.slice()) : branchOf(node.parts.slice(), node.size);
  node.digest = undefined;
  return node;
}

/**
 * A persistent map from text to values for collections that may pass 1,000 keys: a change copies one leaf and the few short branches
 * above it, and within a batch nothing twice. A draft would copy the whole collection each time.
 * How the tree looks depends on the keys alone, so equal contents have equal hashes. Values must not be changed once they are in; a value
 * that is an object may hold tables itself.
 */
export class Table<V> {
  readonly #root: Part<V>;

  private constructor(root: Part<V>) {
    this.#root = root;
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  static empty<V>(): Table<V> {
    return new Table<V>(undefined);
  }

  get(key: string): V | undefined {
    const hash = scattered(key);
    const rows = leafWith(this.#root, hash)?.rows;
    return rows === undefined ? undefined : (rows[placeOf(rows, key, hash) + 1] as V | undefined);
  }

  has(key: string): boolean {
    const hash = scattered(key);
    const rows = leafWith(this.#root, hash)?.rows;
    return rows !== undefined && placeOf(rows, key, hash) < rows.length;
  }

  /**
   * The table with this row; the old one stays as it was, unless this batch made it: within a batch only the newest version of a
   * table may be used, and not while its rows are being read.
   */
  set(key: string, value: V): Table<V> {
    return this.update(key, () => value);
  }

  /** `set` with a value made from the present one. */
  update(key: string, next: (present: V | undefined) => V): Table<V> {
    return this.#become(updated(this.#root, 0, { key, hash: scattered(key), next }));
  }

  /** The table without this row; the same table when there is none. */
  delete(key: string): Table<V> {
    return this.has(key) ? this.#become(without(this.#root, 0, key, scattered(key))) : this;
  }

  /** This batch's own root means that the table is its own, too. */
  #become(root: Part<V>): Table<V> {
    return root === this.#root ? this : new Table(root);
  }

  /** Every row, in no order that means anything: sort what a person or a plan sees. */
  rows(): Generator<readonly [key: string, value: V]> {
    return rowsOf(this.#root);
  }

  /** Keys ascending by code units. */
  keys(): readonly string[] {
    return [...this.rows()].map(([key]) => key).sort();
  }

  /** What differs from an older table, found without looking at nodes both share. */
  changesSince(older: Table<V>): Generator<TableChange<V>> {
    return differing(older.#root, this.#root);
  }

  /**
   * SHA-256 over the rows, base64, step by step: a step digests the new rows of one leaf, or nothing. What did not change since it was
   * last asked for is not digested again.
   */
  *hashing(): Generator<void, string> {
    return this.#root === undefined ? digestOf('') : (this.#root.digest ?? (yield* hashing(this.#root)));
  }
}

export interface TableChange<V> {
  readonly key: string;
  readonly before: V | undefined;
  readonly after: V | undefined;
}

function leafWith<V>(root: Part<V>, hash: number): Leaf<V> | undefined {
  let node: Part<V> = root;
  for (let shift = 0; node !== undefined && !node.isLeaf; shift += bitsPerLevel) node = node.parts[branchAt(hash, shift)];
  return node;
}

/**
 * Where a row begins in a leaf; the leaf's end when it is not there. Hashes are compared first: they lie in the leaf itself, while each
 * key is somewhere else in memory.
 */
function placeOf(rows: readonly unknown[], key: string, hash: number): number {
  let at = 0;
  while (at < rows.length && (rows[at + 3] !== hash || rows[at] !== key)) at += stride;
  return at;
}

interface Update<V> {
  readonly key: string;
  readonly hash: number;
  readonly next: (present: V | undefined) => V;
}

function updated<V>(node: Part<V>, shift: number, update: Update<V>): Leaf<V> | Branch<V> {
  if (node === undefined) return leafOf([update.key, update.next(undefined), undefined, update.hash]);
  if (!node.isLeaf) return updatedBranch(node, shift, update);
  const at = placeOf(node.rows, update.key, update.hash);
  const isNew = at === node.rows.length;
  if (isNew && at >= leafRows * stride && shift < hashBits) return updatedBranch(split(node, shift), shift, update);
  const leaf = writable(node);
  const { rows } = leaf;
  if (isNew) rows.push(update.key, update.next(undefined), undefined, update.hash);
  else {
    rows[at + 1] = update.next(rows[at + 1] as V);
    rows[at + 2] = undefined;
  }
  return leaf;
}

function updatedBranch<V>(node: Branch<V>, shift: number, update: Update<V>): Branch<V> {
  const branch = writable(node);
  const i = branchAt(update.hash, shift);
  const before = sizeOf(branch.parts[i]);
  const part = updated(branch.parts[i], shift + bitsPerLevel, update);
  branch.parts[i] = part;
  branch.size += sizeOf(part) - before;
  return branch;
}

function split<V>({ rows }: Leaf<V>, shift: number): Branch<V> {
  const branch = branchOf<V>(new Array<Part<V>>(fanOut).fill(undefined), rows.length / stride);
  for (let at = 0; at < rows.length; at += stride) {
    const i = branchAt(rows[at + 3] as number, shift);
    const part = branch.parts[i];
    const row = rows.slice(at, at + stride);
    // A branch that was just made holds nothing but leaves.
    if (part?.isLeaf === true) part.rows.push(...row);
    else branch.parts[i] = leafOf(row);
  }
  return branch;
}

/** A part without a row that it has. What then fits a leaf becomes one, so that equal contents have equal trees. */
function without<V>(node: Part<V>, shift: number, key: string, hash: number): Part<V> {
  if (node === undefined) return node;
  if (node.isLeaf) {
    if (node.rows.length === stride) return undefined;
    const leaf = writable(node);
    leaf.rows.splice(placeOf(leaf.rows, key, hash), stride);
    return leaf;
  }
  const branch = writable(node);
  const i = branchAt(hash, shift);
  branch.parts[i] = without(branch.parts[i], shift + bitsPerLevel, key, hash);
  branch.size -= 1;
  return branch.size > leafRows ? branch : leafOf(branch.parts.flatMap((part) => (part?.isLeaf === true ? part.rows : [])));
}

function* rowsOf<V>(node: Part<V>): Generator<readonly [string, V]> {
  if (node === undefined) return;
  if (!node.isLeaf) {
    for (const part of node.parts) yield* rowsOf(part);
    return;
  }
  const { rows } = node;
  for (let at = 0; at < rows.length; at += stride) yield [rows[at] as string, rows[at + 1] as V];
}

function* differing<V>(before: Part<V>, after: Part<V>): Generator<TableChange<V>> {
  if (before === after) return;
  if (before?.isLeaf === false && after?.isLeaf === false) {
    for (const [i, part] of after.parts.entries()) yield* differing(before.parts[i], part);
    return;
  }
  if (before?.isLeaf === true && after?.isLeaf === true) {
    yield* differingRows(before.rows, after.rows);
    return;
  }
  const old = new Map(rowsOf(before));
  for (const [key, value] of rowsOf(after)) {
    if (old.get(key) !== value) yield { key, before: old.get(key), after: value };
    old.delete(key);
  }
  for (const [key, value] of old) yield { key, before: value, after: undefined };
}

/** A row that stayed is where it was, unless one before it went: mostly nothing is searched for. */
function* differingRows<V>(before: Leaf<V>['rows'], after: Leaf<V>['rows']): Generator<TableChange<V>> {
  let stayed = 0;
  for (let at = 0; at < after.length; at += stride) {
    const key = after[at] as string;
    const was = before[at] === key ? at : placeOf(before, key, after[at + 3] as number);
    if (was < before.length) stayed += stride;
    if (before[was + 1] !== after[at + 1]) yield { key, before: before[was + 1] as V | undefined, after: after[at + 1] as V };
  }
  for (let was = 0; stayed < before.length && was < before.length; was += stride) {
    const key = before[was] as string;
    if (placeOf(after, key, before[was + 3] as number) === after.length) yield { key, before: before[was + 1] as V, after: undefined };
  }
}

/** Rows keep their digests, for a change elsewhere in the leaf must not cost a digest of each. */
function* hashing<V>(node: Leaf<V> | Branch<V>): Generator<void, string> {
  const digests: string[] = [];
  if (node.isLeaf) {
    yield;
    const { rows } = node;
    for (let at = 0; at < rows.length; at += stride) {
      rows[at + 2] ??= digestOf(canonicalJson([rows[at], yield* withoutTables(rows[at + 1])]));
      digests.push(rows[at + 2] as string);
    }
    digests.sort();
  } else for (const part of node.parts) digests.push(part === undefined ? '' : (part.digest ?? (yield* hashing(part))));
  node.digest = digestOf(digests.join());
  return node.digest;
}

/** The same value; in place of a table its hash, of a value that holds tables a copy with their hashes in their places. */
function* withoutTables(value: unknown): Generator<void, unknown> {
  if (value instanceof Table) return { size: value.size, hash: yield* value.hashing() };
  if (typeof value !== 'object' || value === null) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [name, part] of Object.entries(value)) {
    if (!(part instanceof Table)) continue;
    copy ??= { ...value };
    copy[name] = { size: part.size, hash: yield* part.hashing() };
  }
  return copy ?? value;
}

const digestOf = (text: string): string => hash('sha256', text, 'base64');
