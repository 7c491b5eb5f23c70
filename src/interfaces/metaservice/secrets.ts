import type { ComparableSecret } from '../../../events/kit.ts';
import { type Sealer, storageSubjects as subjects } from '../../secrets/port.ts';

type Key = ComparableSecret | '';
interface Keys {
  readonly ak?: Key;
  readonly sk?: Key;
}
interface ClearKeys {
  readonly ak?: string;
  readonly sk?: string;
}

/** Keys as commands carry them. An empty text hides nothing and stays. */
export function sealedKeys({ ak, sk }: ClearKeys, sealer: Sealer): Keys {
  return {
    ...(ak === undefined ? {} : { ak: ak === '' ? ak : sealer.sealComparable(ak, subjects.ak) }),
    ...(sk === undefined ? {} : { sk: sk === '' ? sk : sealer.sealComparable(sk, subjects.sk) }),
  };
}

/**
 * Keys as the service shows them: in clear, or as they are stored when there is no sealer. `encryptionInfo` stands beside keys that are
 * sealed at rest, as it does upstream, where another method has the name.
 */
export function shownKeys({ ak, sk }: Keys, sealer: Sealer | undefined): ClearKeys & { readonly encryptionInfo?: object } {
  const shown = (key: Key, subject: string): string =>
    key === '' ? key : sealer === undefined ? key.ciphertext : sealer.open(key, subject);
  const isSealed = [ak, sk].some((key) => key !== undefined && key !== '');
  return {
    ...(ak === undefined ? {} : { ak: shown(ak, subjects.ak) }),
    ...(sk === undefined ? {} : { sk: shown(sk, subjects.sk) }),
    ...(isSealed ? { encryptionInfo: { encryptionMethod: 'AES_256_GCM', keyId: 1 } } : {}),
  };
}
