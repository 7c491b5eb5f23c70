import { registrationOf } from '../../projections/computeNodes.ts';
import { configOf } from '../../projections/configs.ts';
import { type InstanceRow, instanceOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { type Rejection, rejection } from '../rejection.ts';

/**
 * The instance id in `1:<instance id>:<anything>`; undefined when the text does not have that form. The first part is read as C's
 * `atoi` reads it: blanks, a sign and zeros may stand before the 1, anything but a digit behind it.
 */
export function degradedInstanceId(cloudUniqueId: string): string | undefined {
  const parts = cloudUniqueId.split(':');
  const [version = '', instanceId] = parts;
  return parts.length === 3 && /^\s*\+?0*1(?!\d)/.test(version) ? instanceId : undefined;
}

/** Whether a text in degraded form names an instance that does not exist, while somebody looks at that. */
export function namesUnknownInstance(state: State, cloudUniqueId: string): boolean {
  const named = degradedInstanceId(cloudUniqueId);
  return named !== undefined && mustExist(state) && instanceOf(state.instances, named) === undefined;
}
const mustExist = (state: State): boolean => configOf(state.configs, 'chancery.meta-service.check-instance-id');

/**
 * Which instance a caller belongs to: the one in which a node with its cloud_unique_id is registered, else the one that the text
 * itself names, which must exist; a dropped one counts. @returns undefined when there is none.
 */
export function resolveInstance(state: State, cloudUniqueId: string): string | undefined {
  if (cloudUniqueId === '') return undefined;
  const registered = registrationOf(state.computeNodes, cloudUniqueId);
  if (registered !== undefined) return registered.instanceId;
  const named = degradedInstanceId(cloudUniqueId);
  return named === undefined || named === '' || namesUnknownInstance(state, cloudUniqueId) ? undefined : named;
}

/** Who asks to change the clusters of which instance. */
export interface InstanceReference {
  readonly instanceId?: string;
  readonly cloudUniqueId?: string;
}

/**
 * The instance whose clusters are to be changed; it need not exist. A cloud_unique_id counts only where there is no instance id.
 * @returns its id, empty when neither is given; or UNRESOLVED_INSTANCE
 */
export function targetInstance(state: State, { cloudUniqueId = '', instanceId = '' }: InstanceReference): string | Rejection {
  if (instanceId !== '' || cloudUniqueId === '') return instanceId;
  const resolved = resolveInstance(state, cloudUniqueId);
  if (resolved !== undefined) return resolved;
  const detail = namesUnknownInstance(state, cloudUniqueId)
    ? `use degrade cloud_unique_id, but instance_id invalid, cloud_unique_id=${cloudUniqueId}`
    : 'empty instance_id';
  return rejection('UNRESOLVED_INSTANCE', 'cloudUniqueId', detail);
}

/** An instance whose clusters or nodes may change. @returns it, or UNKNOWN_INSTANCE, INSTANCE_DELETED */
export function liveInstance(state: State, instanceId: string): InstanceRow | Rejection {
  const instance = instanceOf(state.instances, instanceId);
  if (instance === undefined)
    return rejection('UNKNOWN_INSTANCE', 'instanceId', `failed to get instance, instance_id=${instanceId} err=KeyNotFound`);
  if (instance.status === 'DELETED')
    return rejection('INSTANCE_DELETED', 'instanceId', 'instance status has been set delete, plz check it');
  return instance;
}
