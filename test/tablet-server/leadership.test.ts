/**
 * Goal: a leader acknowledges nothing that an elected leader could lack, and asks only for an ISR whose members have all of that.
 * Method: one leadership over a real file; followers, assignments and time are what the test says.
 */
import { expect, onTestFinished, test } from 'vitest';
import type { AssignedReplica } from '../../src/tablet-server/assignment.ts';
import { Leadership } from '../../src/tablet-server/leadership.ts';
import { Replica } from '../../src/tablet-server/replica.ts';
import { bucket } from './coordinator.ts';
import { folder } from './servers.ts';

const lagMs = 1000;
const assigned = (change: Partial<AssignedReplica> = {}): AssignedReplica => ({
  ...bucket(0),
  leader: 0,
  leaderEpoch: 3,
  bucketEpoch: 10,
  replicas: [0, 1, 2],
  isr: [0, 1],
  ...change,
});

/** Server 0 leads in epoch 3, with so many bytes inherited. */
async function leading(inheritedBytes: number, change: Partial<AssignedReplica> = {}) {
  const replica = await Replica.open(bucket(0), folder());
  onTestFinished(() => replica.close());
  if (inheritedBytes > 0) await replica.append(Buffer.alloc(inheritedBytes), () => true);
  const clock = { ms: 5000 };
  const told = { progress: 0 };
  const leadership = new Leadership({
    serverId: 0,
    replica,
    assigned: assigned(change),
    lagMs,
    nowMs: () => clock.ms,
    onProgress: () => {
      told.progress += 1;
    },
  });
  const outcomeOf = async (end: number): Promise<string> => {
    const given = new AbortController();
    const outcome = leadership.acknowledged(end, given.signal);
    await Promise.resolve();
    given.abort(); // What is not acknowledged by now is not.
    return await outcome;
  };
  return { leadership, replica, clock, told, outcomeOf };
}

test('bytes are acknowledged once every member of the ISR has fetched behind them', async () => {
  const { leadership, outcomeOf } = await leading(0, { isr: [0, 1, 2] });
  expect(await leadership.append(Buffer.alloc(10))).toEqual({ offset: 0, end: 10 });
  leadership.fetchedUpTo(1, 10);
  expect(await outcomeOf(10)).toBe('over');
  leadership.fetchedUpTo(2, 9);
  expect(await outcomeOf(10)).toBe('over');
  leadership.fetchedUpTo(2, 10);
  expect(await outcomeOf(10)).toBe('acknowledged');
});

test('alone in the ISR it acknowledges at once, and nothing of what others have counts', async () => {
  const { leadership, outcomeOf } = await leading(0, { isr: [0] });
  await leadership.append(Buffer.alloc(10));
  expect(await outcomeOf(10)).toBe('acknowledged');
});

test('a member that was asked for counts until it is known that it was not granted', async () => {
  const { leadership, outcomeOf } = await leading(0);
  leadership.fetchedUpTo(1, 0);
  leadership.fetchedUpTo(2, 0);
  expect(leadership.wantedIsr()).toEqual([0, 1, 2]);
  const settle = leadership.propose([0, 1, 2]);
  await leadership.append(Buffer.alloc(10));
  leadership.fetchedUpTo(1, 10);
  expect(await outcomeOf(10)).toBe('over'); // Server 2 may be in the ISR by now.
  leadership.seenUpTo(100);
  expect(await outcomeOf(10)).toBe('over'); // The request may still be on its way.
  settle(101);
  leadership.seenUpTo(100);
  expect(await outcomeOf(10)).toBe('over');
  leadership.seenUpTo(101);
  expect(await outcomeOf(10)).toBe('acknowledged');
});

test('an ISR whose request has no answer counts until the bucket epoch moves on, however often it is asked for', async () => {
  const { leadership, outcomeOf } = await leading(0, { isr: [0] });
  leadership.fetchedUpTo(1, 0);
  expect(leadership.wantedIsr()).toEqual([0, 1]);
  leadership.propose([0, 1]); // Some node will carry it out late.
  expect(leadership.needsNewEpoch).toBe(true);
  leadership.propose([0, 1])(7); // Passed over, because server 1 was lost then.
  leadership.seenUpTo(7);
  await leadership.append(Buffer.alloc(10));
  expect(await outcomeOf(10)).toBe('over');
  leadership.update(assigned({ bucketEpoch: 11, isr: [0] }));
  expect(await outcomeOf(10)).toBe('acknowledged');
  expect(leadership.needsNewEpoch).toBe(false);
});

