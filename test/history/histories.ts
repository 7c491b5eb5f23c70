import fc from 'fast-check';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { type Act, type EncodedEntry, encodeEntry, genesisHash, type LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import type { ReadTexts } from '../../src/engine/history/timeline.ts';
import { aclStory, authorizing } from '../fold/aclActs.ts';
import { flussStory } from '../fold/flussActs.ts';
import { metaServiceStory } from '../fold/metaServiceActs.ts';
import { tokenStory } from '../fold/tokenActs.ts';
import { logOf } from '../support/given.ts';

/** What somebody tried; whether and which event it becomes depends on what went before, so that every history is a valid one. */
export interface Step {
  readonly what: 'lead' | 'join' | 'lose' | 'forget' | 'configs';
  readonly node: number;
  readonly changes: readonly { readonly key: string; readonly value: ConfigValue }[];
  readonly principal: string;
  readonly reason: string | undefined;
  /** Whether it goes into an entry of its own; otherwise it joins the one before. */
  readonly isSeparate: boolean;
  /** Milliseconds since the entry before; often none. */
  readonly laterMs: number;
}

const sealed = (name: string, secret: string) => ({ keyId: 'k1', nonce: name, ciphertext: `never-to-be-seen-${secret}` });
const value: fc.Arbitrary<ConfigValue> = fc.oneof(
  fc.constant<ConfigValue>({ kind: 'unset' }),
  fc.constant<ConfigValue>({ kind: 'hidden' }),
  fc.string({ maxLength: 12 }).map<ConfigValue>((text) => ({ kind: 'text', text })),
  fc.dictionary(fc.constantFrom('alice', 'bob', 'carol'), fc.string({ minLength: 1, maxLength: 4 })).map<ConfigValue>((secrets) => ({
    kind: 'secrets',
    entries: Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, sealed(name, secret)])),
  })),
);

export const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constant('configs' as const) },
    { weight: 3, arbitrary: fc.constantFrom('join' as const, 'lose' as const, 'forget' as const) },
    { weight: 1, arbitrary: fc.constant('lead' as const) },
  ),
  node: fc.integer({ min: 1, max: 4 }),
  changes: fc.uniqueArray(fc.record({ key: fc.constantFrom('a', 'b', 'c.d', 'e').map((key) => `datalake.${key}`), value }), {
    minLength: 1,
    maxLength: 4,
    selector: ({ key }) => key,
  }),
  principal: fc.constantFrom('User:alice', 'User:bob'),
  reason: fc.option(fc.string({ maxLength: 10 }), { nil: undefined }),
  isSeparate: fc.boolean(),
  laterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 7_200_000 })),
});

export const beganAt = 1_700_000_000_000;

/** The log that comes of some steps: created, led by n1, then whatever of each step was possible. */
export function historyOf(steps: readonly Step[]): readonly EncodedEntry[] {
  const history = new HistoryMaker();
  history.add(logCreated({ format: 1, clusterId: 'c1' }), first);
  history.add(leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: { 'datalake.a': { kind: 'text', text: 'file' } } }), {
    ...first,
    isSeparate: false,
  });
  for (const each of steps) for (const event of history.eventsOf(each)) history.add(event, each);
  return history.finish();
}
const first: Step = { what: 'lead', node: 1, changes: [], principal: 'chancery', reason: undefined, isSeparate: true, laterMs: 0 };

class HistoryMaker {
  readonly #entries: EncodedEntry[] = [];
  readonly #members = new Map<string, 'member' | 'lost'>();
  readonly #configs = new Map<string, ConfigValue>();
  #events: LoggedEvent[] = [];
  #epoch = 1;
  #at = beganAt;
  #position = 0;

