import type { Command } from '../../deciders/commands.ts';
import type { Overrides } from './codes.ts';
import type { ValueOf } from './message.ts';
import type { alterClusterRequest } from './messages.ts';
import type { Context } from './method.ts';

/** How an operation of `alter_cluster` is done. */
export interface Operation {
  /** The command that is given instance, cloud_unique_id and cluster as they came. */
  readonly name: Command['name'];
  /** What the command is given besides. */
  readonly more?: (request: ValueOf<typeof alterClusterRequest>, context: Context) => object;
  /** Refusals that are answered otherwise than in the rest of this interface. */
  readonly overrides?: Overrides;
}

/** The operations on nodes. A cluster that nobody knows is no reason to refuse `ADD_NODE`: it is answered OK, and nothing is stored. */
export const nodeOperations: Readonly<Record<string, Operation>> = {
  ADD_NODE: { name: 'addNodes' },
  DROP_NODE: { name: 'dropNodes', more: (_, context) => safeDropTime(context), overrides: { UNKNOWN_NODE: 'CLUSTER_NOT_FOUND' } },
  DECOMMISSION_NODE: { name: 'setNodeStatus', more: () => ({ to: 'NODE_STATUS_DECOMMISSIONING' }) },
  NOTIFY_DECOMMISSIONED: { name: 'setNodeStatus', more: () => ({ to: 'NODE_STATUS_DECOMMISSIONED' }) },
};

/** For how many seconds frontends may not be dropped, when a test has changed that on this server. */
export function safeDropTime({ injected }: Pick<Context, 'injected'>): { readonly safeDropSeconds?: number } {
  const seconds = injected('resource_manager::set_safe_drop_time')?.[0];
  return typeof seconds === 'number' && Number.isInteger(seconds) && Math.abs(seconds) < 2 ** 31 ? { safeDropSeconds: seconds } : {};
}
