/** Tiering services as loops of one test, and what the log must hold of all they were told. */
import { expect } from 'vitest';
import type { Entry } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { type TieringAnswer, tieringAnswer } from '../../src/deciders/tiering.ts';
import { ask } from './harness.ts';

export interface Round {
  readonly tableId: number;
  readonly table: string;
  readonly tieringEpoch: number;
}
const keyOf = ({ tableId, tieringEpoch }: Pick<Round, 'tableId' | 'tieringEpoch'>): string => `${tableId}/${tieringEpoch}`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What services were told, all of them together. */
export class Told {
  /** Who was handed a round, by `table/epoch`. */
  readonly handed = new Map<string, string>();
  readonly newestOf = new Map<number, number>();
  /** Texts of failures by round: of those that were acknowledged; of those that were fenced: an earlier sending may have counted. */
  readonly failed = new Map<string, string>();
  readonly fenced = new Map<string, string>();
  readonly finished = new Set<string>();
  /** Heartbeats that had to be sent again, and reports that met a new coordinator epoch. */
  sentAgain = 0;
  metNewEpoch = 0;

  handOut(service: string, round: Round): void {
    const key = keyOf(round);
    expect([undefined, service], `round ${key} was handed to two services`).toContain(this.handed.get(key));
    const newest = this.newestOf.get(round.tableId) ?? 0;
    expect(round.tieringEpoch, `the epoch of table ${round.tableId} went back`).toBeGreaterThanOrEqual(newest);
    this.handed.set(key, service);
    this.newestOf.set(round.tableId, round.tieringEpoch);
  }
}

type Fate = 'finish' | 'fail' | 'hang';
interface Running extends Round {
  readonly fate: Fate;
  readonly readyAt: number;
}

/** One service: a heartbeat at a time, sent again as it is until some node answers; at most `capacity` tables at once. */
export class Service {
  readonly name: string;
  readonly #urls: readonly string[];
  readonly #told: Told;
  readonly #fateOf: (round: Round) => Fate;
  readonly #running = new Map<number, Running>();
  /** How long it works at a table, and how long it says nothing when it hangs, milliseconds. */
  readonly #times: { readonly workMs: number; readonly hangMs: number };
  #coordinatorEpoch = 0;
  #asked = 0;
  #isEnding = false;
  #life: Promise<void> | undefined;

  constructor(
    name: string,
    urls: readonly string[],
    told: Told,
    fateOf: (round: Round) => Fate,
    times: { readonly workMs: number; readonly hangMs: number },
  ) {
    this.name = name;
    this.#urls = urls;
    this.#told = told;
    this.#fateOf = fateOf;
    this.#times = times;
  }

  start(): void {
    this.#life = this.#live();
    this.#life.catch(() => {}); // Whoever stops it hears of it.
  }

  /** Takes nothing more, and reports what it still has. @throws whatever it found wrong */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#life;
  }

  async #live(): Promise<void> {
    while (!this.#isEnding || this.#running.size > 0) {
      const running = [...this.#running.values()];
      const hung = running.find(({ fate, readyAt }) => fate === 'hang' && readyAt <= performance.now());
      if (hung !== undefined && !this.#isEnding) {
        await pause(this.#times.hangMs);
        this.#running.set(hung.tableId, { ...hung, fate: 'finish' }); // Too late, as it will be told.
      }
      await this.#beat();
      await pause(100);
    }
  }

  async #beat(): Promise<void> {
    const rounds = [...this.#running.values()];
    const isOver = ({ readyAt }: Running): boolean => readyAt <= performance.now();
    const ready = new Map(rounds.filter(isOver).map((round) => [round.tableId, round]));
    const failing = [...ready.values()].filter(({ fate }) => fate === 'fail');
    const finishing = [...ready.values()].filter(({ fate }) => fate !== 'fail');
    const report = ({ tableId, tieringEpoch }: Round) => ({ tableId, tieringEpoch, coordinatorEpoch: this.#coordinatorEpoch });
    const textOf = (round: Round): string => `no access to ${round.table} in round ${round.tieringEpoch}, says ${this.name}`;
    const answer = await this.#send({
      service: this.name,
      failed: failing.map((round) => ({ ...report(round), error: textOf(round) })),
      tiering: rounds.filter(({ tableId }) => !ready.has(tableId)).map(report),
      finished: finishing.map(report),
      wantsTable: !this.#isEnding && rounds.length - ready.size < 2,
    });
    expect(answer.coordinatorEpoch, 'the coordinator epoch went back').toBeGreaterThanOrEqual(this.#coordinatorEpoch);
    this.#coordinatorEpoch = answer.coordinatorEpoch;
    for (const [i, { refusal }] of answer.failed.entries()) this.#settle(failing[i], refusal?.code, textOf);
    for (const [i, { refusal }] of answer.finished.entries()) this.#settle(finishing[i], refusal?.code);
    for (const { refusal, tableId } of answer.tiering)
      if (refusal?.code === 'FENCED_TIERING_EPOCH' || refusal?.code === 'TABLE_NOT_TIERING') this.#running.delete(tableId);
    const { table } = answer;
    if (table === undefined) return;
    const round = { tableId: table.tableId, table: table.table, tieringEpoch: table.tieringEpoch };
    this.#told.handOut(this.name, round);
    this.#running.set(round.tableId, { ...round, fate: this.#fateOf(round), readyAt: performance.now() + this.#times.workMs });
  }

  /** A report that only met a new leader is given once more; every other answer is the end of it. */
  #settle(round: Running | undefined, code: string | undefined, textOf?: (round: Round) => string): void {
    if (round === undefined) throw new Error(`${this.name} was answered more than it said`);
    if (code === 'FENCED_COORDINATOR_EPOCH') {
      this.#told.metNewEpoch += 1;
      return;
    }
    expect([undefined, 'FENCED_TIERING_EPOCH']).toContain(code);
    this.#running.delete(round.tableId);
    if (textOf !== undefined) (code === undefined ? this.#told.failed : this.#told.fenced).set(keyOf(round), textOf(round));
    else if (code === undefined) this.#told.finished.add(keyOf(round));
  }

  async #send(body: object): Promise<TieringAnswer> {
    for (;;) {
      this.#asked += 1;
      const url = this.#urls[this.#asked % this.#urls.length] ?? '';
      const { body: given, status } = await ask(url, '/v1/tiering/heartbeats', { body });
      if (status === 200) {
        const { position: _, ...answer } = given;
        return tieringAnswer.parse(answer);
      }
      expect(status === 0 || status >= 500, `${status} ${JSON.stringify(given)}`).toBe(true);
      this.#told.sentAgain += 1;
      await pause(50);
    }
  }
}

