/**
 * Goal: a faulty log breaks nothing that the port promises, each fault does what it says, and a writer that keeps the port's rules
 * loses and doubles nothing whatever happens.
 * Method: the shared suite with delays only; each fault once by script; then writers over seeded faults, their acknowledgements
 * compared with the log.
 */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { EncodedEntry } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import { type Fault, FaultyLog, type FaultyLogOptions, lostReply, lostRequest, seededFaults } from '../../src/log/faulty.ts';
import { MemoryHub, MemoryLog } from '../../src/log/memory.ts';
import { LogUnavailable } from '../../src/log/port.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { appendAll, chainAfter, chainFromStart, entryAfter, textsOf } from '../support/entries.ts';
import { inAMoment } from '../support/waits.ts';
import { describeEventLog, type OpenedLog } from './eventLog.ts';

const overMemory = (wrap: (log: MemoryLog) => FaultyLog) => async (): Promise<OpenedLog> => {
  const hub = new MemoryHub();
  const clients: FaultyLog[] = [];
  return {
    client: async () => {
      const client = wrap(new MemoryLog(hub));
      clients.push(client);
      return client;
    },
    stop: async () => void (await Promise.all(clients.map((client) => client.close()))),
  };
};

describeEventLog(
  'faulty, delays only',
  overMemory((log) => new FaultyLog(log, { plan: (n) => (n % 3 === 0 ? { kind: 'delay', pauses: n % 7 } : undefined) })),
);
describeEventLog('faulty, after every fault was healed', async () => {
  const opened = await overMemory((log) => new FaultyLog(log, { plan: seededFaults(7, 1) }))();
  return {
    ...opened,
    client: async () => {
      const client = (await opened.client()) as FaultyLog;
      client.disconnect();
      client.script(lostReply, lostRequest);
      await client.heal();
      return client;
    },
  };
});

async function faulty(options: FaultyLogOptions = {}) {
  const hub = new MemoryHub();
  const log = new FaultyLog(new MemoryLog(hub), options);
  return { hub, log, epoch: await log.raiseEpoch() };
}

/** Time that moves only when told. */
function stillClock() {
  let now = 1000;
  let waiting: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run) => {
      const one = { at: now + ms, run };
      waiting.push(one);
      return () => {
        waiting = waiting.filter((each) => each !== one);
      };
    },
  };
  const advance = (ms: number): void => {
    now += ms;
    for (const { at, run } of waiting) if (at <= now) run();
    waiting = waiting.filter(({ at }) => at > now);
  };
  return { clock, advance, waits: () => waiting.length };
}

describe('each fault', () => {
  const pipeline: readonly (readonly [name: string, fault: Fault, landed: number, outcome: string])[] = [
    ['a lost reply', lostReply, 3, 'unknown'],
    ['a lost request', lostRequest, 2, 'unknown'],
    ['a cut with two landed', { kind: 'cut', landed: 2 }, 4, 'unknown'],
    ['an injected conflict', { kind: 'conflict' }, 2, 'conflict'],
  ];
  test.each(pipeline)('%s in a pipeline: it and those behind fail, and as many land as it says', async (_, fault, landed, outcome) => {
    const { hub, log, epoch } = await faulty();
    const chain = chainFromStart(6, { epoch });
    log.script({ kind: 'delay', pauses: 1 }, { kind: 'delay', pauses: 2 }, fault);
    const outcomes = await Promise.all(chain.map((each) => log.append(each)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'appended', outcome, outcome, outcome, outcome]);
    expect(hub.texts(0, 10)).toEqual(textsOf(chain.slice(0, landed)));
    await appendAll(log, chain); // G4: the same entries again, each there once.
    expect(hub.texts(0, 10)).toEqual(textsOf(chain));
  });

  test('a late append lands before a later one, which then conflicts', async () => {
    const { hub, log, epoch } = await faulty();
    const [late, rival] = [entryAfter(emptyHead, { epoch }), entryAfter(emptyHead, { epoch })];
    log.script({ kind: 'late', appends: 1 });
    expect((await log.append(late)).kind).toBe('unknown');
    expect(hub.head).toEqual(emptyHead);
    expect(await log.append(rival)).toEqual({ kind: 'conflict' });
    expect(hub.head).toEqual(headAfter(late));
  });

  test('a late append that comes after its successor, or after a newer epoch, has no effect', async () => {
    const { hub, log, epoch } = await faulty();
    log.script({ kind: 'late', appends: 9 });
    await log.append(entryAfter(emptyHead, { epoch }));
    const winner = entryAfter(emptyHead, { epoch });
    await appendAll(log, [winner]);
    log.script({ kind: 'late', appends: 9 });
    await log.append(entryAfter(headAfter(winner), { epoch }));
    await log.raiseEpoch();
    await log.heal();
    expect(hub.texts(0, 10)).toEqual([winner.text]);
  });

  test('a late append lands at the latest with heal', async () => {
    const { hub, log, epoch } = await faulty();
    const late = entryAfter(emptyHead, { epoch });
    log.script({ kind: 'late', appends: 9 });
    await log.append(late);
    await log.heal();
    expect(hub.texts(0, 10)).toEqual([late.text]);
  });

  test('a conflict is never injected for an entry that is in the log: it answers appended', async () => {
    const { log, epoch } = await faulty();
    const chain = chainFromStart(1, { epoch });
    await appendAll(log, chain);
    log.script({ kind: 'conflict' });
    await appendAll(log, chain);
  });

  test('disconnected, every call is refused, silence grows, and followers go on where they were once healed', async () => {
    const { clock, advance } = stillClock();
    const { hub, log, epoch } = await faulty({ clock });
    const chain = chainFromStart(4, { epoch });
    const texts: string[] = [];
    const aborting = new AbortController();
    const ended = log.follow(0, (batch) => void texts.push(...batch), aborting.signal);
    await appendAll(log, chain.slice(0, 2));
    await vi.waitFor(() => expect(texts).toHaveLength(2), inAMoment);
    expect(log.silentForMs()).toBe(0);
    log.disconnect();
    advance(700);
    expect(log.silentForMs()).toBe(700);
    expect((await log.append(entryAfter(headAfter(chain[1] ?? entryAfter(emptyHead)), { epoch }))).kind).toBe('unknown');
    await expect(log.read(0, 1)).rejects.toThrow(LogUnavailable);
    await expect(log.head()).rejects.toThrow(LogUnavailable);
    await expect(log.raiseEpoch()).rejects.toThrow(LogUnavailable);
    await appendAll(new MemoryLog(hub), chain.slice(2)); // Another node writes meanwhile.
    expect(texts).toHaveLength(2);
    await log.heal();
    await vi.waitFor(() => expect(texts).toEqual(textsOf(chain)), inAMoment);
    expect(log.silentForMs()).toBe(0);
    aborting.abort();
    await ended;
  });

  test('silent, calls wait for the timeout and then settle without effect; abort and close still end a follower', async () => {
    const { clock, advance, waits } = stillClock();
    const { hub, log, epoch } = await faulty({ clock, timeoutMs: 300 });
    const aborting = new AbortController();
    const aborted = log.follow(0, () => {}, aborting.signal);
    const closed = log.follow(0, () => {}, new AbortController().signal);
    log.fallSilent();
    const call = log.append(entryAfter(emptyHead, { epoch }));
    const read = log.read(0, 1);
    await vi.waitFor(() => expect(waits()).toBe(2), inAMoment);
    await appendAll(new MemoryLog(hub), chainFromStart(1, { epoch })); // Gives the followers something to hold back.
    advance(300);
    expect((await call).kind).toBe('unknown');
    await expect(read).rejects.toThrow(LogUnavailable);
    expect(log.silentForMs()).toBe(300);
    expect(hub.head.index).toBe(1);
    aborting.abort();
    await aborted;
    await log.close();
    await expect(closed).rejects.toThrow('closed');
  });
});

