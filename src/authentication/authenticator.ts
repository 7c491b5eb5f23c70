import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import { anonymousPrincipal } from '../../events/tokens.ts';
import { effectiveConfig } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import { tokenOf } from '../../projections/tokens.ts';
import { secretSubject } from '../engine/configCommand.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Sealer } from '../secrets/port.ts';
import { Attempts } from './attempts.ts';
import { isSecretOf, parseToken } from './bearerTokens.ts';
import { hashLimits, matches, newHashCost, type PasswordHash } from './passwords.ts';

/**
 * What callers without credentials are. none: `User:root`, as if there were no authentication; optional: `User:ANONYMOUS`;
 * required: refused. Credentials that are given are checked in every mode.
 */
export const authenticationModes = ['none', 'optional', 'required'] as const;
export type AuthenticationMode = (typeof authenticationModes)[number];

/** How somebody proved who they are. */
export type AuthenticationMethod = 'none' | 'basic' | 'bearer' | 'certificate';
export type Verdict =
  /** `tokenId`: of the token that was given. */
  | { readonly kind: 'known'; readonly principal: string; readonly tokenId?: string }
  /** The credentials are wrong. `detail` repeats nothing of them. */
  | { readonly kind: 'wrong'; readonly detail: string }
  /** They were not looked at. `waitMs`: when it is worth trying again. */
  | { readonly kind: 'busy'; readonly detail: string; readonly waitMs: number };

export interface AuthenticatorParts {
  readonly mode: AuthenticationMode;
  /** Users of this node's file, by name. A name that stands here is never looked for among the dynamic users. */
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** The newest tables of this node: dynamic users and tokens count from the event on that brought them. */
  readonly state: () => State;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Told once of each data key that a password is sealed with and that this node cannot use. */
  readonly logger?: Pick<Logger, 'warn'>;
}

/** `checks`: at once, so that the other threads stay free for files. `waiting`: beyond them. `remembered`: right passwords, for so long. */
export const authenticatorLimits = { checks: 2, waiting: 64, remembered: 1000, rememberMs: 300_000, nameLength: 256 } as const;

const credentialsKey = 'security.sasl.plain.credentials';
const wrongPassword = 'the user is not known, or the password is wrong';

/**
 * Finds out who somebody is: the one place for all interfaces. Wrong credentials are counted by address (`Attempts`); an address
 * that has had too many is not listened to for the rest of the minute, unless what it gives was right a moment ago or is a
 * right token, which nobody finds by trying. A wrong password takes the time of a hash, whether the user exists or not.
 */
export class Authenticator {
  readonly mode: AuthenticationMode;
  readonly #parts: AuthenticatorParts;
  readonly #attempts: Attempts;
  readonly #key = createSecretKey(randomBytes(32));
  /** Digests of right passwords, and until when they count; the oldest first. */
  readonly #remembered = new Map<string, number>();
  readonly #checking = new Map<string, Promise<boolean>>();
  /** What a password is held against when there is nothing to hold it against. */
  readonly #nobody: PasswordHash;
  readonly #unopened = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #checks = 0;

  constructor(parts: AuthenticatorParts) {
    this.mode = parts.mode;
    this.#parts = parts;
    this.#attempts = new Attempts(() => parts.clock.now());
    const [first] = parts.users.values();
    this.#nobody = { ...(first ?? newHashCost), salt: randomBytes(16), tag: randomBytes(32) };
  }

  /** Of somebody who gives no credentials. */
  anonymous(): Verdict {
    if (this.mode === 'required') return { kind: 'wrong', detail: 'this node wants to know who asks' };
    return { kind: 'known', principal: this.mode === 'none' ? 'User:root' : anonymousPrincipal };
  }

