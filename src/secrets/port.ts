import type { WrappedKey } from '../../events/dataKeys.ts';
import type { ComparableSecret, SealedText } from '../../events/kit.ts';

/**
 * Seals secret values before they reach the log, and opens them for the component that needs them.
 * `subject` (`config/security.sasl.plain.credentials/alice`) is bound to the ciphertext: sealed texts cannot be swapped.
 */
export interface Sealer {
  /**
   * @param repeatable a caller's idempotency key: sealing the same text for the same subject under the same one gives the same
   *   bytes, so that a request that is sent again has the same digest. Without it no two sealed texts are equal.
   * @throws SecretUnavailable when the key that seals cannot be had.
   */
  seal(text: string, subject: string, repeatable?: string): SealedText;
  /** Seals a text so that deciders can tell whether it is the same as another one. @throws SecretUnavailable */
  sealComparable(text: string, subject: string, repeatable?: string): ComparableSecret;
  /** @throws SecretUnavailable naming the subject and the key id when the key is another or the text was changed; never the text. */
  open(sealed: SealedText, subject: string): string;
}

/** What the ciphertexts of access and secret keys of object storage are bound to, whoever they belong to. */
export const storageSubjects = { ak: 'storage/ak', sk: 'storage/sk' } as const;

/** A sealer that also makes keys, and puts them under its master key. */
export interface KeyRing extends Sealer {
  /** The master key that wraps. */
  readonly masterKeyId: string;
  /** A new data key, wrapped. @param repeatable as in `seal`: the same key again, made of the master key and this. */
  newDataKey(repeatable?: string): WrappedKey;
  /** All keys of the log that another master key wraps, wrapped with this node's. @throws SecretUnavailable */
  rewrapped(repeatable?: string): readonly WrappedKey[];
  /** @returns why a data key cannot be used here; undefined when it can. */
  faultOf(keyId: string): string | undefined;
}

/** A secret that cannot be opened, or sealed, with the keys at hand. The message never holds anything of a secret. */
export class SecretUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SecretUnavailable';
  }
}

/** The data keys as the log has them at the moment of the call. */
export interface DataKeyTable {
  /** The key that seals, or that did when the act with this idempotency key was logged; undefined when there is none yet. */
  sealingKey(repeatable?: string): string | undefined;
  /** @returns undefined for a key that the log never had. `shreddedAt`: a position. */
  find(keyId: string): { readonly wrapped: SealedText } | { readonly shreddedAt: number } | undefined;
  live(): readonly WrappedKey[];
}
