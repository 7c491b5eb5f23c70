/**
 * Goal: any mix of acts on instances, restarts and lost replies leaves them where a model of a few lines says, and every refusal is the
 * model's, word for word.
 * Method: fast-check draws acts on two ids, runs them on the model and on a node over the in-memory log, and shrinks.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instanceRows } from '../../projections/instances.ts';
import { storageOf } from '../../projections/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { replay } from '../support/replay.ts';
import { keys, store } from '../support/storage.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';

interface Instance {
  status: 'NORMAL' | 'OVERDUE' | 'DELETED';
  name?: string;
  sse: boolean;
  user?: string;
  readonly stores: number;
  readonly vaults: number;
}
type Model = Map<string, Instance>;
interface Real {
  readonly node: OneNode;
}
/** Does the act to the model. @returns the words of the refusal; undefined when it is done. */
type Act = (model: Model) => string | undefined;

const step = (command: Command, act: Act): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () => JSON.stringify(command, (key, value: unknown) => (key === 'ak' || key === 'sk' ? '…' : value)),
  run: async (model, { node }) => {
    const expected = act(model);
    const outcome = await node.ask(command);
    expect(outcome.kind === 'rejected' ? outcome.rejection.detail : undefined).toBe(expected);
    const { state } = node.cluster.node('n1');
    const rows = instanceRows(state.instances).map(({ instanceId, name, ramUser, sseEnabled, status }) => {
      const storage = storageOf(state.storage, instanceId);
      for (const { sseEnabled: isStoreEncrypted } of storage?.objectStores ?? []) expect(isStoreEncrypted).toBe(sseEnabled);
      const counts = { stores: storage?.objectStores.length ?? 0, vaults: storage?.vaults.length ?? 0 };
      return [instanceId, { status, name, sse: sseEnabled, user: ramUser?.userId, ...counts }] as const;
    });
    expect(new Map(rows)).toEqual(model);
  },
});

const id = fc.constantFrom('i1', 'i2', '');
const missing = (model: Model, instanceId: string): string | undefined => {
  if (instanceId === '') return 'instance id not set';
  return model.has(instanceId) ? undefined : `instance not existed, instance_id=${instanceId}, err=KeyNotFound`;
};
/** An act on an instance that is there. */
const change =
  (instanceId: string, act: (instance: Instance) => string | undefined): Act =>
  (model) => {
    const instance = model.get(instanceId);
    return instance === undefined ? missing(model, instanceId) : act(instance);
  };

const creates = fc
  .record({
    instanceId: id,
    sse: fc.boolean(),
    hasStore: fc.boolean(),
    vault: fc.constantFrom('none', 'good', 'bad'),
    user: fc.constantFrom('none', 'good', 'bad'),
  })
  .map(({ hasStore, instanceId, sse, user, vault }) =>
    step(
      {
        name: 'createInstance',
        instanceId,
        sseEnabled: sse,
        ...(hasStore ? { objInfo: store } : {}),
        ...(vault === 'none' ? {} : { vault: { objInfo: vault === 'good' ? store : {} } }),
        ...(user === 'none' ? {} : { ramUser: user === 'good' ? { userId: 'u', ...keys('u') } : { userId: 'u' } }),
      },
      (model) => {
        if (user === 'bad') return 'ram user info err, please check it';
        if (instanceId === '') return 'instance id not set';
        if (vault === 'bad') return 's3 conf info err, please check it';
        if (model.has(instanceId)) return `instance already existed, instance_id=${instanceId}`;
        const counts = { stores: hasStore ? 1 : 0, vaults: vault === 'good' ? 1 : 0 };
        model.set(instanceId, { status: 'NORMAL', sse, ...counts, ...(user === 'good' ? { user: 'u' } : {}) });
        return undefined;
      },
    ),
  );
const drops = id.map((instanceId) =>
  step(
    { name: 'dropInstance', instanceId },
    change(instanceId, (instance) => {
      instance.status = 'DELETED';
      return undefined;
    }),
  ),
);
const renames = fc.tuple(id, fc.constantFrom('a', 'b', '')).map(([instanceId, instanceName]) =>
  step(
    { name: 'renameInstance', instanceId, instanceName },
    change(instanceId, (instance) => {
      if (instanceName === '') return 'rename instance name, but not set';
      instance.name = instanceName;
      return undefined;
    }),
  ),
);
const statuses = fc.tuple(id, fc.constantFrom('SET_NORMAL' as const, 'SET_OVERDUE' as const)).map(([instanceId, op]) =>
  step(
    { name: 'setInstanceStatus', instanceId, op },
    change(instanceId, (instance) => {
      const to = op === 'SET_NORMAL' ? 'NORMAL' : 'OVERDUE';
      if (instance.status === 'DELETED') return `can't set deleted instance to ${to.toLowerCase()}, instance_id = ${instanceId}`;
      if (instance.status === to && to === 'NORMAL') return `the instance is already normal, instance_id = ${instanceId}`;
      if (instance.status === to) return `the instance has already set  instance to overdue, instance_id = ${instanceId}`;
      instance.status = to;
      return undefined;
    }),
  ),
);
const encryptions = fc.tuple(id, fc.boolean()).map(([instanceId, enabled]) =>
  step(
    { name: 'setInstanceEncryption', instanceId, enabled },
    change(instanceId, (instance) => {
      const word = enabled ? 'enable' : 'disable';
      if (instance.sse === enabled) return `failed to ${word} sse, instance has ${word}d sse`;
      instance.sse = enabled;
      return undefined;
    }),
  ),
);
const users = fc.tuple(id, fc.constantFrom('u', 'v')).map(([instanceId, userId]) =>
  step({ name: 'setRamUser', instanceId, ramUser: { userId, ...keys(userId) } }, (model) => {
    if (instanceId === '') return 'empty instance_id';
    const instance = model.get(instanceId);
    if (instance === undefined) return `failed to get instance, instance_id=${instanceId} err=KeyNotFound`;
    if (instance.status === 'DELETED') return 'instance status has been set delete, plz check it';
    instance.user = userId;
    return undefined;
  }),
);

test('instances follow the model through restarts and lost replies', async () => {
  const { params, replayPath } = replay({ numRuns: 10 });
  const steps = [creates, creates, renames, statuses, encryptions, users, drops, disturbances];
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 40, size: 'max', ...replayPath }), (run) =>
      onOneNode((node) => fc.asyncModelRun(() => ({ model: new Map(), real: { node } }), run)),
    ),
    params,
  );
});
