/**
 * Goal: whoever waits for an assignment is woken by what concerns it and by nothing else, however many wait; nobody waits for ever.
 * Method: the real tables, folded from entries of a made log, and a clock that the test moves.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { bucketsAssigned, isrChanged } from '../../events/buckets.ts';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { serverLost, serverRegistered } from '../../events/servers.ts';
import { type AssignmentAnswer, Assignments, assignmentLimits } from '../../src/engine/assignments.ts';
import type { Role } from '../../src/engine/node.ts';
import { Replica } from '../../src/engine/replica.ts';
import { logOf } from '../support/given.ts';
import { VirtualClock } from '../support/virtualClock.ts';

let replica: Replica;
let clock: VirtualClock;
let assignments: Assignments;
let role: Role;
let told: ChanceryEvent[];

/** Folds one more entry. */
function happens(...events: readonly ChanceryEvent[]): void {
  const before = told.length;
  told.push(...events);
  const log = logOf(told.map((event) => ({ events: [event] })));
  for (const { entry, text } of log.slice(before)) replica.receive(entry.index, text);
}
const isThere = (serverId: number, endpoint = `h${serverId}:1`) =>
  serverRegistered({ serverId, directoryId: `d${serverId}`, incarnation: `i${serverId}`, endpoint });
const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
const set = (key: string, value: string) => clusterConfigsChanged({ changes: [{ key, previous: { kind: 'unset' }, value: text(value) }] });
const inSync = (tableId: number, ...isr: number[]) => isrChanged({ serverId: isr[0] ?? 0, buckets: [{ tableId, bucketId: 0, isr }] });

beforeEach(() => {
  [replica, clock, role, told] = [new Replica(), new VirtualClock(), 'follower', []];
  const node = {
    replica,
    get role() {
      return role;
    },
  };
  assignments = new Assignments(node, clock);
  happens(logCreated({ clusterId: 'c1', format: 1 }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} }));
  happens(
    isThere(0),
    isThere(1),
    isThere(2),
    bucketsAssigned({ tableId: 7, replicas: [[0, 1]] }),
    bucketsAssigned({ tableId: 8, replicas: [[1, 2]] }),
  );
});

interface Waiting {
  answer: AssignmentAnswer | undefined;
  readonly hangUp: () => void;
}
function wait(serverId: number, after = replica.state.position, waitMs = 10_000): Waiting {
  const controller = new AbortController();
  const waiting: Waiting = { answer: undefined, hangUp: () => controller.abort() };
  void assignments.next({ serverId, after, waitMs, signal: controller.signal }).then((answer) => {
    waiting.answer = answer;
  });
  return waiting;
}
const settle = () => clock.advance(0);

test('a server is woken by what happens to its own buckets, at once, and by nothing else', async () => {
  const [first, second, third] = [wait(0), wait(1), wait(2)];
  happens(inSync(7, 0));
  happens(set('kv.snapshot.interval', '1 min'));
  await settle();
  const position = replica.state.position - 1;
  expect(first.answer).toMatchObject({ kind: 'assignment', assignment: { replicas: [{ tableId: 7, isr: [0] }] } });
  expect(second.answer, 'both of its buckets').toMatchObject({ assignment: { replicas: [{ tableId: 7 }, { tableId: 8 }] } });
  expect(third.answer).toBeUndefined();
  expect(assignments.open).toBe(1);
  await clock.advance(10_000);
  expect(third.answer).toEqual({ kind: 'unchanged', position: replica.state.position });
  expect(wait(0, position).answer, 'known since').toBeUndefined();
});

test('what changed before it asked is told at once', async () => {
  const { position } = replica.state;
  happens(inSync(7, 0), set('kv.snapshot.interval', '1 min'));
  const [behind, new_] = [wait(0, position), wait(2, 0)];
  await settle();
  expect(behind.answer).toMatchObject({ assignment: { position: replica.state.position } });
  expect(new_.answer).toMatchObject({ assignment: { replicas: [{ tableId: 8 }] } });
});

test('news of other servers are gathered: many that come at once wake everybody once', async () => {
  const waiting = wait(0);
  for (let id = 10; id < 20; id += 1) happens(isThere(id));
  await settle();
  expect(waiting.answer).toBeUndefined();
  await clock.advance(assignmentLimits.directoryMs);
  expect(waiting.answer).toMatchObject({
    kind: 'assignment',
    assignment: { position: replica.state.position, endpoints: { 0: 'h0:1', 1: 'h1:1' } },
  });
  const next = wait(0);
  happens(serverLost({ serverId: 1, because: 'STOPPED' }));
  await clock.advance(assignmentLimits.directoryMs);
  expect(next.answer?.kind === 'assignment' ? next.answer.assignment.endpoints : {}).toEqual({ 0: 'h0:1' });
});