test('a newer bucket epoch ends what was asked for under the old one', async () => {
  const { leadership, outcomeOf } = await leading(0);
  leadership.propose([0, 1, 2]);
  await leadership.append(Buffer.alloc(10));
  leadership.fetchedUpTo(1, 10);
  leadership.update(assigned({ bucketEpoch: 10 }));
  expect(await outcomeOf(10)).toBe('over');
  leadership.update(assigned({ bucketEpoch: 11 }));
  expect(await outcomeOf(10)).toBe('acknowledged');
});

test('a member that it wants to be rid of counts until it is out', async () => {
  const { clock, leadership, outcomeOf } = await leading(0);
  await leadership.append(Buffer.alloc(10));
  clock.ms += lagMs + 1;
  expect(leadership.wantedIsr()).toEqual([0]);
  leadership.propose([0])(20);
  leadership.seenUpTo(20);
  expect(await outcomeOf(10)).toBe('over');
  leadership.update(assigned({ bucketEpoch: 11, isr: [0] }));
  expect(await outcomeOf(10)).toBe('acknowledged');
});

test('who is not in sync joins with everything that was inherited, not before', async () => {
  const { leadership, told } = await leading(100);
  leadership.fetchedUpTo(2, 60);
  expect(leadership.wantedIsr()).toBeUndefined();
  const before = told.progress;
  leadership.fetchedUpTo(2, 100);
  expect(leadership.wantedIsr()).toEqual([0, 1, 2]);
  expect(told.progress).toBeGreaterThan(before);
  leadership.fetchedUpTo(2, 99); // It lost something since.
  expect(leadership.wantedIsr()).toBeUndefined();
});

test('who keeps up with a busy leader joins: at its last fetch it asks for what there was at the one before', async () => {
  const { clock, leadership } = await leading(100);
  leadership.fetchedUpTo(1, 100);
  leadership.fetchedUpTo(2, 0);
  clock.ms += 10;
  await leadership.append(Buffer.alloc(50));
  leadership.fetchedUpTo(2, 99);
  expect(leadership.wantedIsr()).toBeUndefined();
  clock.ms += 10;
  leadership.fetchedUpTo(2, 150); // What was there when it fetched last.
  await leadership.append(Buffer.alloc(50));
  expect(leadership.wantedIsr()).toEqual([0, 1, 2]);
});

test('who has not had everything for longer than the lag time leaves, and so does who lost what was acknowledged', async () => {
  const { clock, leadership } = await leading(0, { isr: [0, 1, 2] });
  leadership.fetchedUpTo(1, 0);
  leadership.fetchedUpTo(2, 0);
  await leadership.append(Buffer.alloc(10));
  clock.ms += lagMs;
  leadership.fetchedUpTo(1, 10);
  expect(leadership.wantedIsr()).toBeUndefined();
  clock.ms += 1;
  expect(leadership.wantedIsr()).toEqual([0, 1]);
  leadership.fetchedUpTo(2, 10);
  expect(leadership.wantedIsr()).toBeUndefined();
  leadership.fetchedUpTo(2, 4);
  expect(leadership.wantedIsr()).toEqual([0, 1]);
});

test('others than the replicas of this very epoch get nothing', async () => {
  const { leadership } = await leading(0);
  expect(leadership.refusalOf(1, 3)).toBeUndefined();
  expect(leadership.refusalOf(1, 2)).toBe('STALE_EPOCH');
  expect(leadership.refusalOf(1, 4)).toBe('STALE_EPOCH');
  expect(leadership.refusalOf(9, 3)).toBe('NOT_A_FOLLOWER');
  leadership.update(assigned({ bucketEpoch: 11, replicas: [0, 1], isr: [0, 1] }));
  expect(leadership.refusalOf(2, 3)).toBe('NOT_A_FOLLOWER');
  leadership.end();
  expect(leadership.refusalOf(1, 3)).toBe('NOT_LEADER');
});

test('whoever waits is told when the leadership ends, and nothing is appended or asked for any more', async () => {
  const { clock, leadership, replica } = await leading(0);
  await leadership.append(Buffer.alloc(10));
  const waiting = leadership.acknowledged(10, new AbortController().signal);
  clock.ms += 2 * lagMs;
  leadership.end();
  expect(await waiting).toBe('over');
  expect(await leadership.append(Buffer.alloc(10))).toBeUndefined();
  expect(replica.length).toBe(10);
  expect(leadership.wantedIsr()).toBeUndefined();
});
