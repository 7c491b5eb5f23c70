/**
 * Goal: whatever becomes of the requests of two writers (lost, carried out with the reply lost, carried out much later, while a new epoch
 *   comes up), the log stays one chain, holds each acknowledged entry once, and nothing that was refused ever lands.
 * Method: fast-check draws the fate of each request to a real ZooKeeper; a request that comes late is sent by another session, at a moment
 *   that was drawn too. Every other segment
 *   holds three entries only, so that roll-overs are lost and repeated as often as anything else.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import type { AppendOutcome } from '../../src/log/port.ts';
import { ZooKeeperFailure } from '../../src/log/zookeeper/connection.ts';
import { ZooKeeperLog } from '../../src/log/zookeeper/eventLog.ts';
import { openLayout } from '../../src/log/zookeeper/layout.ts';
import { parseConnect } from '../../src/log/zookeeper/open.ts';
import { type Operation, Session } from '../../src/log/zookeeper/session.ts';
import { chainAfter } from '../support/entries.ts';
import { replay } from '../support/replay.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';

type Fate = 'arrives' | 'reply lost' | 'request lost' | 'late';

let server: ZooKeeper;
let late: Session;
const sessions: Session[] = [];
beforeAll(async () => {
  server = await startZooKeeper(1);
  for (let i = 0; i < 3; i += 1) sessions.push(new Session({ addresses: parseConnect(server.connect).addresses, sessionTimeoutMs: 4000 }));
  await Promise.all(sessions.map((session) => session.live(performance.now() + 10_000)));
  late = sessions[2] as Session;
});
afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await server.stop();
});

/** Requests that are still on their way somewhere in the network. */
class Network {
  readonly #onTheirWay: (readonly Operation[])[] = [];

  /** Lets the session's multis meet their fates, one after the other; the last ones arrive. Each look takes `looks` round trips longer. */
  trouble(session: Session, fates: readonly Fate[], looks: readonly number[]): () => void {
    const multi = Session.prototype.multi.bind(session);
    let sent = 0;
    let looked = 0;
    let isBroken = false; // Behind a lost one nothing comes through on that connection.
    session.multi = async (operations) => {
      if (operations.length === 1) {
        isBroken = false; // A look comes on the next connection.
        looked += 1;
        for (let i = looks[looked] ?? 0; i > 0; i -= 1) await late.barrier('/');
        return multi(operations);
      }
      const fate = fates[sent] ?? 'arrives';
      sent += 1;
      if (fate === 'arrives' && !isBroken) return multi(operations);
      if (fate === 'late') this.#onTheirWay.push(operations);
      if (fate === 'reply lost' && !isBroken) await multi(operations).catch(() => {});
      isBroken = true;
      throw new ZooKeeperFailure('unknown', 'CONNECTION_LOSS');
    };
    return () => {
      session.multi = multi;
    };
  }

  async arrive(count: number): Promise<void> {
    for (const operations of this.#onTheirWay.splice(0, count)) await late.multi(operations).catch(() => {});
  }
}

let roots = 0;
test('two writers, any fate of any request', { timeout: 120_000 }, async () => {
  const fate = fc.constantFrom<Fate>('arrives', 'arrives', 'arrives', 'reply lost', 'request lost', 'late');
  const fates = fc.array(fate, { maxLength: 24 });
  const looks = fc.array(fc.nat(8), { maxLength: 12 });
  const turn = fc.record({
    writer: fc.constantFrom(0, 1),
    appends: fc.integer({ min: 1, max: 8 }),
    arriving: fc.nat(2),
    raise: fc.nat(9),
    thinks: fc.nat(8),
  });
  const writer = fc.record({ fates, looks });
  let lost = 0;
  const property = fc.asyncProperty(writer, writer, fc.array(turn, { minLength: 1, maxLength: 12 }), async (one, two, turns) => {
    roots += 1;
    const layout = await openLayout(late, `/late-${roots}`, { segmentEntries: roots % 2 === 0 ? 3 : 30 });
    const logs = sessions.slice(0, 2).map((session) => new ZooKeeperLog(session, layout, 10_000));
    const network = new Network();
    const calm = [one, two].map((each, i) => network.trouble(sessions[i] as Session, each.fates, each.looks));
    lost += [...one.fates, ...two.fates].filter((each) => each !== 'arrives').length;
    const outcomes: { readonly encoded: EncodedEntry; readonly outcome: AppendOutcome }[] = [];
    let epoch = await (logs[0] as ZooKeeperLog).raiseEpoch();
    const play = async (writer: number): Promise<void> => {
      const log = logs[writer] as ZooKeeperLog;
      for (const { appends, arriving, raise, thinks } of turns.filter((each) => each.writer === writer)) {
        if (raise === 0) epoch = await log.raiseEpoch();
        const chain = chainAfter(await log.head(), appends, { epoch });
        for (let i = 0; i < thinks; i += 1) await late.barrier('/');
        const sent = chain.map(async (encoded) => outcomes.push({ encoded, outcome: await log.append(encoded) }));
        await network.arrive(arriving);
        await Promise.all(sent);
      }
    };
    try {
      await Promise.all([play(0), play(1)]);
    } finally {
      for (const end of calm) end();
    }
    await network.arrive(Number.POSITIVE_INFINITY);
    const head = await (logs[0] as ZooKeeperLog).head();
    const entries = (await (logs[0] as ZooKeeperLog).read(0, 1000)).map(decodeEntry);
    expect(entries.length).toBe(head.index);
    const hashes = entries.map((entry) => entry.hash);
    expect(entries.map((entry) => entry.previousHash)).toEqual(['0'.repeat(64), ...hashes].slice(0, entries.length));
    for (const { encoded, outcome } of outcomes)
      expect([outcome.kind, hashes.filter((hash) => hash === encoded.entry.hash).length]).toEqual([
        outcome.kind,
        { appended: 1, conflict: 0, fenced: 0, unknown: -1 }[outcome.kind],
      ]);
  });
  await fc.assert(property, replay({ numRuns: 60 }).params as object);
  expect(lost).toBeGreaterThan(0);
});
