/**
 * Goal: a token is issued once, within bounds and time, and is gone once it was revoked or is over; who may do so depends on whose it is.
 * Method: given events, when a command, then exactly these events; the permissions on a state with an authorizer.
 */
import { describe, expect, test } from 'vitest';
import { leadershipTaken } from '../../events/leadership.ts';
import { tokenExpired, tokenIssued, tokenLimits, tokenRevoked } from '../../events/tokens.ts';
import { draftState, finishState, foldEvent, initialState } from '../../projections/state.ts';
import { type Command, decide, parseCommand } from '../../src/deciders/commands.ts';
import { denialOfCommand } from '../../src/deciders/permissions.ts';
import { accept } from '../../src/rejection.ts';
import { actOf, frozen, given, startedAt, stateAfter, whenOn } from '../support/given.ts';

const hash = 'ab'.repeat(32);
const data = { about: 'the nightly build', hash, principal: 'User:ci', tokenId: 't1' } as const;
const gone = { principal: 'User:ci', tokenId: 't1' } as const;
const issued = tokenIssued(data);
/** What the tests take for now, as given.ts has it. */
const now = startedAt + 86_400_000;

describe('issueToken', () => {
  const issue = { name: 'issueToken', ...data } as const;
  test('gives a token', () => given().when(issue).gives(issued));
  test('gives one with an end', () => {
    given()
      .when({ ...issue, expiresAt: now + 1 })
      .gives(tokenIssued({ ...data, expiresAt: now + 1 }));
  });
  test('not one that would be over already', () => {
    given()
      .when({ ...issue, expiresAt: now })
      .isRefused('MALFORMED_REQUEST', 'expiresAt', `its time, ${now}, is over already: it is ${now}`);
  });
  test('one that ends soon in time of day, however far ahead the log is', () => {
    given()
      .when({ ...issue, expiresAt: now + 1 }, { now: now + 3_600_000 })
      .gives(tokenIssued({ ...data, expiresAt: now + 1 }));
  });
  test('not under an id that is in use', () => {
    given(issued).when(issue).isRefused('TOKEN_EXISTS', 'tokenId', "there is a token 't1' already");
  });
  test('again under an id whose token is gone', () => given(issued, tokenRevoked(gone)).when(issue).gives(issued));
  const filled = (count: number, principalOf: (position: number) => string) => {
    const state = draftState(initialState());
    for (let position = 1; position <= count; position += 1) {
      const event = { ...tokenIssued({ ...data, principal: principalOf(position), tokenId: `x${position}` }), id: 'e', act: actOf('c') };
      foldEvent(state, { position, at: startedAt, epoch: 1, event });
    }
    return finishState(state);
  };
  test('not beyond so many', () => {
    const spread = (position: number) => `User:u${position % 100}`;
    expect(decide(filled(tokenLimits.total - 1, spread), issue, { now, timeOfDay: now, commandId: 'c' })).toEqual(accept(issued));
    whenOn(filled(tokenLimits.total, spread), issue).isRefused('TOO_MANY_TOKENS', '', `there are ${tokenLimits.total} tokens already`);
  });
  test('nobody so many that others have none', () => {
    const { ofOne } = tokenLimits;
    const other = { ...issue, principal: 'User:dana' };
    const full = filled(ofOne, () => 'User:ci');
    expect(
      decide(
        filled(ofOne - 1, () => 'User:ci'),
        issue,
        { now, timeOfDay: now, commandId: 'c' },
      ),
    ).toEqual(accept(issued));
    whenOn(full, issue).isRefused('TOO_MANY_TOKENS', 'principal', `there are ${ofOne} tokens for User:ci already`);
    whenOn(full, other).gives(tokenIssued({ ...data, principal: 'User:dana' }));
  });

  test.each<[string, object]>([
    ['an id with other characters', { tokenId: 'a_b' }],
    ['a long id', { tokenId: 'a'.repeat(33) }],
    ['a hash that is none', { hash: 'AB'.repeat(32) }],
    ['somebody who is no user', { principal: 'chancery' }],
    ['another type', { principal: 'Group:ops' }],
    ['nobody', { principal: 'User:' }],
    ['whoever gives no credentials', { principal: 'User:ANONYMOUS' }],
    ['a name on two lines', { principal: 'User:a\nb' }],
    ['a long name', { principal: `User:${'a'.repeat(252)}` }],
    ['long words', { about: 'a'.repeat(201) }],
    ['words on two lines', { about: 'a\nb' }],
    ['an end that is no time', { expiresAt: 0 }],
    ['more than there is', { secret: 'x' }],
  ])('does not take %s', (_, change) => {
    expect(parseCommand(issue)).toEqual({ command: issue });
    expect(parseCommand({ ...issue, ...change })).toHaveProperty('error');
  });
});

