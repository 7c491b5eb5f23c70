/**
 * Goal: only who is right gets in, at once when the log says so and no longer than it does; guessing is slow; nothing else is.
 * Method: an authenticator over states folded from real events, with real hashes of little cost and a clock of the test.
 */
import { describe, expect, test } from 'vitest';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { tokenIssued, tokenRevoked } from '../../events/tokens.ts';
import type { State } from '../../projections/state.ts';
import { attemptLimits } from '../../src/authentication/attempts.ts';
import { type AuthenticationMode, Authenticator, authenticatorLimits } from '../../src/authentication/authenticator.ts';
import { newToken, parseToken } from '../../src/authentication/bearerTokens.ts';
import { hashPassword, type PasswordHash } from '../../src/authentication/passwords.ts';
import { secretSubject } from '../../src/engine/configCommand.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { stateAfter } from '../support/given.ts';

const cheap = { memoryKiB: 8, passes: 1, lanes: 1 } as const;
const users: ReadonlyMap<string, PasswordHash> = new Map([
  ['alice', await hashPassword('wonderland', cheap)],
  ['bob', await hashPassword('builder', cheap)],
]);
const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32, 7) }], 'k1');
const key = 'security.sasl.plain.credentials';
const dynamicUsers = (passwords: Readonly<Record<string, string>>): ChanceryEvent =>
  clusterConfigsChanged({
    changes: [
      {
        key,
        previous: { kind: 'unset' },
        value: {
          kind: 'secrets',
          entries: Object.fromEntries(
            Object.entries(passwords).map(([name, password]) => [name, sealer.seal(password, secretSubject(key, name))]),
          ),
        },
      },
    ],
  });

class World {
  now = 1_800_000_000_000;
  state: State = stateAfter();
  readonly said: string[] = [];
  readonly authenticator: Authenticator;
  constructor(mode: AuthenticationMode = 'required', known = users) {
    const clock = { now: () => this.now };
    const logger = { warn: (_: object, message: string) => void this.said.push(message) };
    this.authenticator = new Authenticator({ mode, users: known, state: () => this.state, sealer, clock, logger });
  }
  password = async (name: string, password: string, host = '10.0.0.1') => {
    const verdict = await this.authenticator.password(name, password, host);
    return verdict.kind === 'known' ? verdict.principal : verdict.kind;
  };
  token = (text: string, host = '10.0.0.1') => {
    const verdict = this.authenticator.token(text, host);
    return verdict.kind === 'known' ? verdict.principal : verdict.kind;
  };
}

test.each<[AuthenticationMode, object]>([
  ['none', { kind: 'known', principal: 'User:root' }],
  ['optional', { kind: 'known', principal: 'User:ANONYMOUS' }],
  ['required', { kind: 'wrong' }],
])('without credentials, %s', (mode, verdict) => expect(new World(mode).authenticator.anonymous()).toMatchObject(verdict));

describe('users of the file', () => {
  test.each<AuthenticationMode>(['none', 'optional', 'required'])(
    'are known by their passwords in mode %s, and others never',
    async (mode) => {
      const world = new World(mode);
      expect(await world.password('alice', 'wonderland')).toBe('User:alice');
      expect(await world.password('bob', 'builder')).toBe('User:bob');
      expect(await world.password('alice', 'builder')).toBe('wrong');
      expect(await world.password('Alice', 'wonderland')).toBe('wrong');
      expect(await world.password('root', '')).toBe('wrong');
      expect(await world.password('alice', 'x'.repeat(2000))).toBe('wrong');
      expect(await world.password('a'.repeat(10_000), 'x')).toBe('wrong');
    },
  );

  test('come before dynamic ones of the same name', async () => {
    const world = new World();
    world.state = stateAfter(dynamicUsers({ alice: 'stolen' }));
    expect(await world.password('alice', 'stolen')).toBe('wrong');
    expect(await world.password('alice', 'wonderland')).toBe('User:alice');
  });
});

describe('dynamic users', () => {
  test('count from the event on that brings them, and no longer than they are there', async () => {
    const world = new World();
    expect(await world.password('carol', 'first')).toBe('wrong');
    world.state = stateAfter(dynamicUsers({ carol: 'first', dave: 'd' }));
    expect(await world.password('carol', 'first')).toBe('User:carol');
    expect(await world.password('carol', 'd')).toBe('wrong');
    world.state = stateAfter(dynamicUsers({ carol: 'second' }));
    expect(await world.password('carol', 'first'), 'a remembered one').toBe('wrong');
    expect(await world.password('carol', 'second')).toBe('User:carol');
    world.state = stateAfter(
      dynamicUsers({ carol: 'second' }),
      clusterConfigsChanged({ changes: [{ key, previous: { kind: 'unset' }, value: { kind: 'unset' } }] }),
    );
    expect(await world.password('carol', 'second')).toBe('wrong');
  });

  test('with names that every object has are not there', async () => {
    const world = new World();
    world.state = stateAfter(dynamicUsers({ carol: 'c' }));
    for (const name of ['constructor', '__proto__', 'toString']) expect(await world.password(name, '')).toBe('wrong');
  });

  test('sealed with a key that is not here cannot log in, and others can', async () => {
    const world = new World();
    const other = createSealer([{ keyId: 'k2', key: Buffer.alloc(32, 9) }], 'k2');
    const entries = { erin: other.seal('e', secretSubject(key, 'erin')), carol: sealer.seal('c', secretSubject(key, 'carol')) };
    world.state = stateAfter(
      clusterConfigsChanged({ changes: [{ key, previous: { kind: 'unset' }, value: { kind: 'secrets', entries } }] }),
    );
    for (let i = 0; i < 3; i += 1) expect(await world.password('erin', 'e')).toBe('wrong');
    expect(world.said).toEqual([`users of ${key} cannot log in here: data key 'k2' seals their passwords, and cannot be used`]);
    expect(await world.password('carol', 'c')).toBe('User:carol');
  });
});

