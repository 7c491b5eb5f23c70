/** Nodes of one log under a virtual clock, the model beside them, and what may happen to both. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import type { Tiering } from '../../projections/tiering.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { type TieringAnswer, type TieringHeartbeat, tieringAnswer } from '../../src/deciders/tiering.ts';
import type { Node } from '../../src/engine/node.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import { lostReply, lostRequest } from '../../src/log/faulty.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { VirtualClock } from '../support/virtualClock.ts';
import { eventText, type Report, type Said, TieringModel } from './tieringModel.ts';
import { alterTable, createDatabase, createTable, lakeProperties } from './tieringSamples.ts';

const nodeIds = ['n1', 'n2'] as const;
const tableNames = ['t0', 't1', 't2', 't3'] as const;
const patienceMs = 10_000;
const file = { staticConfigs: { 'chancery.tiering.round-timeout': { kind: 'text', text: '16 s' } } } as const;

/** A tiering service as it sees itself, which may be wrong. */
interface Service {
  readonly name: string;
  readonly has: Map<number, Report>;
}
/** A heartbeat, and whether its answer reaches the service. */
interface Beat {
  readonly service: Service;
  readonly given: TieringHeartbeat;
  readonly isHeard: boolean;
}
interface Logged {
  readonly event: ChanceryEvent;
  readonly at: number;
  readonly command: string;
}

export class TieringWorld {
  readonly clock = new VirtualClock();
  readonly cluster = new TestCluster(this.clock);
  readonly model = new TieringModel();
  readonly services: readonly Service[] = ['s1', 's2', 's3'].map((name) => ({ name, has: new Map() }));
  /** Rounds that somebody was told of, the oldest first. */
  readonly told: Report[] = [];
  /** A fault waits for the next append, or for the next forwarded call. */
  isFaulty = false;
  #seen = 0;

  async start(): Promise<void> {
    for (const nodeId of nodeIds) await this.cluster.start(nodeId, file);
    await this.settled();
    this.#explain(await this.#fresh());
    await this.say(createDatabase('lake'), 'n1', () => ({ code: '', events: ['DatabaseCreated - - - - -'] }));
    for (const name of ['t0', 't1']) await this.create(name, 2_500, 'n1');
  }

  get now(): number {
    return this.clock.now();
  }

  leader(): string | undefined {
    return nodeIds.find((nodeId) => this.cluster.running.get(nodeId)?.node.role === 'leader');
  }

  /** Waits until somebody leads, all have folded everything, and nothing more comes of it. */
  async settled(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    const position = (): number => this.cluster.hub.head.position;
    for (let quiet = 0, last = -1; quiet < 8; quiet += 1) {
      const isAtRest = this.leader() !== undefined && [...this.cluster.running.values()].every(({ node }) => node.state.position === last);
      if (!isAtRest || position() !== last) quiet = 0;
      last = position();
      if (performance.now() > deadline) throw new Error('the cluster does not come to rest');
      await new Promise((resolve) => (this.leader() === undefined ? setTimeout(resolve, 1) : setImmediate(resolve)));
    }
  }

  async #fresh(): Promise<readonly Logged[]> {
    await this.settled();
    const entries = this.cluster.entries().slice(this.#seen);
    this.#seen += entries.length;
    return entries.flatMap(({ at, events }) => events.map((event) => ({ event: event as ChanceryEvent, at, command: event.act.command })));
  }

