/**
 * Goal: texts are sealed with the data key of the log and open through rotations and changes of the master key; what is shredded, or
 * under a master key that is not there, does not open, and the message says which key is missing and why.
 * Method: the sealer on the real tables, which fold what the deciders make of real commands; one thing changed at a time.
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { isSameSecret } from '../../events/kit.ts';
import type { State } from '../../projections/state.ts';
import { foldEntry, initialState } from '../../projections/state.ts';
import { type Command, decide } from '../../src/deciders/commands.ts';
import { dataKeyTable, describeDataKeys, firstDataKey, watchDataKeys } from '../../src/engine/dataKeys.ts';
import { createSealer, namedKey } from '../../src/secrets/aes.ts';
import { SecretUnavailable } from '../../src/secrets/port.ts';
import { logOf, startedAt } from '../support/given.ts';

const [oldMaster, newMaster] = [namedKey(randomBytes(32)), namedKey(randomBytes(32))];
const subject = 'config/security.sasl.plain.credentials/alice';
const secret = 'correct horse battery staple';

/** Tables that change by commands, as a leader's do. */
class Tables {
  readonly #events: { readonly events: readonly ChanceryEvent[]; readonly commandId: string }[] = [];
  state: State = initialState();
  readonly table = dataKeyTable(() => this.state);
  readonly old = createSealer([oldMaster], oldMaster.keyId, this.table);
  readonly both = createSealer([newMaster, oldMaster], newMaster.keyId, this.table);
  readonly new = createSealer([newMaster], newMaster.keyId, this.table);