  /** A user and a password: HTTP's Basic, and SASL's PLAIN. @param host IP address as text. Never rejects. */
  async password(name: string, password: string, host: string): Promise<Verdict> {
    const isPossible = name.length <= authenticatorLimits.nameLength && Buffer.byteLength(password) <= hashLimits.passwordBytes;
    if (!isPossible) return await this.#refuse(host);
    const expected = this.#expectedOf(name);
    const digest = this.#digestOf([name, password, typeof expected === 'object' ? expected.tag.toString('base64') : (expected ?? '')]);
    if (this.#isRemembered(digest)) return known(name);
    const late = this.#tooMany(host);
    if (late !== undefined) return late;
    const underWay = this.#checking.get(digest);
    if (underWay !== undefined) return (await underWay) ? known(name) : { kind: 'wrong', detail: wrongPassword };
    if (this.#isFull()) return full;
    const settle = this.#attempts.begin(host);
    const check = this.#check(expected, password);
    this.#checking.set(digest, check);
    const isRight = await check.finally(() => this.#checking.delete(digest));
    settle(isRight);
    if (!isRight) return { kind: 'wrong', detail: wrongPassword };
    this.#remember(digest);
    return known(name);
  }

  /** A bearer token. @param host IP address as text. */
  token(text: string, host: string): Verdict {
    const parsed = parseToken(text);
    const row = parsed === undefined ? undefined : tokenOf(this.#parts.state().tokens, parsed.tokenId);
    const isRight = parsed !== undefined && row !== undefined && isSecretOf(parsed.secret, row.hash);
    if (isRight && (row.expiresAt === undefined || this.#parts.clock.now() < row.expiresAt))
      return { kind: 'known', principal: row.principal, tokenId: row.tokenId };
    if (isRight) return { kind: 'wrong', detail: 'the time of this token is over' };
    const late = this.#tooMany(host);
    if (late !== undefined) return late;
    this.#attempts.begin(host)(false);
    return { kind: 'wrong', detail: 'the token is not known: it was revoked, or belongs to another cluster, or never was one' };
  }

  /**
   * For what goes on after somebody was let in. @param identity as they were let in
   * @returns whether what they gave would let them in now: the token counts, the password is still the same
   */
  standing(identity: { readonly principal: string; readonly method: AuthenticationMethod; readonly tokenId?: string }): () => boolean {
    const { clock, state } = this.#parts;
    const { method, principal, tokenId } = identity;
    if (tokenId !== undefined)
      return () => {
        const row = tokenOf(state().tokens, tokenId);
        return row !== undefined && (row.expiresAt === undefined || clock.now() < row.expiresAt);
      };
    if (method !== 'basic') return () => true;
    const name = principal.slice('User:'.length);
    const expected = this.#expectedOf(name);
    return () => expected !== undefined && this.#expectedOf(name) === expected;
  }

  /** What cannot be right still takes the time of a wrong one. */
  async #refuse(host: string): Promise<Verdict> {
    const late = this.#tooMany(host);
    if (late !== undefined) return late;
    if (this.#isFull()) return full;
    const settle = this.#attempts.begin(host);
    await this.#inTurn(() => matches('', this.#nobody));
    settle(false);
    return { kind: 'wrong', detail: wrongPassword };
  }

  /** @returns the hash of a user of the file, the password of a dynamic one, undefined when there is no such user */
  #expectedOf(name: string): PasswordHash | string | undefined {
    const { sealer, state, users } = this.#parts;
    const fixed = users.get(name);
    if (fixed !== undefined) return fixed;
    const value = effectiveConfig(state().configs, credentialsKey);
    const sealed = value.kind === 'secrets' && Object.hasOwn(value.entries, name) ? value.entries[name] : undefined;
    if (sealed === undefined) return undefined;
    try {
      return sealer.open(sealed, secretSubject(credentialsKey, name));
    } catch {
      this.#tellUnopened(sealed.keyId); // Nobody can log in with it here.
      return undefined;
    }
  }

  #tellUnopened(keyId: string): void {
    if (this.#unopened.has(keyId)) return;
    if (this.#unopened.size >= authenticatorLimits.remembered) this.#unopened.clear();
    this.#unopened.add(keyId);
    const message = `users of ${credentialsKey} cannot log in here: data key '${keyId}' seals their passwords, and cannot be used`;
    this.#parts.logger?.warn({ keyId }, message);
  }

  async #check(expected: PasswordHash | string | undefined, password: string): Promise<boolean> {
    if (typeof expected === 'string' && this.#isSame(expected, password)) return true;
    const hash = typeof expected === 'object' ? expected : this.#nobody;
    return (await this.#inTurn(() => matches(password, hash))) && typeof expected === 'object';
  }

  #isSame(a: string, b: string): boolean {
    return timingSafeEqual(this.#macOf(a), this.#macOf(b));
  }
  #macOf(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text, 'utf8').digest();
  }
  /** Nobody who reads this process's memory finds a password in what is remembered. */
  #digestOf(parts: readonly string[]): string {
    return this.#macOf(JSON.stringify(parts)).toString('base64');
  }

  #tooMany(host: string): Verdict | undefined {
    const waitMs = this.#attempts.waitMs(host);
    return waitMs === 0 ? undefined : { kind: 'busy', detail: 'too many wrong credentials came from this address', waitMs };
  }

  #isRemembered(digest: string): boolean {
    const until = this.#remembered.get(digest);
    if (until === undefined) return false;
    if (this.#parts.clock.now() < until) return true;
    this.#remembered.delete(digest);
    return false;
  }

  #remember(digest: string): void {
    if (this.#remembered.size >= authenticatorLimits.remembered) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(digest, this.#parts.clock.now() + authenticatorLimits.rememberMs);
  }

  #isFull(): boolean {
    return this.#waiting.length >= authenticatorLimits.waiting;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#checks >= authenticatorLimits.checks) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#checks += 1;
    try {
      return await work();
    } finally {
      // The turn goes over to whoever waits longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#checks -= 1;
      else next();
    }
  }
}

const known = (name: string): Verdict => ({ kind: 'known', principal: `User:${name}` });
const full: Verdict = { kind: 'busy', detail: 'too many passwords are being checked', waitMs: 1000 };
