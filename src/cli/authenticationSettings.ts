import { isMap, isScalar, type Pair } from 'yaml';
import { z } from 'zod';
import { tokenPrincipal } from '../../events/tokens.ts';
import { type AuthenticationMode, authenticationModes } from '../authentication/authenticator.ts';
import { type PasswordHash, parseHash } from '../authentication/passwords.ts';
import { metaServicePrincipal } from '../deciders/authorizer.ts';
import { type RpcAccess, rpcAccesses } from '../interfaces/metaservice/service.ts';

/** How each of these settings is checked, and what to do when it is wrong. */
export const authenticationChecks = {
  authentication: {
    schema: z.enum(authenticationModes, 'is no such mode'),
    remedy: `Use one of ${authenticationModes.join(', ')}.`,
  },
  'meta-service-principal': {
    schema: z.string().refine((text) => tokenPrincipal.safeParse(text).success, 'is not a user'),
    remedy: `Give a user, such as ${metaServicePrincipal} or User:doris.`,
  },
  'meta-service-rpc': { schema: z.enum(rpcAccesses, 'is no such mode'), remedy: `Use one of ${rpcAccesses.join(', ')}.` },
} as const;

export interface CheckedAuthentication {
  readonly authentication?: AuthenticationMode;
  readonly 'meta-service-principal': string;
  readonly 'meta-service-rpc': RpcAccess;
}

/** Who may call, as a node's settings say it. */
export interface AuthenticationSettings {
  readonly mode: AuthenticationMode;
  readonly users: ReadonlyMap<string, PasswordHash>;
}

/** Whoever writes users down wants them asked for. */
export const authenticationOf = (
  { authentication }: CheckedAuthentication,
  users: AuthenticationSettings['users'],
): AuthenticationSettings => ({
  mode: authentication ?? (users.size === 0 ? 'none' : 'required'),
  users,
});

interface UsersSection {
  readonly users: ReadonlyMap<string, PasswordHash>;
  readonly problems: readonly { readonly what: string; readonly remedy: string }[];
}
const usersMost = 10_000;
const userName = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/;
const makeOne = 'Make one with: chancery hash-password.';

/**
 * The section `users` of a settings file: NAME: HASH, one per line. What stands there as a hash is not repeated: it may be a password.
 * @param placeOf `chancery.yaml, line 12`
 */
export function readUsers({ value }: Pair, place: string, placeOf: (pair: Pair) => string): UsersSection {
  const users = new Map<string, PasswordHash>();
  if (value === null || (isScalar(value) && value.value === null)) return { users, problems: [] };
  const wrong = (what: string, remedy: string): UsersSection => ({ users, problems: [{ what, remedy }] });
  if (!isMap(value)) return wrong(`${place}: users is not a list of users`, 'Write one per line below it, indented: NAME: HASH.');
  if (value.items.length > usersMost)
    return wrong(`${place}: users has more than ${usersMost} users`, 'Set the others in the log: see docs/access.md.');
  const problems: { what: string; remedy: string }[] = [];
  for (const pair of value.items as Pair[]) {
    const name = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const where = `users in ${placeOf(pair)}`;
    const text = isScalar(pair.value) && typeof pair.value.value === 'string' ? pair.value.value : undefined;
    const hash = text === undefined ? { fault: 'is no text' } : parseHash(text);
    if (!userName.test(name) || name === 'ANONYMOUS')
      problems.push({
        what: `${where}: '${name.slice(0, 200)}' is not a name for a user`,
        remedy: 'Use letters, digits, dot, dash, underscore, @ and +, at most 128, a letter, digit or underscore first; not ANONYMOUS.',
      });
    else if ('fault' in hash) problems.push({ what: `${where}: what stands at '${name}' ${hash.fault}`, remedy: makeOne });
    else users.set(name, hash);
  }
  return { users, problems };
}
