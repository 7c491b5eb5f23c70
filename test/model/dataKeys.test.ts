/**
 * Goal: whatever is rotated, rewrapped and shredded, and whoever leads, each secret opens on every node exactly when its data key is
 * alive and its master key at hand; what is refused is refused for the model's reason.
 * Method: fast-check draws acts on keys and secrets, changes of the master key, deaths of nodes and lost replies for two nodes over an
 * in-memory log, does them to a model of a few lines, and shrinks. After each step every sealed text there ever was is tried.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { SealedText } from '../../events/kit.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { dataKeyTable, describeDataKeys } from '../../src/engine/dataKeys.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import { lostReply } from '../../src/log/faulty.ts';
import { createSealer, type NamedKey, namedKey } from '../../src/secrets/aes.ts';
import { type KeyRing, SecretUnavailable } from '../../src/secrets/port.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';

const credentials = 'security.sasl.plain.credentials';
const subjectOf = (name: string): string => `config/${credentials}/${name}`;
const waiting = { timeout: 30_000, interval: 1 };

interface Model {
  /** Oldest first; the last one seals. `master`: which one wraps it. */
  readonly keys: { master: number; shredded: boolean }[];
  /** Master keys that the nodes have; the newest wraps. */
  held: Set<number>;
  newest: number;
  /** Names with values in force, and the key that sealed each. */
  readonly inForce: Map<string, number>;
  /** Every text that was ever sealed. */
  readonly sealed: { readonly key: number; readonly name: string; readonly text: string }[];
}

class Nodes {
  readonly cluster = new TestCluster();
  readonly ids = ['n1', 'n2'] as const;
  readonly rings = new Map<string, KeyRing>();
  readonly masters: NamedKey[] = [namedKey(randomBytes(32))];
  /** As the log has them, in the order of the model. */
  readonly keyIds: string[] = [];
  readonly texts: SealedText[] = [];
  held = new Set([0]);
  #asked = 0;

  async start(id: string): Promise<void> {
    const keys = this.masters.filter((_, i) => this.held.has(i));
    const ring = createSealer(
      keys,
      keys.at(-1)?.keyId ?? '',
      dataKeyTable(() => this.cluster.node(id).state),
    );
    this.rings.set(id, ring);
    await this.cluster.start(id, { keys: ring });
  }
  async restart(id: string): Promise<void> {
    this.cluster.kill(id);
    await this.start(id);
  }
  ring(): KeyRing {
    const ring = this.rings.get('n2');
    if (ring === undefined) throw new Error('n2 does not run');
    return ring;
  }
  async ask(command: Command): Promise<Extract<Outcome, { readonly kind: 'done' | 'rejected' }>> {
    this.#asked += 1;
    const idempotencyKey = `request-${this.#asked}`;
    return await vi.waitFor(async () => {
      const outcome = await this.cluster.node('n2').submit(command, { ...caller, idempotencyKey, timeoutMs: 300 });
      if (outcome.kind === 'done' || (outcome.kind === 'rejected' && outcome.rejection.code !== 'NO_LEADER')) return outcome;
      throw new Error('not answered yet');
    }, waiting);
  }
  async settled(): Promise<void> {
    await vi.waitFor(() => {
      for (const id of this.ids) expect(this.cluster.node(id).state.position).toBe(this.cluster.hub.head.position);
      expect(this.ids.some((id) => this.cluster.node(id).role === 'leader')).toBe(true);
    }, waiting);
  }
}

type Real = { readonly nodes: Nodes };
const isOpen = (model: Model, key: number): boolean => {
  const found = model.keys[key];
  return found !== undefined && !found.shredded && model.held.has(found.master);
};
const current = ({ keys }: Model): number => keys.length - 1;
const codeOf = (outcome: Outcome): string => (outcome.kind === 'rejected' ? outcome.rejection.code : outcome.kind);

function check(model: Model, nodes: Nodes): void {
  for (const id of nodes.ids) {
    const ring = nodes.rings.get(id);
    for (const [i, { key, name, text }] of model.sealed.entries()) {
      const sealed = nodes.texts[i];
      if (sealed === undefined || ring === undefined) throw new Error('the test lost a text');
      if (isOpen(model, key)) expect(ring.open(sealed, subjectOf(name))).toBe(text);
      else expect(() => ring.open(sealed, subjectOf(name))).toThrow(SecretUnavailable);
    }
    const rows = describeDataKeys(nodes.cluster.node(id).state).map(({ masterKeyId, sealedValues, state }) => [
      state,
      masterKeyId,
      sealedValues,
    ]);
    expect(rows).toEqual(
      model.keys.map(({ master, shredded }, i) => [
        shredded ? 'shredded' : i === current(model) ? 'current' : 'live',
        shredded ? undefined : nodes.masters[master]?.keyId,
        [...model.inForce.values()].filter((key) => key === i).length,
      ]),
    );
  }
}

const step = (name: string, run: (model: Model, nodes: Nodes) => Promise<void>): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () => name,
  run: async (model, { nodes }) => {
    await run(model, nodes);
    await nodes.settled();
    check(model, nodes);
  },
});

