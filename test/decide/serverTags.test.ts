/**
 * Goal: a tablet server has at most one tag; a call tags all of its servers or none, and the first that cannot be decides, in the words
 * of Fluss.
 * Method: given events, when a command, then exactly these events.
 */
import { describe, expect, test } from 'vitest';
import { serverForgotten, serverLost, serverRegistered, serverStopping } from '../../events/servers.ts';
import { type ServerTag, serverTagAdded, serverTagRemoved } from '../../events/serverTags.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import { parseCommand } from '../../src/deciders/commands.ts';
import { actOf, given, startedAt, stateAfter } from '../support/given.ts';

const [gone, away] = ['PERMANENT_OFFLINE', 'TEMPORARY_OFFLINE'] as const;
const registered = (serverId: number) =>
  serverRegistered({ serverId, directoryId: `d${serverId}`, incarnation: `i${serverId}`, endpoint: `h${serverId}:1` });
const three = [registered(0), registered(1), registered(2)];
const added = (tag: ServerTag, ...serverIds: number[]) => serverTagAdded({ serverIds, tag });
const removed = (tag: ServerTag, ...serverIds: number[]) => serverTagRemoved({ serverIds, tag });

describe('addServerTag', () => {
  const add = (tag: ServerTag, ...serverIds: number[]) => ({ name: 'addServerTag', serverIds, tag }) as const;
  test('all that are named, each once, by id', () =>
    given(...three)
      .when(add(gone, 2, 0, 2))
      .gives(added(gone, 0, 2)));
  test('those that have it already are passed over', () =>
    given(...three, added(gone, 1))
      .when(add(gone, 0, 1))
      .gives(added(gone, 0)));
  test('nothing when all have it', () =>
    given(...three, added(gone, 0, 1))
      .when(add(gone, 1, 0))
      .gives());
  test('one that is about to stop', () =>
    given(...three, serverStopping({ serverId: 1 }))
      .when(add(away, 1))
      .gives(added(away, 1)));
  test('again, once it was taken off', () =>
    given(...three, added(gone, 1), removed(gone, 1))
      .when(add(away, 1))
      .gives(added(away, 1)));

  const unknown = (id: number) => `Server ${id} not exists when trying to add server tag.`;
  const exists = (present: ServerTag, id: number, wanted: ServerTag) =>
    `Server tag ${present} already exists for server ${id}. However you want to set it to ${wanted}, please remove the server tag first.`;
  test('not one that nobody knows', () =>
    given(...three)
      .when(add(gone, 0, 100))
      .isRefused('UNKNOWN_SERVER', 'serverIds[1]', unknown(100)));
  test('not one that is lost, though it has this very tag', () =>
    given(...three, added(gone, 1), serverLost({ serverId: 1, because: 'STOPPED' }))
      .when(add(gone, 1))
      .isRefused('UNKNOWN_SERVER', 'serverIds[0]', unknown(1)));
  test('not one that has the other', () =>
    given(...three, added(gone, 0))
      .when(add(away, 1, 0))
      .isRefused('SERVER_TAG_EXISTS', 'serverIds[1]', exists(gone, 0, away)));
  test.each([
    [[1, 0, 100], 'SERVER_TAG_EXISTS', exists(gone, 0, away)],
    [[1, 100, 0], 'UNKNOWN_SERVER', unknown(100)],
  ] as const)('of %j the first that cannot be decides', (ids, code, detail) =>
    given(...three, added(gone, 0))
      .when(add(away, ...ids))
      .isRefused(code, 'serverIds[1]', detail),
  );

  test.each<[string, object]>([
    ['nobody', { serverIds: [] }],
    ['too many', { serverIds: Array.from({ length: 1001 }, (_, i) => i) }],
    ['ids below 0', { serverIds: [-1] }],
    ['another tag', { tag: 'OFFLINE' }],
    ['no tag', { tag: undefined }],
  ])('does not take %s', (_, change) => {
    expect(parseCommand(add(gone, 0))).toEqual({ command: add(gone, 0) });
    expect(parseCommand({ ...add(gone, 0), ...change })).toHaveProperty('error');
  });
});

describe('removeServerTag', () => {
  const remove = (tag: ServerTag | undefined, ...serverIds: number[]) =>
    ({ name: 'removeServerTag', serverIds, ...(tag === undefined ? {} : { tag }) }) as const;
  test('from all that are named, each once, by id', () =>
    given(...three, added(gone, 0, 1, 2))
      .when(remove(gone, 2, 0, 2))
      .gives(removed(gone, 0, 2)));
  test('those without one, and those that nobody knows, are passed over', () =>
    given(...three, added(gone, 1))
      .when(remove(gone, 0, 100, 1))
      .gives(removed(gone, 1)));
  test('nothing when none has it', () =>
    given(...three)
      .when(remove(gone, 0, 100))
      .gives());
  test('not the other one', () =>
    given(...three, added(gone, 0), added(away, 2))
      .when(remove(gone, 0, 1, 2))
      .isRefused(
        'SERVER_TAG_MISMATCH',
        'serverIds[2]',
        'Server tag PERMANENT_OFFLINE not exists for server 2, the current server tag of this server is TEMPORARY_OFFLINE.',
      ));
  test('from a server that is gone', () => {
    const lost = [serverLost({ serverId: 1, because: 'LEASE_EXPIRED' as const }), serverForgotten({ serverId: 1 })];
    given(...three, added(gone, 1), ...lost)
      .when(remove(gone, 1))
      .gives(removed(gone, 1));
  });
  test('whichever they have, when none is named', () => {
    given(...three, added(gone, 2, 0), added(away, 1))
      .when(remove(undefined, 2, 1, 0))
      .gives(removed(gone, 0, 2), removed(away, 1));
    given(...three)
      .when(remove(undefined, 0))
      .gives();
  });
});

test('the tables keep who tagged, when, and why', () => {
  const state = stateAfter(...three, added(away, 1));
  const { principal } = actOf('c');
  expect(serverTagOf(state.serverTags, 1)).toEqual({ serverId: 1, tag: away, at: startedAt + 3000, principal });
  expect(serverTagOf(state.serverTags, 0)).toBeUndefined();
  expect(state.serverTags.position).toBe(4);
});
