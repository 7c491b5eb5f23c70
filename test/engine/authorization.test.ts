/**
 * Goal: what is denied is counted for ever and kept as far as one wants, the newest; whoever asks about others is judged.
 * Method: the list and the judge alone, on a clock that stands where it is put.
 */
import { describe, expect, test } from 'vitest';
import type { Asker } from '../../src/deciders/authorizer.ts';
import { describeCluster } from '../../src/deciders/permissions.ts';
import { Denials, denialLimits, denialOfQuestionAbout, denialOfRead } from '../../src/engine/authorization.ts';
import { rejection } from '../../src/rejection.ts';
import { authorizing, granted } from '../fold/aclActs.ts';
import { stateAfter } from '../support/given.ts';

const asker: Asker = { principal: 'User:etl', host: '10.0.0.1', interface: 'sql' };
const facts = { principal: 'User:etl', operation: 'WRITE', resource: 'shop' };
const denied = rejection('AUTHORIZATION_DENIED', '', 'User:etl may not WRITE on shop: nothing allows it', facts);
const describing = { kind: 'needs', needs: [describeCluster] } as const;

describe('denials', () => {
  const noted = (limit: number, count: number): Denials => {
    let now = 1000;
    const denials = new Denials({ now: () => now }, limit);
    for (let i = 1; i <= count; i += 1) {
      denials.note(asker, `act ${i}`, denied);
      now += 1;
    }
    return denials;
  };

  test.each([
    [0, 5, 10, []],
    [3, 0, 10, []],
    [3, 2, 10, ['act 2', 'act 1']],
    [3, 3, 10, ['act 3', 'act 2', 'act 1']],
    [3, 10, 10, ['act 10', 'act 9', 'act 8']],
    [3, 10, 2, ['act 10', 'act 9']],
  ])('of %d kept after %d, the newest %d are %j', (limit, count, wanted, expected) => {
    const denials = noted(limit, count);
    expect(denials.newest(wanted).map(({ what }) => what)).toEqual(expected);
    expect(denials.counts.get('sql') ?? 0).toBe(count);
  });

  test('say who, from where, through what, and what it was', () => {
    const { detail } = denied;
    const { principal, operation, resource } = facts;
    expect(noted(5, 1).newest(1)).toEqual([
      { at: 1000, principal, host: '10.0.0.1', interface: 'sql', what: 'act 1', operation, resource, detail },
    ]);
    const { host: _, ...nowhere } = asker;
    const denials = new Denials({ now: () => 1 }, 1);
    denials.note(nowhere, 'x'.repeat(10_000), denied);
    expect(denials.newest(1)[0]).not.toHaveProperty('host');
    expect(denials.newest(1)[0]?.what).toHaveLength(denialLimits.whatLength);
  });

  test('are nothing but denials, and never more than the most', () => {
    const denials = new Denials({ now: () => 1 }, 10_000_000);
    denials.note(asker, 'x', rejection('BUSY', '', 'busy'));
    expect([denials.counts.size, denials.newest(1), denials.limit]).toEqual([0, [], denialLimits.kept]);
  });
});

describe('a question', () => {
  const state = stateAfter(...authorizing(), granted('ALLOW DESCRIBE cluster User:dana *'));
  const ask = (principal: string, about: string, where = state): readonly [string | undefined, number] => {
    const denials = new Denials({ now: () => 1 }, 1);
    const denial = denialOfQuestionAbout(denials, { state: where, asker: { ...asker, principal }, what: 'test' }, about);
    return [denial?.code, denials.newest(1).length];
  };
  test.each([
    ['oneself', 'User:etl', 'User:etl', undefined],
    ['somebody else', 'User:etl', 'User:dana', 'AUTHORIZATION_DENIED'],
    ['somebody else, by who may look', 'User:dana', 'User:etl', undefined],
    ['one of another spelling', 'User:etl', 'User:ETL', 'AUTHORIZATION_DENIED'],
  ])('about %s', (_, principal, about, code) => {
    expect(ask(principal, about)).toEqual([code, code === undefined ? 0 : 1]);
  });

  test('is nobody denied where there is no authorizer', () => {
    expect(ask('User:etl', 'User:dana', stateAfter())).toEqual([undefined, 0]);
    const denials = new Denials({ now: () => 1 }, 1);
    expect(denialOfRead(denials, { state: stateAfter(), asker, what: 'test' }, describing)).toBeUndefined();
  });
});
