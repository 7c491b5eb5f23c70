import type { InstanceStatus, RamUser } from '../events/instances.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** An instance without what its other families hold: storage, clusters, nodes. */
export interface InstanceRow {
  readonly instanceId: string;
  readonly status: InstanceStatus;
  readonly userId?: string;
  readonly name?: string;
  readonly ramUser?: RamUser;
  readonly sseEnabled: boolean;
  readonly enableStorageVault: boolean;
  /** Epoch seconds of the newest change of status or encryption; absent before the first. */
  readonly mtime?: number;
  /** Of the event that created it. */
  readonly position: number;
}
export interface Instances {
  readonly byId: Table<InstanceRow>;
}

export const instances = defineProjection<Instances>({
  name: 'instances',
  version: 1,
  initial: () => ({ byId: Table.empty() }),
  on: {
    InstanceCreated: (state, { event: { data }, position }) => {
      invariant(!state.byId.has(data.instanceId), `instance ${data.instanceId} exists`);
      state.byId = state.byId.set(data.instanceId, { ...data, status: 'NORMAL', position });
    },
    InstanceDropped: (state, { event: { data }, at }) => change(state, data.instanceId, { status: 'DELETED', mtime: secondsOf(at) }),
    InstanceRenamed: (state, { event: { data } }) => change(state, data.instanceId, { name: data.name }),
    InstanceStatusChanged: (state, { event: { data }, at }) => change(state, data.instanceId, { status: data.to, mtime: secondsOf(at) }),
    InstanceEncryptionChanged: (state, { event: { data }, at }) =>
      change(state, data.instanceId, { sseEnabled: data.enabled, mtime: secondsOf(at) }),
    KeysRotated: (state, { event: { data } }) => {
      if (data.ramUser !== undefined) change(state, data.instanceId, { ramUser: data.ramUser });
    },
    RamUserChanged: (state, { event: { data } }) => change(state, data.instanceId, { ramUser: data.ramUser }),
  },
});

function change(state: Writable<Instances>, instanceId: string, fields: Partial<InstanceRow>): void {
  const row = state.byId.get(instanceId);
  invariant(row !== undefined, `instance ${instanceId} does not exist`);
  state.byId = state.byId.set(instanceId, { ...row, ...fields });
}

/** Whole seconds of a time in milliseconds: what the Meta Service counts in. */
export const secondsOf = (ms: number): number => Math.floor(ms / 1000);

export const instanceOf = (state: Instances, instanceId: string): InstanceRow | undefined => state.byId.get(instanceId);
/** Every instance, the dropped ones too, ids ascending. */
export const instanceRows = (state: Instances): readonly InstanceRow[] =>
  [...state.byId.rows()].map(([, row]) => row).sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