/** Appends `count` batches as a leader must: an unknown outcome is settled with the same entry, a conflict by looking again. */
async function writeByTheRules(log: FaultyLog, epoch: number, count: number, width: number) {
  const acknowledged: EncodedEntry[] = [];
  const refused: EncodedEntry[] = [];
  for (let tries = 0; acknowledged.length < count; tries += 1) {
    if (tries > 200 * count) throw new Error('no progress');
    const chain = chainAfter(await log.head(), Math.min(width, count - acknowledged.length), { epoch });
    const outcomes = await Promise.all(chain.map((each) => log.append(each)));
    for (const [i, encoded] of chain.entries()) {
      let outcome = outcomes[i];
      for (let resends = 0; outcome?.kind === 'unknown'; resends += 1) {
        if (resends > 1000) throw new Error('never settled');
        outcome = await log.append(encoded);
      }
      if (outcome?.kind !== 'appended') {
        refused.push(encoded);
        break; // Those behind it were built on it: given up without another look.
      }
      acknowledged.push(encoded);
    }
  }
  return { acknowledged, refused };
}

test('two writers over seeded faults: the log holds what was acknowledged once, in order, and nothing that was refused', async () => {
  const property = fc.asyncProperty(
    fc.integer(),
    fc.double({ min: 0, max: 0.6, noNaN: true }),
    fc.scheduler(),
    async (seed, share, scheduler) => {
      const hub = new MemoryHub((label) => scheduler.schedule(Promise.resolve(), label));
      const epoch = hub.raiseEpoch();
      const logs = [seed, seed + 1].map((each) => new FaultyLog(new MemoryLog(hub), { plan: seededFaults(each, share) }));
      const written = await scheduler.waitFor(Promise.all(logs.map((log, i) => writeByTheRules(log, epoch, 6, i + 2))));
      await scheduler.waitFor(Promise.all(logs.map((log) => log.heal())));
      const texts = hub.texts(0, 1000);
      expect(new Set(texts).size).toBe(texts.length);
      for (const { acknowledged, refused } of written) {
        const own = new Set(textsOf(acknowledged));
        expect(texts.filter((text) => own.has(text))).toEqual(textsOf(acknowledged));
        for (const { text } of refused) expect(texts).not.toContain(text);
      }
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test('the same seed draws the same faults, of every kind, at about the share asked for', () => {
  const draw = (seed: number): (Fault | undefined)[] => {
    const plan = seededFaults(seed, 0.2);
    return Array.from({ length: 2000 }, (_, i) => plan(i + 1));
  };
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
  const kinds = draw(5).flatMap((fault) => fault?.kind ?? []);
  expect(new Set(kinds)).toEqual(new Set(['cut', 'late', 'conflict', 'delay']));
  expect(kinds.length).toBeGreaterThan(300);
  expect(kinds.length).toBeLessThan(500);
});