describe('settings', () => {
  const rate = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
  const settings = async () => {
    const waiting = wait(0, 0);
    await settle();
    return waiting.answer?.kind === 'assignment' ? waiting.answer.assignment.settings : undefined;
  };
  test.each([
    [rate, '1kb', { copyBytesPerSec: 1024, minInSyncReplicas: 1 }],
    [rate, '0b', { copyBytesPerSec: 1, minInSyncReplicas: 1 }],
    [rate, '9223372036854775807b', { minInSyncReplicas: 1 }],
    ['log.replica.min-in-sync-replicas-number', '2', { minInSyncReplicas: 2 }],
  ])('%s = %s', async (key, value, expected) => {
    happens(set(key, value));
    expect(await settings()).toEqual(expected);
  });
  test('that change wake everybody, those of the file of a new leader too', async () => {
    const all = [wait(0), wait(1), wait(2)];
    happens(leadershipTaken({ nodeId: 'n2', epoch: 2, staticConfigs: { [rate]: text('1kb') } }));
    await settle();
    for (const { answer } of all) expect(answer).toMatchObject({ assignment: { settings: { copyBytesPerSec: 1024 } } });
    const next = wait(0);
    happens(set(rate, '1 kb'));
    await settle();
    expect(next.answer, 'the same in other words').toBeUndefined();
  });
});

test('a node that is behind waits until it is not, or says so', async () => {
  const { position } = replica.state;
  const [patient, hasty] = [wait(0, position + 1), wait(0, position + 1, 50)];
  await clock.advance(50);
  expect(hasty.answer).toMatchObject({ rejection: { code: 'NOT_CAUGHT_UP', field: 'after' } });
  happens(inSync(8, 1), inSync(7, 0));
  await settle();
  expect(patient.answer).toMatchObject({ kind: 'assignment', assignment: { position: position + 2 } });
});

test('a process that registered later is told nothing from before', async () => {
  const controller = new AbortController();
  const ask = (from: number, waitMs: number) =>
    assignments.next({ serverId: 0, after: 0, from, waitMs, signal: controller.signal, incarnation: 'i0' });
  const from = replica.state.position + 1;
  const [hasty, patient] = [ask(from, 50), ask(from, 10_000)];
  await clock.advance(50);
  expect(await hasty).toMatchObject({ rejection: { code: 'NOT_CAUGHT_UP', field: 'from' } });
  happens(set('kv.snapshot.interval', '1 min'));
  await settle();
  expect(await patient).toMatchObject({ kind: 'assignment', assignment: { position: from } });
});

test('a process whose place another one has is told nothing any more, also while it waits', async () => {
  const controller = new AbortController();
  const ask = (after: number, incarnation: string) =>
    assignments.next({ serverId: 0, after, waitMs: 10_000, signal: controller.signal, incarnation });
  const waiting = ask(replica.state.position, 'i0');
  happens(serverRegistered({ serverId: 0, directoryId: 'other', incarnation: 'other', endpoint: 'h9:1', replaces: 'd0' }));
  expect(await waiting).toMatchObject({ rejection: { code: 'STALE_SERVER', field: 'incarnation' } });
  expect(await ask(0, 'i0')).toMatchObject({ rejection: { code: 'STALE_SERVER' } });
  expect(await ask(0, 'other')).toMatchObject({ kind: 'assignment' });
});

test('a server of whom this node has not heard yet is waited for', async () => {
  const [later, never] = [wait(30, 0, 1_000), wait(31, 0, 1_000)];
  happens(isThere(30));
  await clock.advance(1_000);
  expect(later.answer).toMatchObject({ kind: 'assignment', assignment: { replicas: [], endpoints: {} } });
  expect(never.answer).toMatchObject({ rejection: { code: 'UNKNOWN_SERVER', field: 'serverId' } });
});

test('a node that stopped serving tells nothing', async () => {
  role = 'fault';
  const waiting = wait(0, 0);
  await settle();
  expect(waiting.answer).toMatchObject({ rejection: { code: 'NODE_FAULT' } });
});

test('so many wait and no more; whoever hangs up makes room', async () => {
  const { perServer, waiting } = assignmentLimits;
  const servers = Array.from({ length: waiting / perServer }, (_, i) => 10 + i);
  happens(...servers.map((id) => isThere(id)));
  const all = servers.flatMap((id) => Array.from({ length: perServer }, () => wait(id)));
  const over = wait(0);
  await settle();
  expect(over.answer).toMatchObject({ rejection: { code: 'BUSY' } });
  expect(assignments.open).toBe(assignmentLimits.waiting);
  all[0]?.hangUp();
  await settle();
  const next = wait(0);
  await settle();
  expect(next.answer).toBeUndefined();
  assignments.close();
  await settle();
  expect(assignments.open).toBe(0);
  expect(next.answer).toEqual({ kind: 'unchanged', position: replica.state.position });
});

test('neither one server nor those that nobody knows keep the others out', async () => {
  const { perServer, strangers } = assignmentLimits;
  const own = Array.from({ length: perServer }, () => wait(1));
  const unknown = Array.from({ length: strangers }, (_, i) => wait(100 + i, 0));
  const over = [wait(1), wait(99, 0)];
  const others = [wait(0), wait(2)];
  await settle();
  const busy = expect.objectContaining({ rejection: expect.objectContaining({ code: 'BUSY' }) });
  expect(over.map(({ answer }) => answer)).toEqual([busy, busy]);
  expect(others.map(({ answer }) => answer)).toEqual([undefined, undefined]);
  own[0]?.hangUp();
  unknown[0]?.hangUp();
  await settle();
  const next = [wait(1), wait(99, 0)];
  await settle();
  expect(next.map(({ answer }) => answer)).toEqual([undefined, undefined]);
});

test('nobody waits longer than the longest wait', async () => {
  const waiting = wait(0, replica.state.position, 3_600_000);
  await clock.advance(assignmentLimits.waitMs);
  expect(waiting.answer).toMatchObject({ kind: 'unchanged' });
});