export interface Standing {
  readonly status: 'Scheduled' | 'Pending' | 'Tiering';
  readonly tieringEpoch: number;
  readonly lastError: string | undefined;
  readonly lastErrorAt: number | undefined;
  readonly lastTieredAt: number | undefined;
}
interface Table {
  standing: Standing;
  freshnessMs: number;
  from: number;
  startedAt: number;
}

/** What a log says of lake tables, event by event; it throws where the log tells of what cannot be. */
export class Judge {
  readonly #tables = new Map<number, Table>();
  readonly #queue: number[] = [];
  #ledSince = 0;
  #last = 0;
  readonly failures: { readonly key: string; readonly because: string; readonly error: string | undefined }[] = [];
  readonly finishes: string[] = [];
  readonly starts = new Map<string, string>();
  /** With a leader there: the longest that a table waited after it was due, and from handing a round out until it was given up. */
  readonly longest = { dueMs: 0, silentMs: 0, withoutLeaderMs: 0 };

  read(entries: readonly Entry[], through = Number.POSITIVE_INFINITY): this {
    for (const { at, events, firstPosition } of entries)
      for (const [i, event] of events.entries()) if (firstPosition + i <= through) this.#happened(event as ChanceryEvent, at);
    return this;
  }

  standings(): Record<string, Standing> {
    return Object.fromEntries([...this.#tables].map(([id, { standing }]) => [String(id), standing]));
  }

  #happened(event: ChanceryEvent, at: number): void {
    if (event.type === 'LeadershipTaken') {
      if (this.#last > 0) this.longest.withoutLeaderMs = Math.max(this.longest.withoutLeaderMs, at - this.#last);
      this.#ledSince = at;
    }
    this.#last = at;
    if (event.type === 'LakeTableAdded') {
      const { freshnessMs, tableId, tieringEpoch } = event.data;
      const nothing = { lastError: undefined, lastErrorAt: undefined, lastTieredAt: undefined };
      this.#tables.set(tableId, { standing: { status: 'Scheduled', tieringEpoch, ...nothing }, freshnessMs, from: at, startedAt: 0 });
    }
    if (event.type === 'TieringDue') {
      const table = this.#next(event.data, 'Scheduled', 1);
      this.longest.dueMs = Math.max(this.longest.dueMs, at - Math.max(table.from + table.freshnessMs, this.#ledSince));
      expect(at, keyOf(event.data)).toBeGreaterThanOrEqual(table.from + table.freshnessMs);
      this.#enqueue(event.data.tableId, table, {});
    }
    if (event.type === 'TieringRoundStarted') {
      const table = this.#next(event.data, 'Pending', 0);
      expect(event.data.tableId, `the queue before ${keyOf(event.data)}`).toBe(this.#queue.shift());
      expect(this.starts.has(keyOf(event.data)), `round ${keyOf(event.data)} came twice`).toBe(false);
      this.starts.set(keyOf(event.data), event.data.service);
      table.startedAt = at;
      table.standing = { ...table.standing, status: 'Tiering' };
    }
    if (event.type === 'TieringRoundFinished') {
      const table = this.#next(event.data, 'Tiering', 0);
      this.finishes.push(keyOf(event.data));
      table.from = at;
      table.standing = { ...table.standing, status: 'Scheduled', lastError: undefined, lastErrorAt: undefined, lastTieredAt: at };
    }
    if (event.type === 'TieringRoundFailed') this.#failed(event.data, at);
  }

  #failed(data: Extract<ChanceryEvent, { type: 'TieringRoundFailed' }>['data'], at: number): void {
    const table = this.#next(data, 'Tiering', 0);
    this.failures.push({ key: keyOf(data), because: data.because, error: data.error });
    if (data.because === 'TIMED_OUT')
      this.longest.silentMs = Math.max(this.longest.silentMs, at - Math.max(table.startedAt, this.#ledSince));
    this.#enqueue(data.tableId, table, { lastError: data.error, lastErrorAt: at });
  }

  #enqueue(id: number, table: Table, error: Partial<Standing>): void {
    const { standing } = table;
    table.standing = { ...standing, ...error, status: 'Pending', tieringEpoch: standing.tieringEpoch + 1 };
    this.#queue.push(id);
  }

  #next({ tableId, tieringEpoch }: Pick<Round, 'tableId' | 'tieringEpoch'>, status: Standing['status'], more: number): Table {
    const table = this.#tables.get(tableId);
    if (table === undefined) throw new Error(`table ${tableId} is not tiered`);
    expect([table.standing.status, table.standing.tieringEpoch + more], `table ${tableId}`).toEqual([status, tieringEpoch]);
    return table;
  }
}