  #explain(events: readonly Logged[]): void {
    for (const { at, event } of events) {
      if (event.type === 'LeadershipTaken') this.isFaulty = false;
      this.model.explain(event, at);
    }
  }

  /**
   * Gives a command to a node until it is answered, and holds the log and the answer against the model. A lost append ends a leadership:
   * the command is decided again by the next one; a lost answer of the leader has it decided twice by the same.
   * @param decide what the model makes of it: a code when it is refused, what the log must say
   */
  async say(command: Command, nodeId: string, decide: () => { code: string; events: readonly string[] }): Promise<Outcome> {
    const mayLoseForward = this.cluster.loseNextForward;
    const outcome = await this.cluster.node(nodeId).submit(command, caller);
    const isForwardLost = mayLoseForward && !this.cluster.loseNextForward;
    if (isForwardLost) this.isFaulty = false;
    const fresh = await this.#fresh();
    const isOwn = ({ command: by }: Logged): boolean => by === command.name;
    const isRemembered = command.name !== 'tieringHeartbeat';
    let over = fresh.findIndex(({ event }) => event.type === 'LeadershipTaken');
    if (over < 0) over = 0;
    const [before, after] = [fresh.slice(0, over), fresh.slice(over)];
    let decided: { code: string; events: readonly string[] } | undefined;
    if (before.some(isOwn)) {
      decided = decide();
      expect(before.filter(isOwn).map(({ event }) => eventText(event))).toEqual(decided.events);
    }
    this.#explain(fresh.filter((logged) => !isOwn(logged)));
    const written = after.filter(isOwn).map(({ event }) => eventText(event));
    if (decided === undefined || !isRemembered) {
      decided = decide();
      const first = decided.events;
      if (isForwardLost && !isRemembered) decided = decide();
      expect(written).toEqual(decided.events === first ? first : [...first, ...decided.events]);
    } else expect(written).toEqual([]);
    const code = outcome.kind === 'rejected' ? outcome.rejection.code : outcome.kind === 'done' ? '' : outcome.kind;
    expect(code, JSON.stringify(outcome)).toBe(decided.code);
    return outcome;
  }

  /** @param freshness absent: it is no lake table */
  async create(name: string, freshness: number | undefined, nodeId: string): Promise<void> {
    const { model } = this;
    const isLake = freshness !== undefined;
    await this.say(createTable('lake', name, isLake ? lakeProperties(freshness) : {}), nodeId, () => {
      const id = model.nextId;
      model.nextId += 1;
      model.catalog.set(name, { id, isLake, freshnessMs: freshness ?? 180_000 });
      return { code: '', events: [`TableCreated ${id} - - - -`, ...(isLake ? model.join(name, this.now) : [])] };
    });
  }

  /** A heartbeat, and what the service makes of the answer if it gets one. */
  async heartbeat({ given, isHeard, service }: Beat, nodeId: string): Promise<void> {
    let said: Said = { failed: [], tiering: [], finished: [], table: [] };
    const outcome = await this.say({ name: 'tieringHeartbeat', ...given }, nodeId, () => {
      const made = this.model.heartbeat(given, this.now);
      said = made.said;
      return { code: '', events: made.events };
    });
    this.#heard({ given, isHeard, service }, outcome, said);
  }

  /** Heartbeats that reach the leader together: what comes of them is one entry. */
  async together(beats: readonly Beat[]): Promise<void> {
    const node = this.cluster.node(this.leader() ?? '');
    const outcomes = await Promise.all(beats.map(({ given }) => node.submit({ name: 'tieringHeartbeat', ...given }, caller)));
    const made = beats.map(({ given }) => this.model.heartbeat(given, this.now));
    const entries = this.cluster.entries().length - this.#seen;
    const fresh = await this.#fresh();
    expect(fresh.map(({ event }) => eventText(event))).toEqual(made.flatMap(({ events }) => events));
    expect(entries).toBe(fresh.length === 0 ? 0 : 1);
    for (const [i, beat] of beats.entries())
      this.#heard(beat, outcomes[i] ?? { kind: 'unknown', commandId: '', detail: '' }, made[i]?.said);
  }

  #heard({ given, isHeard, service }: Beat, outcome: Outcome, said: Said | undefined): void {
    const answer = tieringAnswer.parse(outcome.kind === 'done' ? outcome.answer : outcome);
    if (said !== undefined) this.#expectSaid(answer, said);
    if (answer.table !== undefined) {
      const { tableId, tieringEpoch } = answer.table;
      const round = { tableId, tieringEpoch, coordinatorEpoch: answer.coordinatorEpoch };
      this.told.push(round);
      if (isHeard) service.has.set(tableId, round);
    }
    if (!isHeard) return;
    for (const { tableId } of [...given.failed, ...given.finished]) if (answer.table?.tableId !== tableId) service.has.delete(tableId);
    for (const { refusal, tableId } of answer.tiering) if (refusal !== undefined) service.has.delete(tableId);
  }

  #expectSaid(answer: TieringAnswer, { table, ...said }: Said): void {
    expect(answer.coordinatorEpoch).toBe(this.model.coordinatorEpoch);
    for (const kind of ['failed', 'tiering', 'finished'] as const)
      expect(
        answer[kind].map(({ refusal }) => refusal?.code ?? ''),
        kind,
      ).toEqual(said[kind]);
    if (table.length === 0) expect(answer.table).toBeUndefined();
    else expect(table).toContainEqual(answer.table);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.#explain(await this.#fresh());
  }

  kill(nodeId: string): void {
    this.cluster.kill(nodeId);
    this.isFaulty = false;
    this.cluster.loseNextForward = false;
  }

  /** Nodes come back, and whoever leads is asked from now on. */
  async back(...back: readonly string[]): Promise<void> {
    for (const nodeId of back) await this.cluster.start(nodeId, file);
    this.#explain(await this.#fresh());
  }

  /** All nodes show what the model says. */
  compare(): void {
    this.model.nothingIsLate(this.now);
    for (const { node } of this.cluster.running.values()) expect(shown(node)).toEqual(this.#modelShown());
  }

  #modelShown(): ReturnType<typeof shown> {
    const tables = [...this.model.tables.values()].sort((a, b) => a.id - b.id);
    const count = (status: string): number => tables.filter((table) => table.status === status).length;
    return {
      rows: tables.map(({ epoch, error, failures, failuresInRow, freshnessMs, id, lastTieredAt, round, status }) => ({
        id,
        status,
        epoch,
        freshnessMs,
        failures,
        failuresInRow,
        lastTieredAt,
        errorAt: error?.at,
        errorText: error?.text,
        service: round?.service,
      })),
      queue: [...this.model.queue],
      counts: { Scheduled: count('Scheduled'), Pending: count('Pending'), Tiering: count('Tiering') },
      failing: tables.filter(({ error }) => error !== undefined).map(({ id }) => id),
      rounds: tables.flatMap(({ id, round }) => (round === undefined ? [] : [`${round.service} ${id}`])).sort(),
      former: [...this.model.former].map(([id, epoch]) => `${id}/${epoch}`).sort(),
    };
  }

  /** The log, folded in bulk, gives the tables of every node. */
  async stop(): Promise<void> {
    for (const { log } of this.cluster.running.values()) await log.heal();
    await this.settled();
    const fold = bulkFold();
    fold.add(this.cluster.entries());
    const hash = stateHash(fold.finish());
    for (const { node } of this.cluster.running.values()) expect(stateHash(node.state)).toBe(hash);
    await this.cluster.stop();
  }
}

