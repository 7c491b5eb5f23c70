import { hash } from 'node:crypto';
import { canonicalJson } from '../events/canonicalJson.ts';

/** A node of the tree. `owner` is the batch that made it, see `unseal`. */
interface Node<T> {
  owner: object | undefined;
  readonly items: T[];
}
/** 64 places. */
type Level<T> = Node<T | undefined>;
/** Rows, flat: key, value, key, value, … */
type Bucket<V> = Node<string | V>;
type Group<V> = Level<Bucket<V>>;
type Root<V> = Level<Group<V>>;

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

/** The hash folded to 12 bits: two levels of 64. */
function slotOf(key: string): number {
  const hash = hashOfKey(key);
  return (hash ^ (hash >>> 12) ^ (hash >>> 24)) & 0xfff;
}

/** The same node when this batch made it, else a copy that this batch owns. */
const writable = <T>(node: Node<T>): Node<T> => (owner !== undefined && node.owner === owner ? node : { owner, items: node.items.slice() });

const level = <T>(): Level<T> => ({ owner, items: new Array<T | undefined>(64).fill(undefined) });

/**
 * A persistent map from text to values for collections that may pass 1,000 keys: a change copies two arrays of 64 and one
 * bucket (24 rows at 100,000), and within a batch nothing twice. A draft would copy the whole collection each time.
 * Where a row lies depends on its key alone, so equal contents have equal hashes. Values must not be changed once they are in.
 */
export class Table<V> {
  readonly #root: Root<V>;
  #size: number;

  private constructor(root: Root<V>, size: number) {
    this.#root = root;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  static empty<V>(): Table<V> {
    return new Table<V>(level(), 0);
  }

  get(key: string): V | undefined {
    const slot = slotOf(key);
    const rows = this.#root.items[slot >> 6]?.items[slot & 63]?.items;
    return rows === undefined ? undefined : (rows[placeOf(rows, key) + 1] as V | undefined);
  }

  has(key: string): boolean {
    const slot = slotOf(key);
    const rows = this.#root.items[slot >> 6]?.items[slot & 63]?.items;
    return rows !== undefined && placeOf(rows, key) < rows.length;
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
    const slot = slotOf(key);
    const root = writable(this.#root);
    const group = groupAt(root, slot);
    const present = group.items[slot & 63];
    if (present === undefined) {
      group.items[slot & 63] = { owner, items: [key, next(undefined)] };
      return this.#become(root, this.#size + 1);
    }
    const bucket = writable(present);
    group.items[slot & 63] = bucket;
    const rows = bucket.items;
    const at = placeOf(rows, key);
    if (at < rows.length) {
      rows[at + 1] = next(rows[at + 1] as V);
      return this.#become(root, this.#size);
    }
    rows.push(key, next(undefined));
    return this.#become(root, this.#size + 1);
  }

  /** This batch's own root means that the table is its own, too. */
  #become(root: Root<V>, size: number): Table<V> {
    if (root !== this.#root) return new Table(root, size);
    this.#size = size;
    return this;
  }

  /** The table without this row; the same table when there is none. */
  delete(key: string): Table<V> {
    if (!this.has(key)) return this;
    const slot = slotOf(key);
    const root = writable(this.#root);
    const group = groupAt(root, slot);
    const rows = (group.items[slot & 63]?.items ?? []).slice();
    rows.splice(placeOf(rows, key), 2);
    // What is emptied goes, so that equal contents have equal hashes.
    group.items[slot & 63] = rows.length === 0 ? undefined : { owner, items: rows };
    if (group.items.every(isAbsent)) root.items[slot >> 6] = undefined;
    return this.#become(root, this.#size - 1);
  }

  /** Every row, in no order that means anything: sort what a person or a plan sees. */
  *rows(): Generator<readonly [key: string, value: V]> {
    for (const group of this.#root.items) for (const bucket of group?.items ?? []) yield* rowsOf(bucket);
  }

  /** Keys ascending by code units. */
  keys(): readonly string[] {
    return [...this.rows()].map(([key]) => key).sort();
  }

  /** What differs from an older table, found without looking at nodes both share. */
  *changesSince(older: Table<V>): Generator<TableChange<V>> {
    for (const [from, to] of differing(older.#root, this.#root))
      for (const [bucketFrom, bucketTo] of differing(from, to)) yield* differingRows(bucketFrom, bucketTo);
  }

  /** SHA-256 over the rows, base64. Nodes that did not change since the last call are not hashed again. */
  hash(): string {
    return hashOf(this.#root, (group) => hashOf(group, hashOfBucket));
  }
}

export interface TableChange<V> {
  readonly key: string;
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/** Where a row begins in a bucket; its length when it is not there. Values may be texts too, so only even places are looked at. */
function placeOf(rows: readonly unknown[], key: string): number {
  let at = 0;
  while (at < rows.length && rows[at] !== key) at += 2;
  return at;
}

/** The group of a slot, ready to be written; `root` is writable already. */
function groupAt<V>(root: Root<V>, slot: number): Group<V> {
  const present = root.items[slot >> 6];
  const group: Group<V> = present === undefined ? level() : writable(present);
  root.items[slot >> 6] = group;
  return group;
}

const isAbsent = (node: unknown): boolean => node === undefined;

function* differing<T>(before: Level<T> | undefined, after: Level<T> | undefined): Generator<[T | undefined, T | undefined]> {
  if (before === after) return;
  for (let i = 0; i < 64; i += 1) if (before?.items[i] !== after?.items[i]) yield [before?.items[i], after?.items[i]];
}

function* differingRows<V>(before: Bucket<V> | undefined, after: Bucket<V> | undefined): Generator<TableChange<V>> {
  const old = new Map(rowsOf(before));
  for (const [key, value] of rowsOf(after)) {
    if (old.get(key) !== value) yield { key, before: old.get(key), after: value };
    old.delete(key);
  }
  for (const [key, value] of old) yield { key, before: value, after: undefined };
}

function* rowsOf<V>(bucket: Bucket<V> | undefined): Generator<readonly [string, V]> {
  const rows = bucket?.items ?? [];
  for (let i = 0; i < rows.length; i += 2) yield [rows[i] as string, rows[i + 1] as V];
}

const hashes = new WeakMap<object, string>();

function hashOf<T>(node: Level<T>, hashOfPart: (part: T) => string): string {
  const known = hashes.get(node);
  if (known !== undefined) return known;
  let text = '';
  for (const [i, part] of node.items.entries()) if (part !== undefined) text += `${i}:${hashOfPart(part)};`;
  return remembered(node, digestOf(text));
}

function hashOfBucket<V>(bucket: Bucket<V>): string {
  const known = hashes.get(bucket);
  if (known !== undefined) return known;
  const rows: (readonly [string, V])[] = [];
  for (let i = 0; i < bucket.items.length; i += 2) rows.push([bucket.items[i] as string, bucket.items[i + 1] as V]);
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  return remembered(bucket, digestOf(canonicalJson(rows)));
}

const digestOf = (text: string): string => hash('sha256', text, 'base64');

/** Within a batch a node may still change: its hash is not kept. */
function remembered(node: object, digest: string): string {
  if (owner === undefined) hashes.set(node, digest);
  return digest;
}
