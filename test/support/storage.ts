/** Keys, object stores and refusals for tests of instances and their storage. */
import { expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { instanceCreated, instanceDropped } from '../../events/instances.ts';
import type { ComparableSecret } from '../../events/kit.ts';
import type { NumberedStore } from '../../events/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given } from './given.ts';

/** A key sealed by nobody: equal texts have equal fingerprints, whatever stands around them. */
export const secret = (text: string, nonce = 'bm9uY2U='): ComparableSecret => ({
  keyId: 'test',
  nonce,
  ciphertext: Buffer.from(`sealed ${text}`).toString('base64'),
  fingerprint: `fingerprint of ${text}`,
});
export const keys = (text: string) => ({ ak: secret(`ak ${text}`), sk: secret(`sk ${text}`) });
/** All that an object store needs. */
export const store = {
  ...keys('one'),
  bucket: 'bucket',
  prefix: 'prefix',
  endpoint: 'endpoint',
  region: 'region',
  provider: 'COS',
  externalEndpoint: 'external',
} as const;
/** A place that a role opens. */
export const roleStore = {
  bucket: 'bucket',
  prefix: 'prefix',
  endpoint: 'endpoint',
  region: 'region',
  provider: 'S3',
  roleArn: 'arn:role',
  credProviderType: 'INSTANCE_PROFILE',
} as const;
export const hdfs = { buildConf: { fsName: 'hdfs://h:1', user: 'u' }, prefix: 'p' } as const;

/** What tests of storage deciders begin with: an instance with object stores of its own, or one with vaults. */
export const i1 = { instanceId: 'i1' } as const;
export const by = { cloudUniqueId: '1:i1:x' } as const;
export const legacy = instanceCreated({ ...i1, sseEnabled: true, enableStorageVault: false });
export const created = instanceCreated({ ...i1, sseEnabled: false, enableStorageVault: true });
export const dropped = instanceDropped(i1);
export const numbered: NumberedStore = { ...store, id: '1', sseEnabled: true };
export const deleted = 'instance status has been set delete, plz check it';
export const both = 'invaild argument, both set ak/sk and role_arn is not allowed';
export const badStore = 's3 conf info err, please check it';
export const without = <T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = object;
  return rest;
};
export type Named<N extends Command['name']> = Extract<Command, { readonly name: N }>;

/** A refusal whose text goes on with the request; it must hold no key. */
export function isRefusedWith(events: readonly ChanceryEvent[], command: Command, code: string, start: string): void {
  const { decision } = given(...events).when(command);
  expect(decision).toMatchObject({ kind: 'rejected', rejection: { code } });
  const detail = decision.kind === 'rejected' ? decision.rejection.detail : '';
  expect(detail.slice(0, start.length)).toBe(start);
  expect(detail).not.toContain('ciphertext');
  expect(detail.length).toBeLessThan(600);
}

/** What every command says of a caller without an instance, in this order. */
export function asksForInstance(command: Exclude<Command, { readonly name: 'createInstance' }>, owner: ChanceryEvent = created): void {
  test('whose instance it is', () => {
    const { cloudUniqueId: _, ...anonymous } = command as { readonly cloudUniqueId?: string } & Command;
    given(owner).when(anonymous).isRefused('INVALID_INSTANCE', 'cloudUniqueId', 'cloud unique id not set');
    given(owner)
      .when({ ...command, cloudUniqueId: '' } as Command)
      .isRefused('INVALID_INSTANCE', 'cloudUniqueId', 'cloud unique id not set');
    given().when(command).isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id');
    given(owner, dropped).when(command).isRefused('INSTANCE_DELETED', 'instanceId', deleted);
  });
}
