import { registrationOf } from '../../projections/computeNodes.ts';
import { configOf } from '../../projections/configs.ts';
import { instanceOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';

/** The instance id in `1:<instance id>:<anything>`; undefined when the text does not have that form. */
export function degradedInstanceId(cloudUniqueId: string): string | undefined {
  const [version, instanceId, , ...more] = cloudUniqueId.split(':');
  const hasThreeParts = cloudUniqueId.split(':').length === 3 && more.length === 0;
  return hasThreeParts && /^\s*\+?0*1$/.test(version ?? '') ? instanceId : undefined;
}

/**
 * Which instance a caller belongs to: the one in which a node with its cloud_unique_id is registered, else the one that the text
 * itself names, which must exist; a dropped one counts. @returns undefined when there is none.
 */
export function resolveInstance(state: State, cloudUniqueId: string): string | undefined {
  if (cloudUniqueId === '') return undefined;
  const registered = registrationOf(state.computeNodes, cloudUniqueId);
  if (registered !== undefined) return registered.instanceId;
  const named = degradedInstanceId(cloudUniqueId);
  if (named === undefined || named === '') return undefined;
  const mustExist = configOf(state.configs, 'chancery.meta-service.check-instance-id');
  return !mustExist || instanceOf(state.instances, named) !== undefined ? named : undefined;
}
