/**
 * Goal: a tablet server is there once, as the process that it says it is; its place is given to no other directory while that could lose
 * data; it is lost, returns, stops and is forgotten just when it should.
 * Method: given events, when a command, then exactly these events.
 */
import { describe, expect, test } from 'vitest';
import { bucketsAssigned, isrChanged, leadersElected } from '../../events/buckets.ts';
import { serverForgotten, serverLimits, serverLost, serverRegistered, serverReturned, serverStopping } from '../../events/servers.ts';
import { draftState, finishState, foldEvent, initialState, type State } from '../../projections/state.ts';
import { decide, parseCommand } from '../../src/deciders/commands.ts';
import { accept, reject } from '../../src/rejection.ts';
import { actOf, given, startedAt } from '../support/given.ts';

const data = { serverId: 3, directoryId: 'd3', incarnation: 'i3', endpoint: 'h3:9123' } as const;
const other = { ...data, serverId: 4, directoryId: 'd4', incarnation: 'i4' } as const;
const [isThere, otherIsThere] = [serverRegistered(data), serverRegistered(other)];
const expired = serverLost({ serverId: 3, because: 'LEASE_EXPIRED' });
const stopped = serverLost({ serverId: 3, because: 'STOPPED' });
const stopping = serverStopping({ serverId: 3 });
const own = { serverId: 3, incarnation: 'i3' } as const;
const unknown = ['UNKNOWN_SERVER', 'serverId', 'tablet server 3 is not known'] as const;
const stale = ['STALE_SERVER', 'incarnation', 'tablet server 3 was started again since, or is taken for lost'] as const;

describe('registerServer', () => {
  const register = { name: 'registerServer', ...data } as const;
  test('a new one', () => given().when(register).gives(isThere));
  test('with all that it may say', () => {
    const more = { rack: 'r1', capacityBytes: 10 ** 12 };
    given()
      .when({ ...register, ...more })
      .gives(serverRegistered({ ...data, ...more }));
  });
  test('nothing that is known already', () => given(isThere).when(register).gives());
  test.each([
    ['another incarnation', { incarnation: 'again' }],
    ['another endpoint', { endpoint: 'elsewhere:1' }],
    ['a rack', { rack: 'r1' }],
    ['a capacity', { capacityBytes: 1 }],
  ])('%s', (_, change) =>
    given(isThere)
      .when({ ...register, ...change })
      .gives(serverRegistered({ ...data, ...change })),
  );
  test('a rack that it has no more', () =>
    given(serverRegistered({ ...data, rack: 'r1' }))
      .when(register)
      .gives(isThere));
  test.each([
    ['lost', expired],
    ['stopped', stopped],
    ['about to stop', stopping],
  ])('one that was %s', (_, event) => given(isThere, event).when(register).gives(isThere));

  describe('with another directory', () => {
    const moved = { ...register, directoryId: 'new' } as const;
    const taken = ['SERVER_ID_TAKEN', 'serverId', 'tablet server 3 is there already, at h3:9123, with another data directory'] as const;
    const gone = serverRegistered({ ...data, directoryId: 'new', replaces: 'd3' });
    const [held, electedAway] = [
      bucketsAssigned({ tableId: 7, replicas: [[3, 4]] }),
      leadersElected({ buckets: [{ tableId: 7, bucketId: 0, leader: 4, isr: [4] }] }),
    ];
    test('not while the first is live', () =>
      given(isThere)
        .when(moved)
        .isRefused(...taken));
    test('not while the first is about to stop', () =>
      given(isThere, stopping)
        .when(moved)
        .isRefused(...taken));
    test('once the first is lost and held nothing', () => given(isThere, expired).when(moved).gives(gone));
    test('not before others lead what the first led', () =>
      given(isThere, otherIsThere, held, expired)
        .when(moved)
        .isRefused(...taken));
    test('once others lead without it', () => given(isThere, otherIsThere, held, expired, electedAway).when(moved).gives(gone));
    test('not while the first is said to be in sync with others', () => {
      const inSync = leadersElected({ buckets: [{ tableId: 7, bucketId: 0, leader: 4, isr: [3, 4] }] });
      given(isThere, otherIsThere, held, expired, inSync)
        .when(moved)
        .isRefused(...taken);
    });
    test('not while the first has what nobody else has', () => {
      const alone = isrChanged({ serverId: 3, buckets: [{ tableId: 7, bucketId: 0, isr: [3] }] });
      const nobody = leadersElected({ buckets: [{ tableId: 7, bucketId: 0, leader: -1, isr: [3] }] });
      const detail = 'the data directory that tablet server 3 had holds in-sync copies of 1 buckets that nobody leads';
      const { decision } = given(isThere, otherIsThere, held, alone, expired, nobody).when(moved);
      expect(decision).toEqual(reject('SERVER_DATA_NEEDED', 'directoryId', detail, { buckets: 1 }));
      given(isThere, otherIsThere, held, alone, expired, nobody).when(register).gives(isThere);
    });
    test('though others have no leader either', () => {
      const others = bucketsAssigned({ tableId: 8, replicas: [[4]] });
      const nobody = leadersElected({ buckets: [{ tableId: 8, bucketId: 0, leader: -1, isr: [4] }] });
      given(isThere, otherIsThere, others, expired, serverLost({ serverId: 4, because: 'STOPPED' }), nobody)
        .when(moved)
        .gives(gone);
    });
  });

  test('not beyond so many', () => {
    const filled = (count: number): State => {
      const state = draftState(initialState());
      for (let position = 1; position <= count; position += 1) {
        const event = { ...serverRegistered({ ...data, serverId: position + 100 }), id: 'e', act: actOf('c') };
        foldEvent(state, { position, at: startedAt, epoch: 1, event });
      }
      return finishState(state);
    };
    const context = { now: startedAt, timeOfDay: startedAt, commandId: 'c' };
    expect(decide(filled(serverLimits.servers - 1), register, context)).toEqual(accept(isThere));
    const full = filled(serverLimits.servers);
    const detail = `there are ${serverLimits.servers} tablet servers already`;
    expect(decide(full, register, context)).toEqual(reject('TOO_MANY_SERVERS', 'serverId', detail));
    expect(decide(full, { ...register, serverId: 101, incarnation: 'again' }, context)).toMatchObject({ kind: 'accepted' });
  });

  test.each<[string, object]>([
    ['an id below 0', { serverId: -1 }],
    ['an id beyond 31 bits', { serverId: 2 ** 31 }],
    ['half an id', { serverId: 1.5 }],
    ['a directory without a name', { directoryId: '' }],
    ['a long incarnation', { incarnation: 'a'.repeat(65) }],
    ['an incarnation with blanks', { incarnation: 'a b' }],
    ['an endpoint without a port', { endpoint: 'h3' }],
    ['an endpoint that is an address of the web', { endpoint: 'http://h3:1' }],
    ['a rack without a name', { rack: '' }],
    ['a rack on two lines', { rack: 'a\nb' }],
    ['a capacity below 0', { capacityBytes: -1 }],
    ['more than there is', { tag: 'PERMANENT_OFFLINE' }],
  ])('does not take %s', (_, change) => {
    expect(parseCommand(register)).toEqual({ command: register });
    expect(parseCommand({ ...register, ...change })).toHaveProperty('error');
  });
});

