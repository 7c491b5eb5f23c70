import type { InstanceEvent } from '../../../events/instances.ts';
import { shown, type Words } from './shown.ts';

export const instanceWords: Words<InstanceEvent['type']> = {
  InstanceCreated: ({ instanceId }) => `instance ${shown(instanceId)} created`,
  InstanceDropped: ({ instanceId }) => `instance ${shown(instanceId)} dropped`,
  InstanceRenamed: ({ instanceId, previous, name }) =>
    `instance ${shown(instanceId)} renamed   ${shown(previous ?? 'unnamed')} → ${shown(name)}`,
  InstanceStatusChanged: ({ instanceId, from, to }) => `instance ${shown(instanceId)}   ${from} → ${to}`,
  InstanceEncryptionChanged: ({ instanceId, enabled }) => `encryption of instance ${shown(instanceId)} switched ${enabled ? 'on' : 'off'}`,
  RamUserChanged: ({ instanceId, ramUser }) => `instance ${shown(instanceId)} uses RAM user ${shown(ramUser.userId)}`,
};
