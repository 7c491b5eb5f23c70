import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** A bearer token that is neither revoked nor expired, with the act that issued it. Times are epoch milliseconds. */
export interface TokenRow {
  readonly tokenId: string;
  readonly principal: string;
  /** SHA-256 of the secret part, hex. */
  readonly hash: string;
  readonly about: string;
  readonly expiresAt?: number;
  readonly position: number;
  readonly issuedAt: number;
  readonly issuedBy: string;
}
export interface Tokens {
  readonly byId: Table<TokenRow>;
}

export const tokens = defineProjection<Tokens>({
  name: 'tokens',
  version: 1,
  initial: () => ({ byId: Table.empty() }),
  on: {
    TokenIssued: (state, { event: { data, act }, at, position }) => {
      invariant(!state.byId.has(data.tokenId), `token ${data.tokenId} exists already`);
      state.byId = state.byId.set(data.tokenId, { ...data, position, issuedAt: at, issuedBy: act.principal });
    },
    TokenRevoked: (state, { event: { data } }) => remove(state, data.tokenId),
    TokenExpired: (state, { event: { data } }) => remove(state, data.tokenId),
  },
});

function remove(state: Writable<Tokens>, tokenId: string): void {
  invariant(state.byId.has(tokenId), `token ${tokenId} is not there`);
  state.byId = state.byId.delete(tokenId);
}

export const tokenOf = (state: Tokens, tokenId: string): TokenRow | undefined => state.byId.get(tokenId);
export const tokenCount = (state: Tokens): number => state.byId.size;
/** How many of them are for one principal; looks at all. */
export function tokenCountOf(state: Tokens, principal: string): number {
  let count = 0;
  for (const [, row] of state.byId.rows()) if (row.principal === principal) count += 1;
  return count;
}
/** The newest last. */
export const tokenRows = (state: Tokens): readonly TokenRow[] =>
  [...state.byId.rows()].map(([, row]) => row).sort((a, b) => a.position - b.position);