describe('loseServer', () => {
  const lose = { name: 'loseServer', ...own, because: 'LEASE_EXPIRED' } as const;
  test('a live one', () => given(isThere).when(lose).gives(expired));
  test('one that is about to stop', () =>
    given(isThere, stopping)
      .when({ ...lose, because: 'STOPPED' })
      .gives(stopped));
  test('not twice', () => given(isThere, stopped).when(lose).gives());
  test('not the process after it', () =>
    given(isThere, serverRegistered({ ...data, incarnation: 'again' }))
      .when(lose)
      .gives());
  test('not one that was never there', () =>
    given()
      .when(lose)
      .isRefused(...unknown));
});

describe('returnServer', () => {
  const back = { name: 'returnServer', ...own } as const;
  test('a lost one', () =>
    given(isThere, expired)
      .when(back)
      .gives(serverReturned({ serverId: 3 })));
  test('not one that is live', () => given(isThere).when(back).gives());
  test('not one that is about to stop', () => given(isThere, stopping).when(back).gives());
  test('not another process', () =>
    given(isThere, expired)
      .when({ ...back, incarnation: 'older' })
      .gives());
  test('not one that was never there', () =>
    given()
      .when(back)
      .isRefused(...unknown));
  test('it is live again, and may be lost again', () =>
    given(isThere, expired, serverReturned({ serverId: 3 }))
      .when({ name: 'loseServer', ...own, because: 'LEASE_EXPIRED' })
      .gives(expired));
});

describe('stopServer', () => {
  const stop = { name: 'stopServer', ...own } as const;
  test('a live one', () => given(isThere).when(stop).gives(stopping));
  test('not twice', () => given(isThere, stopping).when(stop).gives());
  test('not one that is lost', () => given(isThere, expired).when(stop).gives());
  test('not the process after it', () =>
    given(serverRegistered({ ...data, incarnation: 'again' }))
      .when(stop)
      .isRefused(...stale));
  test('not one that was never there', () =>
    given()
      .when(stop)
      .isRefused(...unknown));
});

describe('forgetServer', () => {
  const forget = { name: 'forgetServer', serverId: 3 } as const;
  const forgotten = serverForgotten({ serverId: 3 });
  test('a lost one that holds nothing', () => given(isThere, stopped).when(forget).gives(forgotten));
  test.each([
    ['LIVE', [isThere]],
    ['STOPPING', [isThere, stopping]],
  ])('not one that is %s', (status, events) =>
    given(...events)
      .when(forget)
      .isRefused('SERVER_IS_LIVE', 'serverId', `tablet server 3 is ${status}`),
  );
  test('not one that holds copies, in sync or not', () => {
    const held = bucketsAssigned({
      tableId: 7,
      replicas: [
        [3, 4],
        [4, 3],
      ],
    });
    const lagging = isrChanged({ serverId: 4, buckets: [{ tableId: 7, bucketId: 1, isr: [4] }] });
    given(isThere, otherIsThere, held, lagging, stopped)
      .when(forget)
      .isRefused('SERVER_HOLDS_BUCKETS', 'serverId', 'tablet server 3 holds 2 replicas');
  });
  test('not one that was never there, nor twice', () => {
    given()
      .when(forget)
      .isRefused(...unknown);
    given(isThere, stopped, forgotten)
      .when(forget)
      .isRefused(...unknown);
  });
  test('its id is free for anybody then', () =>
    given(isThere, stopped, forgotten)
      .when({ name: 'registerServer', ...data, directoryId: 'new' })
      .gives(serverRegistered({ ...data, directoryId: 'new' })));
});
