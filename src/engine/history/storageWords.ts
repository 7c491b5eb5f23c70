import type { StorageEvent } from '../../../events/storage.ts';
import { namesInWords, shown, type Words } from './shown.ts';

const vault = ({ id, name }: { readonly id: string; readonly name: string }): string => `vault ${shown(id)} '${shown(name)}'`;
const place = ({ bucket, prefix }: { readonly bucket?: string; readonly prefix?: string } = {}): string =>
  shown([bucket, prefix].filter((part) => part !== undefined && part !== '').join('/'));

export const storageWords: Words<StorageEvent['type']> = {
  ObjectStoreAdded: ({ instanceId, store }) => `object store ${shown(store.id)} added to ${shown(instanceId)}: ${place(store)}`,
  KeysRotated: ({ instanceId, objectStores, ramUser }) => {
    const stores = objectStores.length === 0 ? [] : [`object stores ${namesInWords(objectStores.map(({ id }) => id))}`];
    const user = ramUser === undefined ? [] : [`RAM user ${shown(ramUser.userId)}`];
    return `keys of ${shown(instanceId)} replaced: ${[...stores, ...user].join(' · ')}`;
  },
  ObjectStoreRoleChanged: ({ instanceId, id, roleArn }) => `object store ${shown(id)} of ${shown(instanceId)} uses role ${shown(roleArn)}`,
  StorageVaultAdded: ({ instanceId, vault: added }) =>
    `${vault(added)} added to ${shown(instanceId)}: ${shown(added.hdfsInfo?.buildConf?.fsName ?? place(added.objInfo))}`,
  StorageVaultAltered: ({ instanceId, ...data }) => {
    const changes = [
      ...(data.newName === undefined ? [] : [`renamed to '${shown(data.newName)}'`]),
      ...(data.keys === undefined ? [] : ['keys replaced']),
      ...(data.role === undefined ? [] : [`uses role ${shown(data.role.roleArn)}`]),
      ...(data.usePathStyle === undefined ? [] : [`path style ${data.usePathStyle ? 'on' : 'off'}`]),
      ...(data.hdfs === undefined ? [] : ['reached in another way']),
    ];
    return `${vault(data)} of ${shown(instanceId)} altered: ${changes.join(' · ')}`;
  },
  StorageVaultDropped: ({ instanceId, ...data }) => `${vault(data)} of ${shown(instanceId)} dropped`,
  DefaultVaultChanged: ({ instanceId, from, to }) =>
    `default vault of ${shown(instanceId)}   ${shown(from?.name ?? 'none')} → ${shown(to?.name ?? 'none')}`,
  ServiceIdentityChanged: ({ accountId }) => `the service uses cloud account ${shown(accountId)}`,
  StageCreated: ({ instanceId, stage }) => `${stage.type} stage ${shown(stage.name ?? stage.stageId)} added to ${shown(instanceId)}`,
  StageDropped: ({ instanceId, name, stageId, type }) => `${type} stage ${shown(name ?? stageId)} of ${shown(instanceId)} dropped`,
};