const set = (name: string, text: string) =>
  step(`set(${name})`, async (model, nodes) => {
    const key = current(model);
    if (!isOpen(model, key)) {
      expect(() => nodes.ring().seal(text, subjectOf(name))).toThrow(SecretUnavailable);
      return;
    }
    const sealed = nodes.ring().seal(text, subjectOf(name));
    expect(sealed.keyId).toBe(nodes.keyIds[key]);
    const gone = model.inForce.has(name) ? [{ op: 'subtract', key: credentials, value: { name } } as const] : [];
    const added = { op: 'append', key: credentials, value: { entries: { [name]: sealed } } } as const;
    expect(codeOf(await nodes.ask({ name: 'alterClusterConfigs', changes: [...gone, added] }))).toBe('done');
    nodes.texts.push(sealed);
    model.sealed.push({ key, name, text });
    model.inForce.set(name, key);
  });
const rotate = step('rotate', async (model, nodes) => {
  const made = nodes.ring().newDataKey();
  expect(codeOf(await nodes.ask({ name: 'createDataKey', ...made }))).toBe('done');
  nodes.keyIds.push(made.keyId);
  model.keys.push({ master: model.newest, shredded: false });
});
const rewrap = step('rewrap', async (model, nodes) => {
  const due = model.keys.filter(({ master, shredded }) => !shredded && master !== model.newest);
  if (due.some(({ master }) => !model.held.has(master))) {
    expect(() => nodes.ring().rewrapped()).toThrow(SecretUnavailable);
    return;
  }
  const keys = [...nodes.ring().rewrapped()];
  expect(keys).toHaveLength(due.length);
  expect(codeOf(await nodes.ask({ name: 'rewrapDataKeys', masterKeyId: nodes.ring().masterKeyId, keys }))).toBe('done');
  for (const key of due) key.master = model.newest;
});
const shred = (place: number, force: boolean) =>
  step(`shred(${place}${force ? ', force' : ''})`, async (model, nodes) => {
    const i = place % model.keys.length;
    const key = model.keys[i];
    if (key === undefined) return;
    const inUse = [...model.inForce.values()].includes(i) && !force;
    const outcome = await nodes.ask({ name: 'shredDataKey', keyId: nodes.keyIds[i] ?? '', ...(force ? { force } : {}) });
    const isRefused = !key.shredded && (i === current(model) || inUse);
    expect(codeOf(outcome)).toBe(isRefused ? 'DATA_KEY_IN_USE' : 'done');
    if (!isRefused) key.shredded = true;
  });
/** Nodes get a new master key beside the ones they have, or lose all but the newest; one after the other, as operators do it. */
const changeMaster = step('changeMaster', async (model, nodes) => {
  nodes.masters.push(namedKey(randomBytes(32)));
  model.newest += 1;
  model.held.add(model.newest);
  nodes.held = new Set(model.held);
  for (const id of nodes.ids) await nodes.restart(id);
});
const dropOldMasters = step('dropOldMasters', async (model, nodes) => {
  model.held = new Set([model.newest]);
  nodes.held = new Set(model.held);
  for (const id of nodes.ids) await nodes.restart(id);
});
const kill = (id: string) => step(`kill(${id})`, async (_, nodes) => nodes.restart(id));
const loseReply = step('loseReply', async (_, nodes) => {
  for (const id of nodes.ids) nodes.cluster.log(id).script(lostReply);
});

const steps = [
  ...[0, 1, 2].map(() =>
    fc.tuple(fc.constantFrom('alice', 'bob'), fc.stringMatching(/^[a-z0-9]{1,12}$/)).map(([name, text]) => set(name, text)),
  ),
  fc.constant(rotate),
  fc.constant(rewrap),
  ...[0, 1].map(() => fc.tuple(fc.nat(5), fc.boolean()).map(([place, force]) => shred(place, force))),
  fc.constant(changeMaster),
  fc.constant(dropOldMasters),
  fc.constantFrom('n1', 'n2').map(kill),
  fc.constant(loseReply),
];

async function follow(run: Iterable<fc.AsyncCommand<Model, Real>>): Promise<void> {
  const nodes = new Nodes();
  for (const id of nodes.ids) await nodes.start(id);
  await vi.waitFor(() => expect(describeDataKeys(nodes.cluster.node('n2').state)).toHaveLength(1), waiting);
  await nodes.settled();
  nodes.keyIds.push(describeDataKeys(nodes.cluster.node('n2').state)[0]?.keyId ?? '');
  const model: Model = { keys: [{ master: 0, shredded: false }], held: new Set([0]), newest: 0, inForce: new Map(), sealed: [] };
  await fc.asyncModelRun(() => ({ model, real: { nodes } }), run);
  const fold = bulkFold();
  fold.add(nodes.cluster.entries());
  expect(stateHash(fold.finish())).toBe(stateHash(nodes.cluster.node('n1').state));
  await nodes.cluster.stop();
}

test('secrets open exactly when the model says, through rotations, changes of the master key and deaths', { timeout: 60_000 }, async () => {
  const { params, replayPath } = replay({ numRuns: 15 });
  const drawn = fc.commands(steps, { maxCommands: 16, ...replayPath });
  await fc.assert(fc.asyncProperty(drawn, follow), { ...params, endOnFailure: true });
});

test('the life of a master key: changed on both nodes, everything rewrapped, the old one forgotten, a key shredded', async () => {
  const filled = [set('alice', 'pw1'), rotate, set('bob', 'pw2'), rotate, rotate, rotate, shred(0, false), shred(2, false)];
  const changed = [changeMaster, rewrap, dropOldMasters, rotate, shred(0, true), kill('n1'), set('alice', 'pw3')];
  await follow([...filled, ...changed]);
});
