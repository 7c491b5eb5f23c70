/**
 * Goal: whatever services report, late, twice or wrongly, and whatever happens to tables and nodes meanwhile, every table's state, epoch,
 *   error, turn and last success are what a model of a few arrays says, and the log tells of nothing but what happened.
 * Method: fast-check draws steps, runs them on the model and on two nodes over the in-memory log under a virtual clock, and shrinks. Four
 *   stories go on at once, because most of their time is spent waiting for a new leader. CHANCERY_RUNS=34 tells 2,040.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { replay } from '../support/replay.ts';
import { TieringWorld, tieringSteps } from './tieringSteps.ts';

const atOnce = 4;
const longHuntMs = 300_000 * Number(process.env['CHANCERY_RUNS'] ?? 1);
/** What 60 stories tell of at least so often. */
const told = {
  TieringDue: 60,
  TieringRoundStarted: 100,
  TieringRoundFinished: 20,
  'TieringRoundFailed REPORTED': 20,
  'TieringRoundFailed TIMED_OUT': 20,
  LakeTableRemoved: 10,
  FreshnessChanged: 5,
  TableDropped: 10,
  LeadershipTaken: 100,
};

test(
  'tiering follows the model through losses, late reports, time-outs, drops and failovers',
  async () => {
    const { params, replayPath } = replay({ numRuns: 60 / atOnce });
    const seen = new Map<string, number>();
    const tell = async (steps: Iterable<fc.AsyncCommand<TieringWorld, TieringWorld>>): Promise<void> => {
      const world = new TieringWorld();
      await world.start();
      await fc.asyncModelRun(() => ({ model: world, real: world }), steps);
      for (const { events } of world.cluster.entries())
        for (const { data, type } of events) {
          const what = type === 'TieringRoundFailed' ? `${type} ${data.because}` : type;
          seen.set(what, (seen.get(what) ?? 0) + 1);
        }
      await world.stop();
    };
    const stories = fc.commands([...tieringSteps], { maxCommands: 80, size: 'max', ...replayPath });
    const { seed } = fc.readConfigureGlobal();
    // Each its own stories: with one seed all would tell the same.
    const seeds = Array.from({ length: atOnce }, (_, i) => (seed === undefined ? {} : { seed: seed + i }));
    const hunts = seeds.map((own) => fc.assert(fc.asyncProperty(stories, tell), { ...params, ...own }));
    await Promise.all(hunts);
    for (const [what, times] of Object.entries(told)) expect(seen.get(what), what).toBeGreaterThan(times);
  },
  longHuntMs,
);