  do(command: Command, commandId = `command-${this.state.position}`): readonly ChanceryEvent[] {
    const decision = decide(this.state, command, { now: startedAt, timeOfDay: startedAt, commandId });
    if (decision.kind === 'rejected') throw new Error(decision.rejection.detail);
    if (decision.events.length === 0) return [];
    this.#events.push({ events: decision.events, commandId });
    this.state = logOf(this.#events).reduce((state, { entry }) => foldEntry(state, entry), initialState());
    return decision.events;
  }
  rotate(sealer = this.old): string {
    const key = sealer.newDataKey();
    this.do({ name: 'createDataKey', ...key });
    return key.keyId;
  }
  rewrap(sealer = this.both): void {
    this.do({ name: 'rewrapDataKeys', masterKeyId: sealer.masterKeyId, keys: [...sealer.rewrapped()] });
  }
}

const missing = (keyId: string, masterKeyId: string): string =>
  `data key '${keyId}', which is under master key '${masterKeyId}', which this node does not have`;

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(SecretUnavailable);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

test('before there is a data key the master key seals, and what it sealed opens ever after', () => {
  const tables = new Tables();
  const before = tables.old.seal(secret, subject);
  expect(before.keyId).toBe(oldMaster.keyId);
  const keyId = tables.rotate();
  expect(tables.old.seal(secret, subject).keyId).toBe(keyId);
  expect(tables.old.open(before, subject)).toBe(secret);
});

test('texts open on every node, through rotations', () => {
  const tables = new Tables();
  const sealed = [1, 2, 3].map(() => {
    tables.rotate();
    return tables.old.seal(secret, subject);
  });
  expect(new Set(sealed.map(({ keyId }) => keyId)).size).toBe(3);
  const another = createSealer([oldMaster], oldMaster.keyId, tables.table);
  for (const one of sealed) expect(another.open(one, subject)).toBe(secret);
  expect(messageOf(() => another.open(sealed[0] ?? tables.old.seal('', ''), `${subject}2`))).toContain('the sealed text was changed');
});

test('the same access key is told after a rotation, and not after a change of the master key', () => {
  const tables = new Tables();
  tables.rotate();
  const ak = tables.old.sealComparable(secret, 'storage/ak');
  tables.rotate();
  expect(isSameSecret(ak, tables.old.sealComparable(secret, 'storage/ak'))).toBe(true);
  expect(isSameSecret(ak, tables.old.sealComparable(`${secret}!`, 'storage/ak'))).toBe(false);
  expect(isSameSecret(ak, tables.both.sealComparable(secret, 'storage/ak'))).toBe(false);
});

test('a request that is sent again is sealed as it was, whatever was rotated in between', () => {
  const tables = new Tables();
  tables.rotate();
  const first = tables.old.seal(secret, 'storage/ak', 'the-key');
  const identity = tables.old.sealComparable('x', 'storage/ak', 'the-key');
  tables.do({ name: 'setServiceIdentity', accountId: 'a', ak: identity, sk: identity }, 'the-key');
  const keyId = tables.rotate();
  expect(tables.old.seal(secret, 'storage/ak', 'the-key')).toEqual(first);
  expect(tables.old.seal(secret, 'storage/ak', 'another-key').keyId).toBe(keyId);
  tables.do({ name: 'shredDataKey', keyId: first.keyId, force: true });
  expect(tables.old.seal(secret, 'storage/ak', 'the-key').keyId).toBe(keyId);
});

test('a data key asked for again under the same idempotency key is the same one', () => {
  const { old, both } = new Tables();
  expect(old.newDataKey('k')).toEqual(old.newDataKey('k'));
  const ids = [old.newDataKey('k'), old.newDataKey('l'), old.newDataKey(), old.newDataKey(), both.newDataKey('k')].map((key) => key.keyId);
  expect(new Set(ids).size).toBe(5);
});

describe('a change of the master key', () => {
  test('both open while it is under way; afterwards the new one alone does', () => {
    const tables = new Tables();
    tables.rotate();
    const sealed = tables.old.seal(secret, subject);
    expect(tables.both.open(sealed, subject)).toBe(secret);
    expect(messageOf(() => tables.new.open(sealed, subject))).toBe(
      `${subject} is sealed with data key '${sealed.keyId}', which is under master key '${oldMaster.keyId}', which this node does not have`,
    );
    tables.rewrap();
    expect(tables.new.open(sealed, subject)).toBe(secret);
    expect(tables.new.seal(secret, subject).keyId).toBe(sealed.keyId);
    expect(messageOf(() => createSealer([oldMaster], oldMaster.keyId, tables.table).seal(secret, subject))).toBe(
      `nothing can be sealed with ${missing(sealed.keyId, newMaster.keyId)}`,
    );
  });
  test('a node without the old one can rewrap nothing', () => {
    const tables = new Tables();
    const keyId = tables.rotate();
    expect(messageOf(() => tables.new.rewrapped())).toBe(
      `it cannot be rewrapped: data key '${keyId}', which is under master key '${oldMaster.keyId}', which this node does not have`,
    );
  });
  test('rewrapping twice changes nothing the second time', () => {
    const tables = new Tables();
    tables.rotate();
    tables.rewrap();
    expect(tables.both.rewrapped()).toEqual([]);
    expect(tables.do({ name: 'rewrapDataKeys', masterKeyId: newMaster.keyId, keys: [] })).toEqual([]);
  });
});

describe('a shredded key', () => {
  test('opens no more, though the node had it open a moment ago', () => {
    const tables = new Tables();
    const keyId = tables.rotate();
    const sealed = tables.old.seal(secret, subject);
    tables.rotate();
    expect(tables.old.open(sealed, subject)).toBe(secret);
    tables.do({ name: 'shredDataKey', keyId });
    const said = `${subject} is sealed with data key '${keyId}', which was shredded at position 3`;
    expect(messageOf(() => tables.old.open(sealed, subject))).toBe(said);
    expect(messageOf(() => createSealer([oldMaster], oldMaster.keyId, tables.table).open(sealed, subject))).toBe(said);
  });
  test('is gone for good once the others are under a new master key and the old one is destroyed', () => {
    const tables = new Tables();
    const keyId = tables.rotate();
    const sealed = tables.old.seal(secret, subject);
    const everWrapped = [tables.table.find(keyId)];
    tables.rotate();
    tables.do({ name: 'shredDataKey', keyId });
    tables.rewrap();
    // All that the log ever held of the key is under the old master key: who has but the new one cannot use it.
    const thief = createSealer([newMaster], newMaster.keyId, {
      sealingKey: () => undefined,
      find: () => everWrapped[0],
      live: () => [],
    });
    expect(messageOf(() => thief.open(sealed, subject))).toContain(`under master key '${oldMaster.keyId}', which this node does not have`);
    // With the old one it would be: that is why it must be destroyed.
    const hoarder = createSealer([oldMaster], oldMaster.keyId, { sealingKey: () => undefined, find: () => everWrapped[0], live: () => [] });
    expect(hoarder.open(sealed, subject)).toBe(secret);
  });
});

test('a wrapped key that was exchanged or changed is told from one that is not there', () => {
  const tables = new Tables();
  const [first, second] = [tables.rotate(), tables.rotate()];
  const sealed = tables.old.seal(secret, subject);
  const swapped = createSealer([oldMaster], oldMaster.keyId, { ...tables.table, find: () => tables.table.find(first) });
  expect(messageOf(() => swapped.open(sealed, subject))).toBe(
    `${subject} is sealed with data key '${second}', which master key '${oldMaster.keyId}' does not open: the wrapped key was changed`,
  );
});

test('the leader makes the first key, and none when there is one', () => {
  const tables = new Tables();
  const first = firstDataKey(tables.state, tables.old);
  expect(first).toMatchObject({ command: { name: 'createDataKey', onlyIfNone: true }, key: 'data-key/first' });
  if (first === undefined) throw new Error('there is no first key');
  tables.do(first.command);
  expect(firstDataKey(tables.state, tables.old)).toBeUndefined();
  expect(tables.do({ ...first.command, ...tables.old.newDataKey() } as Command)).toEqual([]);
});

test('a node that cannot use the key that seals says so, once for each reason', () => {
  const tables = new Tables();
  let listener: (applied: { before: State; after: State }) => void = () => {};
  const told: string[] = [];
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: (_: object, text: string) => void told.push(text) };
  const replica = {
    get state() {
      return tables.state;
    },
    onApplied: (one: typeof listener) => {
      listener = one;
      return () => {};
    },
  };
  tables.rotate();
  tables.rewrap();
  watchDataKeys(replica, tables.new, logger);
  expect(told).toEqual([]); // What no key opened in the past is nobody's trouble now.
  const seen = (act: () => void): void => {
    const before = tables.state;
    act();
    listener({ before, after: tables.state });
  };
  seen(() => tables.rotate());
  const keyId = tables.table.sealingKey();
  expect(told).toEqual([`secrets can neither be sealed nor opened here: they need ${missing(keyId ?? '', oldMaster.keyId)}`]);
  watchDataKeys(replica, tables.new, logger);
  expect(told).toEqual([told[0], told[0]]);
  seen(() => tables.rewrap());
  expect(told).toHaveLength(2);
});

test('listings show who made, who gave up, and what each key seals; a master key that seals by itself too', () => {
  const tables = new Tables();
  const direct = tables.old.sealComparable('x', 'storage/ak');
  tables.do({ name: 'setServiceIdentity', accountId: 'a', ak: direct, sk: direct });
  const [first, second] = [tables.rotate(), tables.rotate()];
  tables.do({ name: 'shredDataKey', keyId: first });
  expect(describeDataKeys(tables.state)).toEqual([
    { keyId: oldMaster.keyId, state: 'master', sealedValues: 2 },
    {
      keyId: first,
      state: 'shredded',
      sealedValues: 0,
      position: 2,
      createdAt: startedAt + 1000,
      createdBy: 'User:dana',
      shreddedAt: startedAt + 3000,
      shreddedBy: 'User:dana',
    },
    {
      keyId: second,
      state: 'current',
      sealedValues: 0,
      masterKeyId: oldMaster.keyId,
      position: 3,
      createdAt: startedAt + 2000,
      createdBy: 'User:dana',
    },
  ]);
});
