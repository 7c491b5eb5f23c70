import type { ComparableSecret, SealedText } from '../../events/kit.ts';

/**
 * Seals secret values before they reach the log, and opens them for the component that needs them.
 * `subject` (`config/security.sasl.plain.credentials/alice`) is bound to the ciphertext: sealed texts cannot be swapped.
 */
export interface Sealer {
  /**
   * @param repeatable a caller's idempotency key: sealing the same text for the same subject under the same one gives the same
   *   bytes, so that a request that is sent again has the same digest. Without it no two sealed texts are equal.
   */
  seal(text: string, subject: string, repeatable?: string): SealedText;
  /** Seals a text so that deciders can tell whether it is the same as another one. */
  sealComparable(text: string, subject: string, repeatable?: string): ComparableSecret;
  /** @throws Error naming the subject and the key id when the key is another or the text was changed; never the text. */
  open(sealed: SealedText, subject: string): string;
}
