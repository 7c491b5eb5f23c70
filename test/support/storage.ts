/** Keys and object stores for tests of instances and their storage. */
import type { ComparableSecret } from '../../events/kit.ts';

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