function shown({ state }: Node) {
  const { byTable, counts, failing, formerEpochs, queue, rounds }: Tiering = state.tiering;
  const ids = (keys: Iterable<string>): number[] => [...keys].map(Number).sort((a, b) => a - b);
  return {
    rows: ids(byTable.keys()).map((id) => {
      const row = byTable.get(String(id));
      return {
        id: row?.tableId ?? -1,
        status: row?.state ?? 'Scheduled',
        epoch: row?.tieringEpoch ?? -1,
        freshnessMs: row?.freshnessMs ?? -1,
        failures: row?.failures ?? -1,
        failuresInRow: row?.failuresInRow ?? -1,
        lastTieredAt: row?.lastTieredAt,
        errorAt: row?.errorAt,
        errorText: row?.errorText,
        service: row?.service,
      };
    }),
    queue: ids(queue.keys()).map((place) => queue.get(String(place)) ?? -1),
    counts,
    failing: ids(failing.keys()),
    rounds: [...rounds.rows()].flatMap(([service, ids]) => ids.map((id) => `${service} ${id}`)).sort(),
    former: [...formerEpochs.rows()].map(([id, epoch]) => `${id}/${epoch}`).sort(),
  };
}

type Step = fc.AsyncCommand<TieringWorld, TieringWorld>;
const step = (text: string, check: (world: TieringWorld) => boolean, run: (world: TieringWorld) => Promise<void>): Step => ({
  check,
  toString: () => text,
  run: async (_, world) => {
    await run(world);
    world.compare();
  },
});

