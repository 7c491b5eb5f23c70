/**
 * Goal: whatever mix of the Meta Service's operations comes, through restarts and lost replies, each is answered as the contract says
 * and nothing done is lost.
 * Method: fast-check draws sequences of 100 operations and disturbances; a model written from the contract alone predicts status, text
 * and what reads show; a node on the in-memory log is asked over HTTP. A restart is a new node over the same log, the old one ends as by
 * kill -9. CHANCERY_SEQUENCES sets the number of sequences.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FaultyLog, lostReply, lostRequest } from '../../src/log/faulty.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import { type ServedMetaService, serveMetaService } from '../metaservice/support.ts';
import { World } from '../support/metaserviceModel.ts';
import { type Heard, noFigures, Run, type Send, type Sequence, sendOnce, sequences } from '../support/metaserviceModelRun.ts';
import { replay } from '../support/replay.ts';

const count = Number(process.env['CHANCERY_SEQUENCES'] ?? 3);
const figures = { ...noFigures(), restarts: 0, killedUnderWay: 0, lost: 0 };

/** One node after the other on one log. */
class Server {
  readonly #hub = new MemoryHub();
  #killsAfter: number | undefined;
  #present: { readonly served: ServedMetaService; readonly log: FaultyLog } | undefined;

  async start(): Promise<void> {
    const log = new FaultyLog(new MemoryLog(this.#hub), { timeoutMs: 50, pause: () => new Promise(setImmediate) });
    const served = await serveMetaService({ log: { log, membership: new MemoryMembership(this.#hub) } });
    this.#present = { served, log };
  }

  get present(): { readonly served: ServedMetaService; readonly log: FaultyLog } {
    if (this.#present === undefined) throw new Error('no node runs');
    return this.#present;
  }

  /** The node says nothing more to anyone, and its session is gone; what it held is not closed properly. */
  async kill(): Promise<void> {
    const { log, served } = this.present;
    log.disconnect();
    this.#hub.crash('n1');
    await Promise.all([served.node.close(0), served.server.close(0)]);
  }

  /** The node is killed while the next operation is under way, that many turns after it was sent. */
  killUnderWay(turns: number): void {
    this.#killsAfter = turns;
  }

  readonly send: Send = async (call, wish): Promise<Heard> => {
    const turns = this.#killsAfter;
    if (turns !== undefined && wish.key !== undefined) {
      this.#killsAfter = undefined;
      figures.killedUnderWay += 1;
      const answer = sendOnce(this.present.served.url, call, wish);
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      await this.kill();
      const heard = await answer;
      await this.start();
      if (heard !== undefined) return heard;
      figures.resent += 1;
    }
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const heard = await sendOnce(this.present.served.url, call, wish);
      if (heard !== undefined) return heard;
      figures.resent += 1;
      await new Promise(setImmediate);
    }
    throw new Error(`${call.name} was not answered in 200 attempts`);
  };
}

const disturbances = [
  [2, 'restart'],
  [4, 'killUnderWay'],
  [6, 'loseReply'],
  [6, 'loseRequest'],
] as const;
let number = 0;

async function follows({ mode, steps }: Sequence): Promise<void> {
  number += 1;
  const server = new Server();
  await server.start();
  try {
    const run = new Run(new World(`i${number}`), server.send, figures);
    await run.begin(mode);
    for (const step of steps) {
      if (step.name === 'restart') {
        figures.restarts += 1;
        await server.kill();
        await server.start();
      } else if (step.name === 'killUnderWay') server.killUnderWay(step.seed % 16);
      else if (step.name === 'loseReply' || step.name === 'loseRequest') {
        figures.lost += 1;
        server.present.log.script(step.name === 'loseReply' ? lostReply : lostRequest);
      } else await run.step(step);
    }
    await server.kill();
    await server.start();
    await run.checkAll();
  } finally {
    await server.kill();
  }
}

test(`${count} sequences of 100 operations, each answered as the contract says`, { timeout: 20_000 + count * 10_000 }, async () => {
  const { params } = replay({ numRuns: count });
  await fc.assert(fc.asyncProperty(sequences(100, disturbances), follows), { ...params, endOnFailure: true });
  console.info(JSON.stringify(figures));
  // A model that refuses all, or nothing, would say little.
  if (count >= 10) {
    expect(figures.accepted).toBeGreaterThan(figures.operations / 3);
    expect(figures.refused).toBeGreaterThan(figures.operations / 5);
    expect(figures.lost).toBeGreaterThan(count);
    if (count >= 25) expect(figures.resent).toBeGreaterThan(0); // One in six kills leaves a request unanswered.
  }
});