describe('revokeToken', () => {
  const revoke = { name: 'revokeToken', tokenId: 't1' } as const;
  const refused = ['UNKNOWN_TOKEN', 'tokenId', "there is no token 't1'"] as const;
  test('takes a token back', () => given(issued).when(revoke).gives(tokenRevoked(gone)));
  test('not one that never was', () =>
    given()
      .when(revoke)
      .isRefused(...refused));
  test('not twice', () =>
    given(issued, tokenRevoked(gone))
      .when(revoke)
      .isRefused(...refused));
  test('not one that is over', () =>
    given(issued, tokenExpired(gone))
      .when(revoke)
      .isRefused(...refused));
});

describe('expireToken', () => {
  const expire = { name: 'expireToken', tokenId: 't1' } as const;
  const ends = (expiresAt: number) => tokenIssued({ ...data, expiresAt });
  test('takes one off whose time is over', () => given(ends(now)).when(expire).gives(tokenExpired(gone)));
  test('not one that has time left', () =>
    given(ends(now + 1))
      .when(expire)
      .gives());
  test('not one that has time left in time of day, however far ahead the log is', () =>
    given(ends(now + 1))
      .when(expire, { now: now + 3_600_000 })
      .gives());
  test('not one without an end', () => given(issued).when(expire).gives());
  test('nothing that is gone', () => given(ends(now), tokenRevoked(gone)).when(expire).gives());
});

describe('with an authorizer', () => {
  const on = { kind: 'text', text: 'true' } as const;
  const leads = leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: { 'authorizer.enabled': on } });
  const state = frozen(stateAfter(leads, issued, tokenIssued({ ...data, tokenId: 't2', principal: 'User:ANONYM' })));
  const may = (principal: string, command: Command) =>
    denialOfCommand(state, { principal, host: '10.0.0.1', interface: 'operator' }, command)?.detail ?? 'allowed';
  const denied = (principal: string) => `${principal} may not ALTER on cluster: nothing allows it`;

  test('everybody issues and revokes their own', () => {
    expect(may('User:ci', { name: 'issueToken', ...data, tokenId: 't9' })).toBe('allowed');
    expect(may('User:ci', { name: 'revokeToken', tokenId: 't1' })).toBe('allowed');
  });
  test('nobody those of others without ALTER on the cluster', () => {
    expect(may('User:eve', { name: 'issueToken', ...data, tokenId: 't9' })).toBe(denied('User:eve'));
    expect(may('User:ci', { name: 'revokeToken', tokenId: 't2' })).toBe(denied('User:ci'));
    expect(may('User:ci', { name: 'revokeToken', tokenId: 'unknown' })).toBe(denied('User:ci'));
  });
  test('whoever gives no credentials has nothing of their own', () => {
    const own = { name: 'issueToken', ...data, principal: 'User:ANONYMOUS' } as const;
    expect(may('User:ANONYMOUS', own)).toBe(denied('User:ANONYMOUS'));
  });
});
