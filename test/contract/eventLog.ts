/**
 * Goal: every implementation of the log keeps the guarantees G1 to G6 of src/log/port.ts, under the same names.
 * Method: black box. Each test opens a fresh, empty log and knows nothing but the port; entries are real and pass `decodeEntry`.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import type { AppendOutcome, EventLog, Head } from '../../src/log/port.ts';
import { appendAll, chainAfter, chainFromStart, entryAfter, nearlyTooLarge, textsOf } from '../support/entries.ts';

/** One fresh, empty log. `client` may be asked again after the former client was closed, and then finds the same log. */
export interface OpenedLog {
  client(): Promise<EventLog>;
  /** Ends everything, clients that are still open included. */
  stop(): Promise<void>;
}

export interface ContractOptions {
  /** Whether several clients may be open at a time; true when absent. */
  readonly severalClients?: boolean;
  /** The implementation's own `timeoutMs`: what G6 promises. */
  readonly timeoutMs?: number;
  /** Entries of the long tests; 1,500 when absent. */
  readonly manyEntries?: number;
  /** Runs of the property test; 25 when absent. */
  readonly runs?: number;
}

/** Waits for what a lagging replica shows in the end. */
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 15_000, interval: 2 });
const kinds = (outcomes: readonly AppendOutcome[]): string[] => outcomes.map((outcome) => outcome.kind);
const headOf = (chain: readonly EncodedEntry[]): Head => {
  const last = chain.at(-1);
  return last === undefined ? emptyHead : headAfter(last);
};
/** Keeps up to `pipelineDepth` appends in flight. */
async function appendPipelined(log: EventLog, chain: readonly EncodedEntry[]): Promise<void> {
  for (let from = 0; from < chain.length; from += log.pipelineDepth) {
    const outcomes = await Promise.all(chain.slice(from, from + log.pipelineDepth).map((encoded) => log.append(encoded)));
    expect(new Set(kinds(outcomes))).toEqual(new Set(['appended']));
  }
}
async function readToEnd(log: EventLog, limit = 1000): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const texts = await log.read(all.length, limit);
    if (texts.length === 0) return all;
    all.push(...texts);
  }
}
/** Follows into an array. `until` waits for a number of texts, `stop` aborts and waits for the end. */
function following(log: EventLog, afterIndex: number) {
  const aborting = new AbortController();
  const texts: string[] = [];
  const ended = log.follow(afterIndex, (batch) => void texts.push(...batch), aborting.signal);
  ended.catch(() => {}); // Looked at in `stop`; must not count as unhandled when a test fails before.
  return {
    texts,
    until: (count: number) => eventually(() => expect(texts.length).toBe(count)),
    stop: async () => {
      aborting.abort();
      await ended;
    },
  };
}

