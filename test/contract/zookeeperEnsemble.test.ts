/**
 * Goal: the log on a real ensemble of three keeps the contract although its clients are attached to different members, each of which may
 *   lag; and when a member hangs or dies, everything settles and goes on.
 * Method: the shared suite over three members; then SIGSTOP for the member that a client is attached to, SIGKILL for the leader.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EncodedEntry } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import type { EventLog } from '../../src/log/port.ts';
import { openZooKeeper } from '../../src/log/zookeeper/open.ts';
import { chainAfter, textsOf } from '../support/entries.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { describeEventLog } from './eventLog.ts';

const timeoutMs = 10_000;
const sessionTimeoutMs = 2000;
let server: ZooKeeper;
let roots = 0;
const clients: EventLog[] = [];
const told: string[] = [];
beforeAll(async () => {
  server = await startZooKeeper(3);
});
afterAll(() => server.stop());

/** Each client begins at another member; all know all members. */
async function client(patienceMs = timeoutMs): Promise<EventLog> {
  const onProgress = (text: string): void => void told.push(text);
  const connect = `${server.connect}/ensemble-${roots}`;
  const { log } = await openZooKeeper({ connect, sessionTimeoutMs, timeoutMs: patienceMs, segmentEntries: 50, onProgress });
  clients.push(log);
  return log;
}
const closeAll = async (): Promise<void> => void (await Promise.all(clients.splice(0).map((each) => each.close())));

describeEventLog(
  'zookeeper, three members',
  async () => {
    roots += 1;
    return { client: () => client(), stop: closeAll };
  },
  { timeoutMs, manyEntries: 400, runs: 8 },
);

describe('a member fails', () => {
  afterEach(closeAll);

  /** Appends eight at a time until told to stop; every append must be acknowledged. */
  function writing(log: EventLog, epoch: number) {
    const acknowledged: EncodedEntry[] = [];
    let stopped = false;
    const ended = (async () => {
      for (let head = emptyHead; !stopped; ) {
        const chain = chainAfter(head, 8, { epoch });
        const outcomes = await Promise.all(chain.map((each) => log.append(each)));
        expect(outcomes).toEqual(chain.map(() => ({ kind: 'appended' })));
        acknowledged.push(...chain);
        head = headAfter(chain[7] ?? expect.unreachable());
      }
    })();
    return {
      acknowledged,
      more: async (count: number) => {
        const wanted = acknowledged.length + count;
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThanOrEqual(wanted), { timeout: 20_000, interval: 5 });
      },
      stop: async () => {
        stopped = true;
        await ended;
      },
    };
  }
  const attachedTo = (): number => {
    const [, port] =
      /^connected to ZooKeeper at 127\.0\.0\.1:(\d+)/.exec(told.findLast((text) => text.startsWith('connected')) ?? '') ?? [];
    return server.ports.indexOf(Number(port));
  };

  test.each(['the attached member hangs', 'the leading member is killed'])(
    '%s: appends and followers go on, nothing is lost',
    async (what) => {
      roots += 1;
      const reader = await client();
      const log = await client();
      const [attached, leader] = [attachedTo(), await server.leader()];
      const writer = writing(log, await log.raiseEpoch());
      const aborting = new AbortController();
      const followed: string[] = [];
      const following = reader.follow(0, (texts) => void followed.push(...texts), aborting.signal);
      await writer.more(40);
      if (what === 'the attached member hangs') server.pause(attached);
      else await server.kill(leader);
      await writer.more(200);
      if (what === 'the attached member hangs') server.resume(attached);
      else await server.restart(leader);
      await writer.more(100);
      await writer.stop();
      await vi.waitFor(() => expect(followed.length).toBe(writer.acknowledged.length), { timeout: 20_000 });
      aborting.abort();
      await following;
      expect(followed).toEqual(textsOf(writer.acknowledged));
      expect((await reader.head()).index).toBe(writer.acknowledged.length);
    },
  );

  test('without a quorum appends are unknown and heads unavailable; with it back the same appends settle', async () => {
    roots += 1;
    const log = await client(3000);
    const epoch = await log.raiseEpoch();
    const chain = chainAfter(emptyHead, 8, { epoch });
    await server.kill(0);
    await server.kill(1);
    const unavailable = expect(log.head()).rejects.toMatchObject({ name: 'LogUnavailable' });
    const outcomes = await Promise.all(chain.map((each) => log.append(each)));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(chain.map(() => 'unknown'));
    await unavailable;
    await Promise.all([server.restart(0), server.restart(1)]);
    await vi.waitFor(
      async () => expect(await Promise.all(chain.map((each) => log.append(each)))).toEqual(chain.map(() => ({ kind: 'appended' }))),
      {
        timeout: 20_000,
      },
    );
    expect(await log.read(0, 100)).toEqual(textsOf(chain));
  });
});
