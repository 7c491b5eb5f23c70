/**
 * Goal: the in-memory log keeps the contract, in any order in which its messages may arrive, and stays cheap for long property tests.
 * Method: the shared suite; the same hub driven by fast-check's scheduler; controls of the membership one by one.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import type { Member } from '../../src/ports/membership.ts';
import { appendAll, chainFromStart, entryAfter, textsOf } from '../support/entries.ts';
import { inAMoment } from '../support/waits.ts';
import { describeEventLog } from './eventLog.ts';

describeEventLog('memory', async () => {
  const hub = new MemoryHub();
  const clients: MemoryLog[] = [];
  return {
    client: async () => {
      const client = new MemoryLog(hub);
      clients.push(client);
      return client;
    },
    stop: async () => void (await Promise.all(clients.map((client) => client.close()))),
  };
});

test('with messages arriving in any order, two writers leave one chain with each acknowledged entry once', async () => {
  const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    const hub = new MemoryHub((label) => scheduler.schedule(Promise.resolve(), label));
    const [one, two] = [new MemoryLog(hub), new MemoryLog(hub)];
    const epoch = hub.raiseEpoch();
    const chains = [chainFromStart(3, { epoch }), chainFromStart(3, { epoch })] as const;
    const calls = [...chains[0].map((each) => one.append(each)), ...chains[1].map((each) => two.append(each))];
    await scheduler.waitFor(Promise.all(calls));
    const outcomes = await Promise.all(calls);
    const acknowledged = [...chains[0], ...chains[1]].filter((_, i) => outcomes[i]?.kind === 'appended');
    expect(hub.texts(0, 10)).toEqual(textsOf(acknowledged));
    expect(acknowledged).toHaveLength(3);
  });
  await fc.assert(property, { numRuns: 200 });
});

test('a failed append takes those with it that were sent before its answer, even one that would fit, and no later ones', async () => {
  const hub = new MemoryHub();
  const log = new MemoryLog(hub);
  const epoch = await log.raiseEpoch();
  const fits = entryAfter(emptyHead, { epoch });
  const failing = log.append(entryAfter(emptyHead, { epoch, previousHash: 'c'.repeat(64) }));
  const behind = log.append(fits);
  expect(await Promise.all([failing, behind])).toEqual([{ kind: 'conflict' }, { kind: 'conflict' }]);
  expect(hub.head).toEqual(emptyHead);
  expect(await log.append(fits)).toEqual({ kind: 'appended' });
});

test('more appends in flight than the depth are refused aloud', async () => {
  const log = new MemoryLog(new MemoryHub());
  const epoch = await log.raiseEpoch();
  const calls = chainFromStart(log.pipelineDepth + 1, { epoch }).map((each) => log.append(each));
  await expect(calls.at(-1)).rejects.toThrow('more than 8 appends are in flight');
  expect(await Promise.all(calls.slice(0, -1))).toEqual(calls.slice(1).map(() => ({ kind: 'appended' })));
});

test('a hundred thousand appends, one after the other, as long property tests make them', async () => {
  const hub = new MemoryHub();
  const log = new MemoryLog(hub);
  const epoch = await log.raiseEpoch();
  const one = entryAfter(emptyHead, { epoch });
  let head = emptyHead;
  for (let index = 1; index <= 100_000; index += 1) {
    const entry = { ...one.entry, index, firstPosition: index, previousHash: head.hash, hash: `hash-${index}` };
    await log.append({ entry, text: one.text });
    head = headAfter({ entry, text: one.text });
  }
  expect(hub.head).toEqual(head);
  expect(await log.read(99_998, 10)).toHaveLength(2);
});

const member = (nodeId: string, position = 0): Member => ({
  nodeId,
  operatorUrl: `http://${nodeId}:8480`,
  release: '0.1.0',
  position,
  checkpoints: [],
});
async function joined(hub: MemoryHub, nodeId: string): Promise<MemoryMembership> {
  const membership = new MemoryMembership(hub);
  await membership.join(member(nodeId));
  return membership;
}
const ids = (membership: MemoryMembership): string[] => membership.members().map((each) => each.nodeId);

test('the node that came first leads; the next one does when it leaves or crashes', async () => {
  const hub = new MemoryHub();
  const [a, b, c] = [await joined(hub, 'a'), await joined(hub, 'b'), await joined(hub, 'c')];
  expect(a.standing()).toEqual({ kind: 'leader' });
  await vi.waitFor(() => expect(ids(b)).toEqual(['a', 'b', 'c']), inAMoment);
  expect(b.standing()).toEqual({ kind: 'follower', leaderId: 'a' });
  await a.leave();
  expect(a.standing()).toEqual({ kind: 'follower', leaderId: undefined });
  await vi.waitFor(() => expect(b.standing()).toEqual({ kind: 'leader' }), inAMoment);
  hub.crash('b');
  const seen: string[] = [];
  const stop = c.onChange(() => void seen.push(c.standing().kind));
  await vi.waitFor(() => expect(c.standing()).toEqual({ kind: 'leader' }), inAMoment);
  expect(ids(c)).toEqual(['c']);
  stop();
  await c.leave();
  expect([...new Set(seen)]).toEqual(['leader']);
  expect(c.standing()).toEqual({ kind: 'follower', leaderId: undefined });
});

test('a partitioned node believes what it saw last until it lapses, the others elect, and healed it stands behind them', async () => {
  const hub = new MemoryHub();
  const [a, b] = [await joined(hub, 'a'), await joined(hub, 'b')];
  await vi.waitFor(() => expect(ids(a)).toEqual(['a', 'b']), inAMoment);
  hub.partition('a');
  await vi.waitFor(() => expect(b.standing()).toEqual({ kind: 'leader' }), inAMoment);
  expect(ids(b)).toEqual(['b']);
  expect(a.standing()).toEqual({ kind: 'leader' });
  hub.lapse('a');
  expect(a.standing()).toEqual({ kind: 'follower', leaderId: undefined });
  hub.heal('a');
  await vi.waitFor(() => expect(a.standing()).toEqual({ kind: 'follower', leaderId: 'b' }), inAMoment);
  expect(ids(a)).toEqual(['b', 'a']);
});

test('an id in use is refused with its holder, and free again once the holder crashed', async () => {
  const hub = new MemoryHub();
  await joined(hub, 'a');
  await expect(joined(hub, 'a')).rejects.toThrow("node id 'a' is in use by the live node at http://a:8480");
  hub.crash('a');
  expect((await joined(hub, 'a')).standing()).toEqual({ kind: 'leader' });
});

test('what a node publishes reaches the others', async () => {
  const hub = new MemoryHub();
  const [a, b] = [await joined(hub, 'a'), await joined(hub, 'b')];
  a.publish(member('a', 17));
  await vi.waitFor(() => expect(b.members()[0]?.position).toBe(17), inAMoment);
});

test('followers of other clients end with the abort and are left alone by the close of one client', async () => {
  const hub = new MemoryHub();
  const [one, two] = [new MemoryLog(hub), new MemoryLog(hub)];
  const epoch = await one.raiseEpoch();
  const aborting = new AbortController();
  const texts: string[] = [];
  const ended = two.follow(0, (batch) => void texts.push(...batch), aborting.signal);
  const chain = chainFromStart(2, { epoch });
  await appendAll(one, chain);
  await one.close();
  await vi.waitFor(() => expect(texts).toEqual(textsOf(chain)), inAMoment);
  aborting.abort();
  await ended;
});