const nodeId = fc.constantFrom(...nodeIds);
const tableName = fc.constantFrom(...tableNames);
const freshnessMs = fc.constantFrom(0, 1_000, 2_500, 7_000, 20_000);
const create = fc.tuple(tableName, freshnessMs, fc.integer({ min: 0, max: 4 }), nodeId).map(([name, freshness, notLake, node]) =>
  step(
    `create ${name}, lake: ${notLake !== 0}, freshness ${freshness}`,
    ({ model }) => !model.catalog.has(name),
    (world) => world.create(name, notLake === 0 ? undefined : freshness, node),
  ),
);
const drop = fc.tuple(tableName, nodeId).map(([name, node]) =>
  step(
    `drop ${name}`,
    ({ model }) => model.catalog.has(name),
    async (world) => {
      const { model } = world;
      await world.say({ name: 'dropTable', database: 'lake', table: name, ignoreIfNotExists: false }, node, () => {
        const { id } = model.of(name);
        model.catalog.delete(name);
        model.leave(id);
        model.former.delete(id);
        return { code: '', events: [`TableDropped ${id} - - - -`] };
      });
    },
  ),
);
const switchLake = fc.tuple(tableName, nodeId).map(([name, node]) =>
  step(
    `switch ${name}`,
    ({ model }) => model.catalog.has(name),
    async (world) => {
      const { model } = world;
      const wasLake = model.of(name).isLake;
      await world.say(alterTable('lake', name, { 'table.datalake.enabled': `${!wasLake}` }), node, () => {
        const table = model.of(name);
        table.isLake = !wasLake;
        const events = [`TableAltered ${table.id} - - - -`];
        if (!wasLake) return { code: '', events: [...events, ...model.join(name, world.now)] };
        model.former.set(table.id, model.tables.get(table.id)?.epoch ?? -1);
        model.leave(table.id);
        return { code: '', events: [...events, `LakeTableRemoved ${table.id} - - - -`] };
      });
    },
  ),
);
const refresh = fc.tuple(tableName, freshnessMs, nodeId).map(([name, freshness, node]) =>
  step(
    `freshness of ${name}: ${freshness}`,
    ({ model }) => model.catalog.has(name) && model.of(name).freshnessMs !== freshness,
    async (world) => {
      const { model } = world;
      await world.say(alterTable('lake', name, { 'table.datalake.freshness': `${freshness} ms` }), node, () => {
        const table = model.of(name);
        table.freshnessMs = freshness;
        const lake = model.tables.get(table.id);
        const events = [`TableAltered ${table.id} - - - -`];
        if (lake === undefined) return { code: '', events };
        Object.assign(lake, { freshnessMs: freshness, timedAt: world.now });
        return { code: '', events: [...events, `FreshnessChanged ${table.id} - - - -`] };
      });
    },
  ),
);

const kinds = ['failed', 'tiering', 'finished'] as const;
const error = fc.constantFrom(undefined, '', 'access denied', 'Schlüssel fehlt\n\tat s3');
/** Which coordinator epoch a report gives: that of its answer, the present one, or none. */
const epochs = ['answered', 'present', 'none'] as const;
const report = fc.record({
  of: fc.nat(50),
  kind: fc.constantFrom(...kinds),
  epoch: fc.constantFrom(...epochs),
  error,
  isForced: fc.boolean(),
});
type Drawn = typeof report extends fc.Arbitrary<infer T> ? T : never;

function reportOf(world: TieringWorld, round: Report, { epoch, error: text, kind }: Drawn): Report {
  const { coordinatorEpoch: answered = 0, tableId, tieringEpoch } = round;
  const given = epoch === 'none' ? {} : { coordinatorEpoch: epoch === 'answered' ? answered : world.model.coordinatorEpoch };
  return { tableId, tieringEpoch, ...given, ...(kind === 'failed' && text !== undefined ? { error: text } : {}) };
}
const said = (drawn: Drawn): string =>
  `${drawn.kind}${drawn.isForced && drawn.kind === 'finished' ? ' (forced)' : ''} ${drawn.of} with ${drawn.epoch}`;

const beat = fc.record({
  service: fc.nat(2),
  own: fc.array(report, { maxLength: 2 }),
  late: fc.array(report, { maxLength: 2 }),
  forgets: fc.integer({ min: 0, max: 5 }),
  wantsTable: fc.boolean(),
  answerLost: fc.integer({ min: 0, max: 5 }),
});
type DrawnBeat = typeof beat extends fc.Arbitrary<infer T> ? T : never;
const beatText = ({ answerLost, forgets, late, own, service, wantsTable }: DrawnBeat): string =>
  `s${service + 1}: own [${own.map(said).join(', ')}], late [${late.map(said).join(', ')}]${wantsTable ? ', wants' : ''}` +
  `${forgets === 0 ? ', names no others' : ''}${answerLost === 0 ? ', answer lost' : ''}`;

