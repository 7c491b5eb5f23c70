/**
 * Goal: the leader's memory of who tiers what never forgets a round that runs, however rounds end and begin, and finds the silent ones
 *   without looking at the others.
 * Method: entries are folded by a replica under a virtual clock; heartbeats are told as the leader answers them.
 */
import { describe, expect, test, vi } from 'vitest';
import { encodeEntry, type LoggedEvent } from '../../events/envelope.ts';
import {
  lakeTableAdded,
  lakeTableRemoved,
  type TieringEvent,
  tieringDue,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from '../../events/tiering.ts';
import { tieringOf } from '../../projections/tiering.ts';
import { Replica } from '../../src/engine/replica.ts';
import { TieringRounds } from '../../src/engine/tieringRounds.ts';
import { actOf } from '../support/given.ts';
import { heartbeat } from '../support/lakeTables.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const timeoutMs = 120_000;
const named = (tableId: number) => ({ tableId, database: 'lake', table: `t${tableId}` });
const added = (id: number) => lakeTableAdded({ ...named(id), freshnessMs: 1_000, tieringEpoch: 0, because: 'NEW' });
const due = (id: number, tieringEpoch = 1) => tieringDue({ ...named(id), tieringEpoch });
const started = (id: number, service: string, tieringEpoch = 1, ms = timeoutMs) =>
  tieringRoundStarted({ ...named(id), tieringEpoch, service, timeoutMs: ms });
const failed = (id: number, service: string, tieringEpoch = 1) =>
  tieringRoundFailed({ ...named(id), tieringEpoch, service, durationMs: 1, because: 'REPORTED', failuresInRow: tieringEpoch });
const finished = (id: number, service: string, isForced: boolean, tieringEpoch = 1) =>
  tieringRoundFinished({ ...named(id), tieringEpoch, service, durationMs: 1, isForced });

/** The tables of one node, and what it remembers while it leads. */
class Led {
  readonly clock = new VirtualClock();
  readonly replica = new Replica();
  rounds = new TieringRounds(this.clock, this.replica.state.tiering);

  constructor() {
    this.replica.onApplied(({ entry }) => this.rounds.applied(entry));
  }

  /** All in one entry, as the leader commits what came together. */
  tell(...events: readonly TieringEvent[]): void {
    const { hash, index, position } = this.replica.state;
    const logged = events.map((event, i): LoggedEvent => ({ ...event, id: `event-${index}-${i}`, act: actOf(`command-${index}`) }));
    const header = { epoch: 1, index: index + 1, firstPosition: position + 1, at: this.clock.now(), batchId: `batch-${index}` };
    this.replica.receive(index + 1, encodeEntry({ ...header, previousHash: hash, events: logged }).text);
  }

  /** Another node took the lead: it knows what the log says. */
  takeOver(): void {
    this.rounds = new TieringRounds(this.clock, this.replica.state.tiering);
  }

  /** A heartbeat was answered: these renewals count, those do not, and a table was handed out. */
  answered(said: { readonly renewed?: readonly number[]; readonly refused?: readonly number[]; readonly table?: number }): void {
    const { refused = [], renewed = [], table } = said;
    const refusal = { code: 'FENCED_TIERING_EPOCH', detail: 'it is over', remedy: 'Take another one.' };
    const answer = {
      coordinatorEpoch: 1,
      failed: [],
      tiering: [...renewed.map((tableId) => ({ tableId })), ...refused.map((tableId) => ({ tableId, refusal }))],
      finished: [],
      ...(table === undefined ? {} : { table: { ...named(table), tieringEpoch: 1, timeoutMs } }),
    };
    const tiering = answer.tiering.map(({ tableId }) => ({ tableId, tieringEpoch: 1 }));
    this.rounds.answered(heartbeat({ service: 's', tiering }), { kind: 'done', position: 1, changed: false, duplicate: false, answer });
  }

  /** Time passes. @returns who is silent then */
  async after(ms: number): Promise<readonly number[]> {
    await this.clock.advance(ms);
    return this.rounds.silent(100);
  }

  /** Every round of the log is remembered, and nothing else: all are silent in the end. */
  async expectAllRemembered(): Promise<void> {
    const running = [...this.replica.state.tiering.byTable.rows()].filter(([, row]) => row.state === 'Tiering').map(([id]) => Number(id));
    expect([...(await this.after(10 * timeoutMs))].sort((a, b) => a - b)).toEqual(running.sort((a, b) => a - b));
  }
}

function ledWith(ids: readonly number[], service = 's1'): Led {
  const led = new Led();
  led.tell(...ids.map(added));
  led.tell(...ids.map((id) => due(id)));
  led.tell(...ids.map((id) => started(id, service)));
  return led;
}

describe('silence', () => {
  test('a round is over after its time-out exactly, and not a millisecond before', async () => {
    const led = ledWith([1]);
    expect(await led.after(timeoutMs - 1)).toEqual([]);
    expect(await led.after(1)).toEqual([1]);
  });

  test('a renewal counts from when it was answered; one that was refused, or a table handed out again, counts for nothing', async () => {
    const led = ledWith([1, 2, 3]);
    await led.after(timeoutMs - 1);
    led.answered({ renewed: [1], refused: [2], table: 3 });
    expect(await led.after(1)).toEqual([2, 3]);
    expect(await led.after(timeoutMs - 2)).toEqual([2, 3]);
    expect(await led.after(1)).toEqual([2, 3, 1]);
  });

  test('a renewal of a table that nobody tiers is no round', async () => {
    const led = ledWith([1]);
    led.answered({ renewed: [2] });
    led.tell(finished(1, 's1', false));
    led.answered({ renewed: [1] });
    expect(await led.after(10 * timeoutMs)).toEqual([]);
  });

  test('what another command was answered with, or a heartbeat that was refused, keeps nothing up', async () => {
    const led = ledWith([1]);
    await led.after(timeoutMs);
    const renewing = heartbeat({ service: 's1', tiering: [{ tableId: 1, tieringEpoch: 1 }] });
    led.rounds.answered(renewing, { kind: 'unknown', commandId: 'c', detail: 'lost' });
    led.rounds.answered({ name: 'queueDueTables', atMost: 1 }, { kind: 'done', position: 1, changed: false, duplicate: false });
    led.rounds.answered(renewing, {
      kind: 'done',
      position: 1,
      changed: false,
      duplicate: false,
      answer: { of: 'another release' },
    });
    expect(led.rounds.silent(1)).toEqual([1]);
  });

  test('whoever takes the lead has heard of everybody just now', async () => {
    const led = ledWith([1, 2]);
    await led.after(timeoutMs - 1);
    led.takeOver();
    expect(await led.after(timeoutMs - 1)).toEqual([]);
    expect(await led.after(1)).toEqual([1, 2]);
  });

  test('a grant begins all of them anew', async () => {
    const led = ledWith([1, 2]);
    await led.after(timeoutMs);
    led.rounds.grant();
    expect(await led.after(timeoutMs - 1)).toEqual([]);
    expect(await led.after(1)).toEqual([1, 2]);
  });

  test('rounds keep the time-out that they began with', async () => {
    const led = ledWith([1]);
    led.tell(added(2), added(3));
    led.tell(due(2), due(3));
    led.tell(started(2, 's2', 1, 5_000), started(3, 's3', 1, 500_000));
    expect(await led.after(5_000)).toEqual([2]);
    expect(await led.after(115_000)).toEqual([1, 2]);
    expect(await led.after(380_000)).toEqual([1, 2, 3]);
  });
});

describe('rounds that end and begin in one entry', () => {
  const services = Array.from({ length: 40 }, (_, i) => `s${i}`);
  test.each([
    ['failed', (id: number, service: string) => failed(id, service)],
    ['were cut short', (id: number, service: string) => finished(id, service, true)],
  ])('are remembered at whoever has them then, when the ones before %s', async (_, over) => {
    const led = new Led();
    const ids = services.map((__, i) => i);
    led.tell(...ids.map(added));
    led.tell(...ids.map((id) => due(id)));
    led.tell(...services.map((service, id) => started(id, service)));
    // Each table goes to the next service, within one entry.
    led.tell(...services.flatMap((service, id) => [over(id, service), started(id, services[(id + 1) % 40] ?? '', 2)]));
    await led.expectAllRemembered();
  });

  test('count with the time-out of the new one, at the same service too', async () => {
    const led = ledWith([1]);
    led.tell(failed(1, 's1'), started(1, 's1', 2, 1_000));
    expect(await led.after(999)).toEqual([]);
    expect(await led.after(1)).toEqual([1]);
    led.tell(failed(1, 's1', 2), started(1, 's1', 3, 10 * timeoutMs));
    expect(await led.after(10 * timeoutMs - 1)).toEqual([]);
    expect(await led.after(1)).toEqual([1]);
  });

  test('are heard of anew', async () => {
    const led = ledWith([1]);
    await led.after(timeoutMs - 1);
    led.tell(failed(1, 's1'), started(1, 's1', 2));
    expect(await led.after(1)).toEqual([]);
  });

  test('are left out when they end there', async () => {
    const led = ledWith([1, 2]);
    led.tell(failed(1, 's1'), started(1, 's2', 2), failed(1, 's2', 2), lakeTableRemoved(named(2)));
    await led.expectAllRemembered();
    expect(tieringOf(led.replica.state.tiering, 1)?.state).toBe('Pending');
  });
});

test('of 10,000 rounds only those that are over are looked at, and at most as many as are asked for', async () => {
  const led = new Led();
  const ids = Array.from({ length: 10_000 }, (_, i) => i);
  for (let from = 0; from < ids.length; from += 250) {
    const some = ids.slice(from, from + 250);
    led.tell(...some.map(added));
    led.tell(...some.map((id) => due(id)));
    led.tell(...some.map((id) => started(id, `s${id % 100}`)));
  }
  await led.after(timeoutMs - 1);
  led.answered({ renewed: ids.filter((id) => id % 1_000 !== 0).slice(0, 9_000) });
  led.answered({ renewed: ids.filter((id) => id % 1_000 !== 0).slice(9_000) });
  await led.after(1);
  const next = vi.spyOn(Object.getPrototypeOf(new Map().entries()) as MapIterator<unknown>, 'next');
  const silent = led.rounds.silent(100);
  const looks = next.mock.results.length;
  const few = led.rounds.silent(3);
  next.mockRestore();
  expect(silent).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000]);
  expect(looks).toBe(1 + 10 + 1 + 1); // The one time-out there is, those that are over, the first that is not, and that is all.
  expect(few).toEqual([0, 1_000, 2_000]);
});
