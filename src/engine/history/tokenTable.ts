import { tokenRows } from '../../../projections/tokens.ts';
import type { StateTable } from './metaServiceTables.ts';

export const tokenTable: StateTable = {
  table: {
    name: 'tokens',
    about: 'Bearer tokens that are neither revoked nor expired, oldest first; what they are is never shown.',
    columns: [
      { name: 'token_id', type: 'VARCHAR', about: 'What it is revoked by.' },
      { name: 'principal', type: 'VARCHAR', about: 'As whom its bearer acts.' },
      { name: 'about', type: 'VARCHAR', about: 'What it is for.' },
      { name: 'expires_at', type: 'TIMESTAMP_LTZ(3)', about: 'From when on it is refused; NULL when it has no end.' },
      { name: 'issued_at', type: 'TIMESTAMP_LTZ(3)', about: 'When it was issued.' },
      { name: 'issued_by', type: 'VARCHAR', about: 'Who issued it.' },
      { name: 'position', type: 'BIGINT', about: 'The event that issued it.' },
    ],
  },
  rows: (state) =>
    tokenRows(state.tokens).map(({ about, expiresAt, issuedAt, issuedBy, position, principal, tokenId }) => [
      tokenId,
      principal,
      about,
      expiresAt ?? null,
      issuedAt,
      issuedBy,
      position,
    ]),
};