function beatOf(world: TieringWorld, { answerLost, forgets, late, own, service: of, wantsTable }: DrawnBeat): Beat {
  const service = world.services[of];
  if (service === undefined) throw new Error(`there is no service ${of}`);
  const lists: Record<(typeof kinds)[number], Report[]> = { failed: [], tiering: [], finished: [] };
  const forced: number[] = [];
  const put = (round: Report | undefined, drawn: Drawn): void => {
    if (round === undefined) return;
    lists[drawn.kind].push(reportOf(world, round, drawn));
    if (drawn.isForced) forced.push(round.tableId);
  };
  const left = [...service.has.values()];
  for (const drawn of own) put(left.splice(drawn.of % Math.max(1, left.length), 1)[0], drawn);
  for (const drawn of late) put(world.told[drawn.of % Math.max(1, world.told.length)], drawn);
  const present = { coordinatorEpoch: world.model.coordinatorEpoch };
  if (forgets !== 0) lists.tiering.push(...left.map(({ tableId, tieringEpoch }) => ({ tableId, tieringEpoch, ...present })));
  return { service, given: { service: service.name, ...lists, forced, wantsTable, alsoHas: [] }, isHeard: answerLost !== 0 };
}

const heartbeatStep = fc.tuple(beat, nodeId).map(([drawn, node]) =>
  step(
    `${node} hears ${beatText(drawn)}`,
    () => true,
    (world) => world.heartbeat(beatOf(world, drawn), node),
  ),
);
const together = fc.uniqueArray(beat, { minLength: 2, maxLength: 3, selector: ({ service }) => service }).map((drawn) =>
  step(
    `the leader hears at once ${drawn.map(beatText).join('; ')}`,
    ({ isFaulty }) => !isFaulty,
    (world) => world.together(drawn.map((each) => beatOf(world, each))),
  ),
);

const call = fc.tuple(report, nodeId).map(([drawn, node]) =>
  step(
    `call: ${said(drawn)}`,
    (world) => world.told.length > 0 && drawn.kind !== 'tiering',
    async (world) => {
      const round = world.told[drawn.of % world.told.length] ?? { tableId: 0, tieringEpoch: 0 };
      const given = reportOf(world, round, drawn);
      const { isForced, kind } = drawn;
      const command: Command =
        kind === 'failed' ? { name: 'reportTieringFail', ...given } : { name: 'finishTableTiering', ...given, isForced };
      await world.say(command, node, () => {
        const events: string[] = [];
        return { code: world.model.report(kind, given, isForced, world.now, events), events };
      });
    },
  ),
);

const pass = fc.integer({ min: 1, max: 20_000 }).map((ms) =>
  step(
    `${ms} ms pass`,
    () => true,
    (world) => world.pass(ms),
  ),
);
const roundTimeout = fc.tuple(fc.constantFrom(4, 16), nodeId).map(([seconds, node]) =>
  step(
    `time-out ${seconds} s`,
    ({ model }) => model.timeoutMs !== seconds * 1_000,
    async (world) => {
      const change = { key: 'chancery.tiering.round-timeout', op: 'set', value: `${seconds} s` } as const;
      await world.say({ name: 'alterClusterConfigs', changes: [change] }, node, () => {
        world.model.timeoutMs = seconds * 1_000;
        return { code: '', events: ['ClusterConfigsChanged - - - - -'] };
      });
    },
  ),
);
const killLeader = fc.constant(
  step(
    'kill the leader',
    (world) => world.leader() !== undefined,
    async (world) => {
      const leader = world.leader() ?? '';
      world.kill(leader);
      await world.pass(0);
      await world.back(leader);
    },
  ),
);
const outage = fc.integer({ min: 0, max: 30_000 }).map((ms) =>
  step(
    `nobody is there for ${ms} ms`,
    () => true,
    async (world) => {
      for (const id of nodeIds) world.kill(id);
      await world.clock.advance(ms);
      await world.back(...nodeIds);
    },
  ),
);
const fault = fc.constantFrom('lost reply', 'lost request', 'lost forward').map((what) =>
  step(
    what,
    ({ isFaulty }) => !isFaulty,
    async (world) => {
      world.isFaulty = true;
      if (what === 'lost forward') world.cluster.loseNextForward = true;
      else world.cluster.log(world.leader() ?? '').script(what === 'lost reply' ? lostReply : lostRequest);
    },
  ),
);

const often = <T>(times: number, one: T): readonly T[] => Array.from({ length: times }, () => one);
export const tieringSteps: readonly fc.Arbitrary<Step>[] = [
  ...often(4, create),
  drop,
  ...often(2, switchLake),
  refresh,
  ...often(12, heartbeatStep),
  ...often(4, together),
  ...often(2, call),
  ...often(9, pass),
  roundTimeout,
  killLeader,
  outage,
  fault,
];