  eventsOf({ changes, laterMs, node, what }: Step): readonly ChanceryEvent[] {
    const nodeId = `n${node}`;
    const standing = this.#members.get(nodeId);
    if (what === 'configs') {
      const told = changes.map(({ key, value: next }) => ({
        key,
        previous: this.#configs.get(key) ?? ({ kind: 'unset' } as const),
        value: next,
      }));
      for (const { key, value: next } of changes) this.#configs.set(key, next);
      return [clusterConfigsChanged({ changes: told })];
    }
    if (what === 'lead') {
      this.#close();
      this.#epoch += 1;
      const staticConfigs: Record<string, ConfigValue> = { 'datalake.e': { kind: 'secrets', entries: { dave: sealed('dave', nodeId) } } };
      return [leadershipTaken({ nodeId, epoch: this.#epoch, staticConfigs: node === 2 ? staticConfigs : {} })];
    }
    if (what === 'join') {
      this.#members.set(nodeId, 'member');
      return [coordinatorJoined({ nodeId, operatorUrl: `http://${nodeId}:8480`, release: '0.1.0' })];
    }
    if (what === 'lose' && standing === 'member') {
      this.#members.set(nodeId, 'lost');
      return [coordinatorLost({ nodeId, forgetAfterMs: 1 + laterMs })];
    }
    if (what === 'forget' && standing === 'lost') {
      this.#members.delete(nodeId);
      return [coordinatorForgotten({ nodeId })];
    }
    return [];
  }

  add(event: ChanceryEvent, { isSeparate, laterMs, principal, reason }: Step): void {
    if (isSeparate) this.#close();
    if (this.#events.length === 0) this.#at += laterMs;
    this.#position += 1;
    const act: Act = {
      principal,
      interface: 'sql',
      command: 'test',
      commandId: `c${this.#position % 7}-${Math.floor(this.#position / 14)}`,
      digest: '0'.repeat(32),
      node: 'n1',
      ...(reason === undefined ? {} : { reason }),
    };
    this.#events.push({ ...event, id: `e${this.#position}`, act } as LoggedEvent);
  }

  #close(): void {
    if (this.#events.length === 0) return;
    const before = this.#entries.at(-1)?.entry;
    const index = this.#entries.length + 1;
    const encoded = encodeEntry({
      epoch: this.#epoch,
      index,
      firstPosition: this.#position - this.#events.length + 1,
      at: this.#at,
      batchId: `b${index}`,
      previousHash: before?.hash ?? genesisHash,
      events: this.#events,
    });
    this.#entries.push(encoded);
    this.#events = [];
  }

  finish(): readonly EncodedEntry[] {
    this.#close();
    return this.#entries;
  }
}

export const history = (range: { readonly minLength?: number; readonly maxLength: number }): fc.Arbitrary<readonly EncodedEntry[]> =>
  fc.array(step, { ...range, size: 'max' }).map(historyOf);

/** One long valid history, the same at each call: `seed` draws it. */
export const longHistory = (steps: number, seed = 1): readonly EncodedEntry[] =>
  fc.sample(history({ minLength: steps, maxLength: steps }), { numRuns: 1, seed })[0] ?? [];

interface LogWish {
  /** What the event of a position is about. */
  readonly keyOf?: (position: number) => string;
  readonly text?: string;
  readonly perEntry?: number;
}
/** A log of `count` config events. */
export function configLog(count: number, { keyOf = () => 'k', text = 'x', perEntry = 1 }: LogWish): readonly EncodedEntry[] {
  const entries: EncodedEntry[] = [];
  for (let firstPosition = 1; firstPosition <= count; firstPosition += perEntry) {
    const index = entries.length + 1;
    const events = Array.from({ length: Math.min(perEntry, count - firstPosition + 1) }, (_, place): LoggedEvent => {
      const id = `e${firstPosition + place}`;
      const changes = [{ key: keyOf(firstPosition + place), previous: { kind: 'unset' as const }, value: { kind: 'text' as const, text } }];
      const act = { principal: 'User:x', interface: 'sql', command: 'c', commandId: id, digest: '0'.repeat(32), node: 'n1' } as const;
      return { ...clusterConfigsChanged({ changes }), id, act };
    });
    const previousHash = entries.at(-1)?.entry.hash ?? genesisHash;
    entries.push(encodeEntry({ epoch: 1, index, firstPosition, at: beganAt + index, batchId: `b${index}`, previousHash, events }));
  }
  return entries;
}

/** DuckDB computes it in one go, deaf to everything. */
export const endlessQuery = "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))";

export const textsOf = (entries: readonly EncodedEntry[]): readonly string[] => entries.map(({ text }) => text);

/** A source that gives all it has, and at most `most` at a time. */
export const sourceOf =
  (texts: readonly string[], most = Number.POSITIVE_INFINITY): ReadTexts =>
  async (afterIndex, limit) =>
    texts.slice(afterIndex, afterIndex + Math.min(limit, most));

/** A log in which every event of the Meta Service occurs. */
export function metaServiceHistory(): readonly EncodedEntry[] {
  const began = [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })];
  return logOf([{ events: began, at: beganAt }, ...metaServiceStory(began, beganAt)]);
}

/** A log in which every event occurs that is about who may do what. */
export function accessHistory(): readonly EncodedEntry[] {
  return logOf([{ events: authorizing(), at: beganAt }, ...aclStory(beganAt), ...tokenStory(beganAt + 3_600_000)]);
}

/** A log in which every event of tablet servers, tables and rebalances occurs. */
export function flussHistory(): readonly EncodedEntry[] {
  const began = [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })];
  return logOf([{ events: began, at: beganAt }, ...flussStory(beganAt)]);
}
