import type { RejectionCode } from '../../rejection.ts';
import type { metaServiceCode } from './messages.ts';

/** The service's internal codes, one of `MetaServiceCode`. */
export type InternalCode = keyof (typeof metaServiceCode)['numbers'];

/** What an answer says of itself; every reply of the plain RPC form begins with it. */
export interface Status {
  readonly code: InternalCode;
  readonly msg: string;
}
export const ok: Status = { code: 'OK', msg: '' };
export const failed = (code: InternalCode, msg: string): Status => ({ code, msg });

/** The envelope's word and HTTP status for an internal code. */
export function envelopeOf(code: InternalCode): { readonly word: string; readonly http: number } {
  switch (code) {
    case 'OK':
      return { word: 'OK', http: 200 };
    case 'INVALID_ARGUMENT':
    case 'PROTOBUF_PARSE_ERR':
      return { word: 'INVALID_ARGUMENT', http: 400 };
    case 'CLUSTER_NOT_FOUND':
    case 'TABLET_NOT_FOUND':
      return { word: 'NOT_FOUND', http: 404 };
    case 'ALREADY_EXISTED':
      return { word: 'ALREADY_EXISTED', http: 409 };
    default:
      return { word: 'INTERNAL_ERROR', http: 500 };
  }
}

/**
 * Rejections by the internal code that says the same; INVALID_ARGUMENT for those that are not listed. A method that is known to
 * answer otherwise says so in its own table (`Overrides`).
 */
const codeOfRejection: Readonly<Partial<Record<RejectionCode, InternalCode>>> = {
  AUTHORIZATION_DENIED: 'INVALID_ARGUMENT', // Upstream has no code for it: one whose callers do not try again.
  CLUSTER_EXISTS: 'ALREADY_EXISTED',
  CLUSTER_IN_USE: 'ALREADY_EXISTED',
  MISSING_ENDPOINT: 'CLUSTER_ENDPOINT_MISSING',
  NO_LEADER: 'KV_TXN_STORE_COMMIT_RETRYABLE',
  BUSY: 'KV_TXN_STORE_COMMIT_RETRYABLE',
  DRAINING: 'KV_TXN_STORE_COMMIT_RETRYABLE',
  NOT_CAUGHT_UP: 'KV_TXN_STORE_GET_RETRYABLE',
  NODE_FAULT: 'UNDEFINED_ERR',
  SECRETS_UNAVAILABLE: 'UNDEFINED_ERR',
  LABEL_IN_USE: 'TXN_LABEL_ALREADY_USED',
  TRANSACTION_BEGUN_BEFORE: 'TXN_DUPLICATED_REQ',
  UNKNOWN_TRANSACTION: 'TXN_ID_NOT_FOUND',
  TRANSACTION_NOT_INDEXED: 'KV_TXN_GET_ERR',
  UNKNOWN_LABEL: 'TXN_LABEL_NOT_FOUND',
  TRANSACTION_ABORTED: 'TXN_ALREADY_ABORTED',
  TRANSACTION_VISIBLE: 'TXN_ALREADY_VISIBLE',
  TRANSACTION_PRECOMMITTED: 'TXN_ALREADY_PRECOMMITED',
  TRANSACTION_NOT_PRECOMMITTED: 'TXN_INVALID_STATUS',
  TABLET_EXISTS: 'ALREADY_EXISTED',
  UNKNOWN_TABLET: 'TABLET_NOT_FOUND',
  ROWSET_EXISTS: 'ALREADY_EXISTED',
  STALE_ROWSET: 'STALE_PREPARE_ROWSET',
  STALE_TABLET: 'STALE_TABLET_CACHE',
  TABLET_BUSY: 'JOB_TABLET_BUSY',
  TABLET_JOB_EXPIRED: 'JOB_EXPIRED',
  INSTANCE_EXISTS: 'ALREADY_EXISTED',
  TOO_MANY_OBJECT_STORES: 'UNDEFINED_ERR',
  NO_OBJECT_STORE: 'UNDEFINED_ERR',
  VAULT_EXISTS: 'ALREADY_EXISTED',
  STAGE_EXISTS: 'ALREADY_EXISTED',
  UNKNOWN_STAGE: 'STAGE_NOT_FOUND',
  TOO_MANY_STAGES: 'UNDEFINED_ERR',
};
export type Overrides = Readonly<Partial<Record<RejectionCode, InternalCode>>>;
export const internalCodeOf = (code: RejectionCode, overrides: Overrides = {}): InternalCode =>
  overrides[code] ?? codeOfRejection[code] ?? 'INVALID_ARGUMENT';