describe('tokens', () => {
  const made = newToken();
  const issued = tokenIssued({ about: '', hash: made.hash, principal: 'User:ci', tokenId: made.tokenId });

  test('count from the event on that issues them to the one that revokes them', () => {
    const world = new World();
    expect(world.token(made.text)).toBe('wrong');
    world.state = stateAfter(issued);
    expect(world.token(made.text)).toBe('User:ci');
    world.state = stateAfter(issued, tokenRevoked({ principal: 'User:ci', tokenId: made.tokenId }));
    expect(world.token(made.text)).toBe('wrong');
  });

  test('end with their time, whether the log says so yet or not', () => {
    const world = new World();
    world.state = stateAfter(tokenIssued({ ...issued.data, expiresAt: world.now + 1000 }));
    world.now += 999;
    expect(world.token(made.text)).toBe('User:ci');
    world.now += 1;
    expect(world.authenticator.token(made.text, '10.0.0.1')).toEqual({ kind: 'wrong', detail: 'the time of this token is over' });
  });

  test('need every character', () => {
    const world = new World();
    world.state = stateAfter(issued);
    const other = newToken();
    const { secret = '' } = parseToken(other.text) ?? {};
    const wrong = [
      `chancery_${made.tokenId}_${secret}`,
      made.text.slice(0, -1),
      `${made.text}x`,
      made.text.toUpperCase(),
      made.tokenId,
      '',
    ];
    for (const [i, text] of wrong.entries()) expect(world.token(text, `10.0.0.${i}`), text).toBe('wrong');
  });
});

describe('guessing', () => {
  const { perWindow, windowMs } = attemptLimits;

  test('is stopped after ten wrong ones from an address for the rest of the minute, right or wrong', async () => {
    const world = new World();
    for (let i = 0; i < perWindow; i += 1) expect(await world.password('bob', `guess ${i}`)).toBe('wrong');
    expect(await world.password('bob', 'builder')).toBe('busy');
    expect(await world.password('bob', 'x'.repeat(2000))).toBe('busy');
    expect(world.token('chancery_x_y')).toBe('busy');
    expect(await world.password('bob', 'builder', '10.0.0.2'), 'another address').toBe('User:bob');
    world.now += windowMs;
    expect(await world.password('bob', 'builder')).toBe('User:bob');
  });

  test('does not lock out who was right a moment ago, nor who bears a token', async () => {
    const world = new World();
    const made = newToken();
    world.state = stateAfter(tokenIssued({ about: '', hash: made.hash, principal: 'User:ci', tokenId: made.tokenId }));
    expect(await world.password('alice', 'wonderland')).toBe('User:alice');
    for (let i = 0; i < perWindow; i += 1) expect(world.token(`chancery_x_${i}`)).toBe('wrong');
    expect(await world.password('alice', 'wonderland')).toBe('User:alice');
    expect(world.token(made.text)).toBe('User:ci');
    world.now += authenticatorLimits.rememberMs;
    expect(await world.password('alice', 'wonderland'), 'the minute is over, and so is what was remembered').toBe('User:alice');
  });

  test('many at once is no way around', async () => {
    const world = new World();
    const verdicts = await Promise.all(Array.from({ length: 50 }, (_, i) => world.password('bob', `guess ${i}`)));
    expect(verdicts.filter((verdict) => verdict === 'wrong')).toHaveLength(perWindow);
    expect(verdicts.filter((verdict) => verdict === 'busy')).toHaveLength(50 - perWindow);
  });

  test('the same right password many times at once is checked once', async () => {
    const world = new World();
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => world.password('bob', 'builder')));
    expect(new Set(verdicts)).toEqual(new Set(['User:bob']));
  });

  test('from many addresses at once meets a bound too, and nobody waits for ever', async () => {
    const world = new World();
    const { checks, waiting } = authenticatorLimits;
    const many = checks + waiting + 20;
    const verdicts = await Promise.all(Array.from({ length: many }, (_, i) => world.password('bob', `guess ${i}`, `10.1.0.${i}`)));
    expect(verdicts.filter((verdict) => verdict === 'busy')).toHaveLength(20);
    expect(await world.password('bob', 'builder', '10.2.0.1')).toBe('User:bob');
  });

  test('more right passwords than are remembered: the oldest is forgotten', async () => {
    const [hash] = users.values();
    const many = new Map(Array.from({ length: authenticatorLimits.remembered + 1 }, (_, i) => [`u${i}`, hash as PasswordHash]));
    const world = new World('required', many);
    for (const name of many.keys()) expect(await world.password(name, 'wonderland')).toBe(`User:${name}`);
    for (let i = 0; i < perWindow; i += 1) world.token(`chancery_x_${i}`);
    expect(await world.password('u0', 'wonderland')).toBe('busy');
    expect(await world.password('u1', 'wonderland')).toBe('User:u1');
  });
});
