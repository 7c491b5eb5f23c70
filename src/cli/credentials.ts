import { wrongUsage } from './exit.ts';
import { askSecret } from './secretInput.ts';
import type { Terminal } from './terminal.ts';

/** As whom a command asks: flags, then variables. A password comes from CHANCERY_PASSWORD, else it is asked for. */
export interface GivenCredentials {
  readonly token?: string;
  readonly user?: string;
}

/** What a caller does who is not let in. */
export const howToLogIn = 'Set CHANCERY_TOKEN, or CHANCERY_USER and CHANCERY_PASSWORD; or give --token or --user.';

/** What they do when it was for what they gave. */
export const howToCorrect = 'Correct what is given: --token or --user, else CHANCERY_TOKEN, or CHANCERY_USER and CHANCERY_PASSWORD.';

/**
 * The header Authorization for what was given. @returns undefined when nothing was.
 * @throws CommandFailure when two things were given, or something that no header can carry
 */
export async function authorizationOf(given: GivenCredentials, terminal: Terminal): Promise<string | undefined> {
  const { CHANCERY_PASSWORD: password, CHANCERY_TOKEN: tokenSet, CHANCERY_USER: userSet } = terminal.env;
  const isByFlag = given.token !== undefined || given.user !== undefined;
  const { token, user } = isByFlag ? given : { token: tokenSet, user: userSet };
  if (token !== undefined && user !== undefined)
    throw wrongUsage('CHANCERY_TOKEN and CHANCERY_USER are both set', 'Unset one of them, or give --token or --user.');
  if (token !== undefined) {
    if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
    throw wrongUsage(
      `${isByFlag ? '--token' : 'CHANCERY_TOKEN'} is not a token`,
      'Give it as "chancery token issue" showed it: chancery_ID_SECRET.',
    );
  }
  if (user === undefined) return undefined;
  if (user === '' || /[:\p{Cc}]/u.test(user))
    throw wrongUsage(`${isByFlag ? '--user' : 'CHANCERY_USER'} is not a name`, 'Give the name of a user, without User: before it.');
  const secret = password ?? (await askSecret(`password of ${user}: `, terminal));
  return `Basic ${Buffer.from(`${user}:${secret}`, 'utf8').toString('base64')}`;
}
