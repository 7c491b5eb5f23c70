import { Counter, Gauge, type Registry } from 'prom-client';
import { tableById } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { dueAtOf, firstPending, type TieringRow, tieringOf } from '../../../projections/tiering.ts';
import { restingStates } from '../../../projections/tieringStates.ts';
import { type Ranked, rankedOf, worstFirst } from '../../engine/tieringListing.ts';
import { inTurns } from '../../engine/turns.ts';

/** How often all lake tables are looked through at most, how long that may keep anything else waiting, and of how many tables it tells. */
export const surveyLimits = { everyMs: 10_000, turnMs: 5, rowsPerStep: 200, tables: 100 } as const;

interface Parts {
  readonly state: () => State;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Lake tables: their states, what became of their rounds, and which of them fail again and again. */
export function watchTiering(registry: Registry, parts: Parts): void {
  const { now, state } = parts;
  const registers = [registry];
  new Gauge({
    name: 'chancery_tiering_tables',
    help: 'Lake tables by state: Scheduled, Pending, Tiering.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const resting of restingStates) this.set({ state: resting }, state().tiering.counts[resting]);
    },
  });
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name: `chancery_tiering_${name}`,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `chancery_tiering_rounds_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  gauge('failing_tables', 'Lake tables whose newest round failed.', () => state().tiering.failing.size);
  counter('finished', 'Rounds that went well since the log began.', () => state().tiering.finished);
  counter('failed', 'Rounds that failed or were given up since the log began.', () => state().tiering.failed);
  gauge('oldest_pending_seconds', 'For how long the table has waited that a tiering service gets next; 0 when none waits.', () => {
    const first = firstPending(state().tiering);
    return first === undefined ? 0 : secondsFrom(first.since, now());
  });
  const survey = surveys(parts);
  gauge(
    'lag_seconds_max',
    'By how much the latest lake table is overdue: since it was last tiered, or became a lake table, less its freshness; 0 when none is.',
    async () => secondsFrom((await survey()).earliestDueAt, now()),
  );
  gauge(
    'failures_in_row_max',
    'The most rounds of one lake table that failed in a row. A failed table is tried again at once, for ever; alert: >= 3 for 10m.',
    async () => (await survey()).worst[0]?.failuresInRow ?? 0,
  );
  watchWorst(registry, survey, now);
}

function watchWorst(registry: Registry, survey: () => Promise<Survey>, now: () => number): void {
  const each = (name: string, help: string, read: (failing: Failing) => number) =>
    new Gauge({
      name: `chancery_tiering_table_${name}`,
      help: `${help} Of the ${surveyLimits.tables} failing lake tables alone that failed most often in a row.`,
      labelNames: ['database', 'table'],
      registers: [registry],
      async collect() {
        const { worst } = await survey();
        this.reset();
        for (const failing of worst) this.set({ database: failing.database, table: failing.table }, read(failing));
      },
    });
  each('failures_in_row', 'Rounds that failed since the last one that went well.', ({ failuresInRow }) => failuresInRow);
  each('seconds_since_success', 'Since a round went well; before the first one since it became a lake table.', ({ scheduledFrom }) =>
    secondsFrom(scheduledFrom, now()),
  );
}

const secondsFrom = (at: number, now: number): number => Math.max(0, now - at) / 1000;

type Failing = Ranked & Pick<TieringRow, 'scheduledFrom'>;

/** What is only known once every table was looked at. */
interface Survey {
  /** When the first timer of all runs off or ran off, whatever state its table is in; Infinity without tables. Epoch milliseconds. */
  readonly earliestDueAt: number;
  /** Failing tables, the worst first, at most `surveyLimits.tables`. */
  readonly worst: readonly Failing[];
}

/** Surveys for whoever asks: one at a time, and the newest one again while it is young. */
function surveys({ now, state }: Parts): () => Promise<Survey> {
  const never = new AbortController().signal;
  let newest: Promise<Survey> | undefined;
  let begunAt = 0;
  let isRunning = false;
  return () => {
    const age = now() - begunAt;
    if (newest === undefined || (!isRunning && (age < 0 || age >= surveyLimits.everyMs))) {
      begunAt = now();
      isRunning = true;
      newest = inTurns(surveying(state()), surveyLimits.turnMs, never).finally(() => {
        isRunning = false;
      });
    }
    return newest;
  };
}

function* surveying({ catalog, tiering }: State): Generator<void, Survey> {
  let earliestDueAt = Number.POSITIVE_INFINITY;
  let looked = 0;
  for (const [, row] of tiering.byTable.rows()) {
    earliestDueAt = Math.min(earliestDueAt, dueAtOf(row));
    looked += 1;
    if (looked % surveyLimits.rowsPerStep === 0) yield;
  }
  const worst: Failing[] = [];
  for (const [id] of tiering.failing.rows()) {
    const row = tieringOf(tiering, Number(id));
    const names = row === undefined ? undefined : tableById(catalog, row.tableId);
    if (row !== undefined && names !== undefined) insert(worst, { ...rankedOf(row, names), scheduledFrom: row.scheduledFrom });
    looked += 1;
    if (looked % surveyLimits.rowsPerStep === 0) yield;
  }
  return { earliestDueAt, worst };
}

/** Into the worst ones so far, in their order, unless there are enough that are worse. */
function insert(worst: Failing[], failing: Failing): void {
  const place = worst.findLastIndex((other) => worstFirst(other, failing) < 0) + 1;
  if (place >= surveyLimits.tables) return;
  worst.splice(place, 0, failing);
  if (worst.length > surveyLimits.tables) worst.pop();
}
