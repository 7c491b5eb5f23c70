import { hash } from 'node:crypto';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { plain } from '../../projections/kit.ts';

/** SHA-256, in hex, of what the tables hold. Unlike `stateHash` it knows nothing of how tables are built, so it outlives changes there. */
export const contentsHash = (state: unknown): string => hash('sha256', canonicalJson(plain(state)));
