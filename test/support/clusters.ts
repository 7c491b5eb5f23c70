/** An instance with clusters and nodes, as the tests of their deciders make them. */
import { expect } from 'vitest';
import type { ComputeNode } from '../../events/computeNodes.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { instanceCreated, instanceDropped } from '../../events/instances.ts';
import type { GivenCluster, GivenNode } from '../../src/deciders/clusterRules.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { RejectionCode } from '../../src/rejection.ts';
import { given, stateAfter, whenOn } from './given.ts';

export const instanceId = 'i1';
export const instance = (id: string) => instanceCreated({ instanceId: id, sseEnabled: false, enableStorageVault: false });
export const created = instance(instanceId);
export const be = (n: number, more: Partial<ComputeNode> = {}): ComputeNode => ({
  cloudUniqueId: `1:i1:be${n}`,
  ip: `10.0.0.${n}`,
  heartbeatPort: 9050,
  ...more,
});
export const fe = (n: number, nodeType: 'FE_MASTER' | 'FE_OBSERVER' | 'FE_FOLLOWER', more: Partial<ComputeNode> = {}): ComputeNode => ({
  cloudUniqueId: `1:i1:fe${n}`,
  ip: `10.0.1.${n}`,
  editLogPort: 9010,
  nodeType,
  ...more,
});
export const compute = (n: number, ...nodes: readonly GivenNode[]): GivenCluster => ({
  clusterId: `c${n}`,
  clusterName: `name${n}`,
  type: 'COMPUTE',
  nodes: [...nodes],
});
export const sql = (...nodes: readonly GivenNode[]): GivenCluster => ({
  clusterId: 'fe',
  clusterName: 'frontends',
  type: 'SQL',
  nodes: [...nodes],
});
export const add = (cluster: GivenCluster): Command => ({ name: 'addCluster', instanceId, cluster });

/** The log after these commands, each of which must be accepted. */
export function logAfter(events: readonly ChanceryEvent[], ...commands: readonly Command[]): readonly ChanceryEvent[] {
  let all = [...events];
  for (const command of commands) {
    const { decision } = whenOn(stateAfter(...all), command);
    if (decision.kind === 'rejected') throw new Error(`${command.name}: ${decision.rejection.detail}`);
    all = [...all, ...decision.events];
  }
  return all;
}
export const when = (events: readonly ChanceryEvent[], command: Command) => given(...events).when(command);
export const refused = (events: readonly ChanceryEvent[], command: Command, code: RejectionCode, detail: string): void => {
  const { decision } = when(events, command);
  expect(decision.kind === 'rejected' ? { code: decision.rejection.code, detail: decision.rejection.detail } : decision).toEqual({
    code,
    detail,
  });
};
/** For texts of which only the beginning is fixed. */
export const refusedAs = (events: readonly ChanceryEvent[], command: Command, code: RejectionCode, start: string): void => {
  const { decision } = when(events, command);
  expect(decision.kind === 'rejected' ? decision.rejection.code : decision).toBe(code);
  expect(decision.kind === 'rejected' ? decision.rejection.detail : '').toMatch(
    new RegExp(`^${start.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`),
  );
};
export const setting = (name: string, value: string) =>
  clusterConfigsChanged({
    changes: [{ key: `chancery.meta-service.${name}`, previous: { kind: 'unset' }, value: { kind: 'text', text: value } }],
  });
/** An instance that is no more. */
export const deleted = [created, instanceDropped({ instanceId })];