export function describeEventLog(name: string, open: () => Promise<OpenedLog>, options: ContractOptions = {}): void {
  const { severalClients = true, timeoutMs = 5000, manyEntries = 1500, runs = 25 } = options;
  describe(`the event log contract: ${name}`, { timeout: 60_000 }, () => {
    let opened: OpenedLog;
    let log: EventLog;
    let epoch: number;
    beforeEach(async () => {
      opened = await open();
      log = await opened.client();
      epoch = await log.raiseEpoch();
    });
    afterEach(() => opened.stop());
    const several = (title: string, run: () => Promise<void>): void => {
      if (severalClients) test(title, run);
    };

    describe('G1 order', () => {
      test('an empty log has the genesis head and nothing to read', async () => {
        expect(await log.head()).toEqual(emptyHead);
        expect(await log.read(0, 10)).toEqual([]);
      });

      test('read gives the same texts in order from any index, up to its limit, fewer only at the head', async () => {
        const chain = chainFromStart(12, { epoch });
        await appendAll(log, chain);
        await eventually(async () => expect(await log.read(0, 100)).toEqual(textsOf(chain)));
        for (const after of [0, 1, 5, 11, 12])
          for (const limit of [1, 2, 12, 1000]) expect(await log.read(after, limit)).toEqual(textsOf(chain).slice(after, after + limit));
        expect(await log.read(13, 5)).toEqual([]);
        expect(await log.read(1_000_000, 5)).toEqual([]);
      });

      test('many entries read back without gaps, in pages that do not match any inner boundary', async () => {
        const chain = chainFromStart(manyEntries, { epoch });
        await appendPipelined(log, chain);
        await eventually(async () => expect(await log.read(manyEntries - 1, 1)).toHaveLength(1));
        expect(await readToEnd(log, 97)).toEqual(textsOf(chain));
        expect(await log.head()).toEqual(headOf(chain));
      });

      test('several followers, started before, during and after the appends, see the same', async () => {
        const chain = chainFromStart(60, { epoch });
        const before = following(log, 0);
        await appendPipelined(log, chain.slice(0, 30));
        const during = following(log, 10);
        await appendPipelined(log, chain.slice(30));
        const after = following(log, 0);
        await Promise.all([before.until(60), during.until(50), after.until(60)]);
        await Promise.all([before.stop(), during.stop(), after.stop()]);
        expect(before.texts).toEqual(textsOf(chain));
        expect(during.texts).toEqual(textsOf(chain).slice(10));
        expect(after.texts).toEqual(textsOf(chain));
      });

      test('a follower from the start passes across many entries, and from beyond the head it waits', async () => {
        const chain = chainFromStart(manyEntries, { epoch });
        const beyond = following(log, manyEntries - 1);
        await appendPipelined(log, chain);
        const all = following(log, 0);
        await all.until(manyEntries);
        await beyond.until(1);
        await Promise.all([all.stop(), beyond.stop()]);
        expect(all.texts).toEqual(textsOf(chain));
        expect(beyond.texts).toEqual(textsOf(chain.slice(-1)));
      });

      several('a reader and a follower on another client see the order of the writer', async () => {
        const other = await opened.client();
        const chain = chainFromStart(40, { epoch });
        const follower = following(other, 0);
        await appendPipelined(log, chain);
        await follower.until(40);
        await follower.stop();
        expect(follower.texts).toEqual(textsOf(chain));
        await eventually(async () => expect(await other.read(0, 100)).toEqual(textsOf(chain)));
      });
    });

    describe('G2 atomic', () => {
      test('all events of an entry are there, byte for byte', async () => {
        const encoded = entryAfter(emptyHead, { epoch, events: 100 });
        expect(await log.append(encoded)).toEqual({ kind: 'appended' });
        const [text = ''] = await log.read(0, 1);
        expect(text).toBe(encoded.text);
        expect(decodeEntry(text)).toEqual(encoded.entry);
        expect(await log.head()).toEqual({ index: 1, position: 100, hash: encoded.entry.hash });
      });

      test('an entry of nearly 256 KiB passes, also in a pipeline', async () => {
        const chain: EncodedEntry[] = [];
        for (let i = 0; i < 4; i += 1) chain.push(nearlyTooLarge(headOf(chain), { epoch }));
        expect(chain[0]?.text.length).toBeGreaterThan(240 * 1024);
        await appendPipelined(log, chain);
        await eventually(async () => expect(await log.read(0, 10)).toEqual(textsOf(chain)));
      });

      test('every kind of text survives: beyond the basic plane, combining, control characters, lone surrogates', async () => {
        const text = 'Grüße 漢字 🦀👩‍👩‍👧 e\u0301 \u0000\u0001\u001f\u007f\u2028\u2029 \ufeff "\\/\b\n \ud800 end';
        const chain = chainFromStart(3, { epoch, text });
        await appendAll(log, chain);
        await eventually(async () => expect(await log.read(0, 10)).toEqual(textsOf(chain)));
        for (const read of await log.read(0, 10)) expect(JSON.stringify(decodeEntry(read).events)).toContain('Grüße 漢字 🦀👩‍👩‍👧');
      });
    });

    describe('G3 conditional', () => {
      test('another entry at a taken index conflicts and changes nothing', async () => {
        const chain = chainFromStart(3, { epoch });
        await appendAll(log, chain);
        for (const taken of [emptyHead, headOf(chain.slice(0, 1)), headOf(chain.slice(0, 2))])
          expect(await log.append(entryAfter(taken, { epoch }))).toEqual({ kind: 'conflict' });
        expect(await log.head()).toEqual(headOf(chain));
      });

      test('an entry beyond the next index conflicts: there are no gaps', async () => {
        const [, second = entryAfter(emptyHead), third = entryAfter(emptyHead)] = chainFromStart(3, { epoch });
        expect(await log.append(second)).toEqual({ kind: 'conflict' });
        expect(await log.append(third)).toEqual({ kind: 'conflict' });
        expect(await log.append(entryAfter({ ...emptyHead, index: 1 }, { epoch }))).toEqual({ kind: 'conflict' });
        expect(await log.head()).toEqual(emptyHead);
        expect(await log.read(0, 10)).toEqual([]);
      });

      test('the right index behind another predecessor conflicts', async () => {
        const chain = chainFromStart(2, { epoch });
        await appendAll(log, chain);
        expect(await log.append(entryAfter(headOf(chain), { epoch, previousHash: 'a'.repeat(64) }))).toEqual({ kind: 'conflict' });
        expect(await log.head()).toEqual(headOf(chain));
      });

      test('appends in flight land in the order of the calls', async () => {
        const chain = chainFromStart(log.pipelineDepth, { epoch });
        expect(log.pipelineDepth).toBeGreaterThanOrEqual(1);
        const outcomes = await Promise.all(chain.map((encoded) => log.append(encoded)));
        expect(kinds(outcomes)).toEqual(chain.map(() => 'appended'));
        expect(await log.head()).toEqual(headOf(chain));
      });

      test.each(['names another predecessor', 'is another entry than the next one builds on', 'is of an old epoch'])(
        'when one in flight %s, it or the next fails and nothing behind takes effect',
        async (poison) => {
          const depth = Math.min(log.pipelineDepth, 8);
          const chain = chainFromStart(depth, { epoch });
          const middle = Math.floor(depth / 2);
          const before = headOf(chain.slice(0, middle));
          const bad = {
            'names another predecessor': entryAfter(before, { epoch, previousHash: 'b'.repeat(64) }),
            'is another entry than the next one builds on': entryAfter(before, { epoch }),
            'is of an old epoch': entryAfter(before, { epoch: epoch - 1 }),
          }[poison];
          if (bad === undefined) throw new Error(poison);
          const kept =
            poison === 'is another entry than the next one builds on' ? [...chain.slice(0, middle), bad] : chain.slice(0, middle);
          const sent = chain.with(middle, bad);
          const outcomes = await Promise.all(sent.map((encoded) => log.append(encoded)));
          expect(kinds(outcomes.slice(0, kept.length))).toEqual(kept.map(() => 'appended'));
          for (const outcome of outcomes.slice(kept.length)) expect(['conflict', 'fenced', 'unknown']).toContain(outcome.kind);
          expect(await log.head()).toEqual(headOf(kept));
          const next = entryAfter(headOf(kept), { epoch });
          expect(await log.append(next)).toEqual({ kind: 'appended' });
          await eventually(async () => expect(await log.read(0, 100)).toEqual(textsOf([...kept, next])));
        },
      );

      test('a raised epoch fences older ones, whoever appends, and counts upwards', async () => {
        const chain = chainFromStart(2, { epoch });
        await appendAll(log, chain);
        const newer = await log.raiseEpoch();
        expect(newer).toBeGreaterThan(epoch);
        expect(await log.append(entryAfter(headOf(chain), { epoch }))).toMatchObject({ kind: 'fenced', epoch: newer });
        expect(await log.head()).toEqual(headOf(chain));
        const next = entryAfter(headOf(chain), { epoch: newer });
        expect(await log.append(next)).toEqual({ kind: 'appended' });
        expect(await log.head()).toEqual(headAfter(next));
      });

      test('epochs raised together all differ, and only the highest may append', async () => {
        const epochs = await Promise.all([log.raiseEpoch(), log.raiseEpoch(), log.raiseEpoch()]);
        expect(new Set([epoch, ...epochs]).size).toBe(4);
        const highest = Math.max(...epochs);
        for (const older of epochs.filter((each) => each !== highest))
          expect((await log.append(entryAfter(emptyHead, { epoch: older }))).kind).toBe('fenced');
        expect(await log.append(entryAfter(emptyHead, { epoch: highest }))).toEqual({ kind: 'appended' });
      });

      several('an epoch raised by another client fences this one', async () => {
        const other = await opened.client();
        const chain = chainFromStart(2, { epoch });
        await appendAll(log, chain);
        const newer = await other.raiseEpoch();
        expect(await log.append(entryAfter(headOf(chain), { epoch }))).toMatchObject({ kind: 'fenced', epoch: newer });
        const next = entryAfter(headOf(chain), { epoch: newer });
        expect(await other.append(next)).toEqual({ kind: 'appended' });
        expect((await log.append(entryAfter(headAfter(next), { epoch }))).kind).toBe('fenced');
        expect(await log.head()).toEqual(headAfter(next));
      });

      several('of two clients at one index one wins, and the loser conflicts', async () => {
        const other = await opened.client();
        for (let index = 1, head = emptyHead; index <= 10; index += 1) {
          const rivals = [entryAfter(head, { epoch }), entryAfter(head, { epoch })] as const;
          const outcomes = kinds(await Promise.all([log.append(rivals[0]), other.append(rivals[1])]));
          expect(outcomes.toSorted()).toEqual(['appended', 'conflict']);
          head = headAfter(rivals[outcomes[0] === 'appended' ? 0 : 1]);
          expect(await log.head()).toEqual(head);
          expect(await other.head()).toEqual(head);
        }
      });
    });

    describe('G4 resolvable', () => {
      test('the same entry again answers appended and is there once', async () => {
        const chain = chainFromStart(4, { epoch });
        await appendAll(log, chain);
        await appendAll(log, chain.slice(-1));
        await appendAll(log, chain);
        expect(await log.head()).toEqual(headOf(chain));
        await eventually(async () => expect(await log.read(0, 10)).toEqual(textsOf(chain)));
      });

      test('an old entry again, far behind the head, still answers appended', async () => {
        const chain = chainFromStart(manyEntries, { epoch });
        await appendPipelined(log, chain);
        await appendAll(log, chain.slice(0, 3));
        expect(await log.head()).toEqual(headOf(chain));
      });

      test('a whole pipeline may be sent again, with new entries behind it', async () => {
        const chain = chainFromStart(log.pipelineDepth, { epoch });
        const half = Math.ceil(log.pipelineDepth / 2);
        await appendPipelined(log, chain.slice(0, half));
        await appendPipelined(log, chain);
        expect(await log.head()).toEqual(headOf(chain));
      });

      test('an entry that took effect answers appended even after its epoch went by', async () => {
        const chain = chainFromStart(2, { epoch });
        await appendAll(log, chain);
        await log.raiseEpoch();
        await appendAll(log, chain);
        expect(await log.head()).toEqual(headOf(chain));
      });

      several('another client that sends the same entry gets the same answer', async () => {
        const other = await opened.client();
        const [first = entryAfter(emptyHead)] = chainFromStart(1, { epoch });
        expect(kinds(await Promise.all([log.append(first), other.append(first)]))).toEqual(['appended', 'appended']);
        expect(await other.head()).toEqual(headAfter(first));
      });
    });

    describe('G5 durable', () => {
      test('what was read stays, through conflicts, fencing and further appends', async () => {
        const chain = chainFromStart(5, { epoch });
        await appendAll(log, chain);
        await eventually(async () => expect(await log.read(0, 10)).toEqual(textsOf(chain)));
        await log.append(entryAfter(headOf(chain.slice(0, 3)), { epoch }));
        const newer = await log.raiseEpoch();
        await log.append(entryAfter(headOf(chain), { epoch }));
        await appendAll(log, chainAfter(headOf(chain), 3, { epoch: newer }));
        expect((await log.read(0, 5)).slice(0, 5)).toEqual(textsOf(chain));
      });

      test('a client that comes later finds all of it, and a higher epoch', async () => {
        const chain = chainFromStart(20, { epoch });
        await appendAll(log, chain);
        await log.close();
        const later = await opened.client();
        expect(await later.head()).toEqual(headOf(chain));
        await eventually(async () => expect(await later.read(0, 100)).toEqual(textsOf(chain)));
        await appendAll(later, chain.slice(-2));
        const newer = await later.raiseEpoch();
        expect(newer).toBeGreaterThan(epoch);
        await appendAll(later, chainAfter(headOf(chain), 2, { epoch: newer }));
        expect((await later.head()).index).toBe(22);
      });

      several('head counts what any client was told to be appended', async () => {
        const other = await opened.client();
        for (const encoded of chainFromStart(20, { epoch })) {
          expect((await log.append(encoded)).kind).toBe('appended');
          expect(await other.head()).toEqual(headAfter(encoded));
        }
      });

      several('any interleaving of two clients leaves a chain without gaps that holds each acknowledged entry once', async () => {
        const other = await opened.client();
        const turn = fc.record({ client: fc.constantFrom(0, 1), appends: fc.integer({ min: 1, max: 3 }), look: fc.boolean() });
        const property = fc.asyncProperty(
          fc.array(turn, { minLength: 1, maxLength: 8 }),
          fc.array(turn, { maxLength: 8 }),
          async (one, two) => {
            const acknowledged: EncodedEntry[] = [];
            const start = await log.head();
            const play = async (turns: typeof one): Promise<void> => {
              let believed = start;
              for (const { client, appends, look } of turns) {
                const at = client === 0 ? log : other;
                if (look) believed = await at.head();
                const chain = chainAfter(believed, appends, { epoch });
                const outcomes = await Promise.all(chain.map((encoded) => at.append(encoded)));
                const landed = outcomes.findIndex((outcome) => outcome.kind !== 'appended');
                const good = landed === -1 ? chain : chain.slice(0, landed);
                expect(kinds(outcomes.slice(good.length))).not.toContain('appended');
                acknowledged.push(...good);
                believed = good.length > 0 ? headOf(good) : believed;
              }
            };
            await Promise.all([play(one), play(two)]);
            const end = await log.head();
            let texts: readonly string[] = [];
            await eventually(async () => {
              texts = await other.read(start.index, 1000);
              expect(texts.length).toBe(end.index - start.index);
            });
            expect(texts.toSorted()).toEqual(textsOf(acknowledged).toSorted());
            let at = start;
            for (const entry of texts.map(decodeEntry)) {
              expect(entry).toMatchObject({ index: at.index + 1, firstPosition: at.position + 1, previousHash: at.hash });
              at = { index: entry.index, position: at.position + entry.count, hash: entry.hash };
            }
            expect(at).toEqual(end);
          },
        );
        await fc.assert(property, { numRuns: runs });
      });
    });

    describe('follow', () => {
      test('the next delivery waits until the former has settled, and what gathers meanwhile comes together', async () => {
        const chain = chainFromStart(24, { epoch });
        const aborting = new AbortController();
        const gate = Promise.withResolvers<void>();
        const texts: string[] = [];
        let inside = 0;
        let most = 0;
        const ended = log.follow(
          0,
          async (batch) => {
            inside += 1;
            most = Math.max(most, inside);
            texts.push(...batch);
            await gate.promise;
            inside -= 1;
          },
          aborting.signal,
        );
        await appendPipelined(log, chain.slice(0, 8));
        await eventually(() => expect(inside).toBe(1));
        const held = texts.length;
        await appendPipelined(log, chain.slice(8));
        expect(texts.length).toBe(held);
        gate.resolve();
        await eventually(() => expect(texts).toEqual(textsOf(chain)));
        expect(most).toBe(1);
        aborting.abort();
        await ended;
      });

      test('abort ends it, before, while waiting, and inside a delivery; nothing is delivered after that', async () => {
        await log.follow(0, () => expect.unreachable('delivered after abort'), AbortSignal.abort());
        const waiting = following(log, 0);
        await waiting.stop();
        const chain = chainFromStart(3, { epoch });
        await appendAll(log, chain);
        const aborting = new AbortController();
        let deliveries = 0;
        const abortInside = (): void => {
          deliveries += 1;
          aborting.abort();
        };
        await log.follow(0, abortInside, aborting.signal);
        await appendAll(log, chainAfter(headOf(chain), 2, { epoch }));
        expect(deliveries).toBe(1);
        expect(waiting.texts).toEqual([]);
      });

      test.each(['throws', 'rejects'])('a delivery that %s ends it with that error', async (how) => {
        await appendAll(log, chainFromStart(1, { epoch }));
        const fault = new Error('the fold refused it');
        const deliver =
          how === 'throws'
            ? () => {
                throw fault;
              }
            : () => Promise.reject(fault);
        await expect(log.follow(0, deliver, new AbortController().signal)).rejects.toBe(fault);
        expect((await log.head()).index).toBe(1);
      });
    });

    describe('G6 settles', () => {
      test('close settles every call that is open, within the time allowed', { timeout: timeoutMs + 5000 }, async () => {
        const chain = chainFromStart(log.pipelineDepth, { epoch });
        const signal = new AbortController().signal;
        const calls = [
          ...chain.map((encoded) => log.append(encoded)),
          log.read(0, 10),
          log.head(),
          log.raiseEpoch(),
          log.follow(0, () => {}, signal),
        ];
        const settled = Promise.allSettled(calls);
        await log.close();
        const results = await settled;
        const outcomes = results.slice(0, chain.length);
        for (const result of outcomes) expect(result.status).toBe('fulfilled');
      });

      test('after close an append is unknown, everything else unavailable, and close may come again', async () => {
        await log.close();
        await log.close();
        expect((await log.append(entryAfter(emptyHead, { epoch }))).kind).toBe('unknown');
        await expect(log.read(0, 1)).rejects.toThrow('closed');
        await expect(log.head()).rejects.toThrow('closed');
        await expect(log.raiseEpoch()).rejects.toThrow('closed');
        await expect(log.follow(0, () => {}, new AbortController().signal)).rejects.toThrow('closed');
      });

      test('a log at hand is not silent', async () => {
        await log.head();
        expect(log.silentForMs()).toBeLessThan(timeoutMs);
      });
    });
  });
}
