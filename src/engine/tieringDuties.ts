import { durationMsOf } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import { dueTables, nextDueAt, tieringOf } from '../../projections/tiering.ts';
import type { Command } from '../deciders/commands.ts';
import { tieringBatches } from '../deciders/tiering.ts';
import type { Clock } from '../ports/clock.ts';
import type { SubmitOwn } from './duties.ts';
import type { LogTime } from './logTime.ts';
import type { Replica } from './replica.ts';
import type { TieringRounds } from './tieringRounds.ts';
import { untilNothingIsDue } from './untilNothingIsDue.ts';

export interface TieringDutyParts {
  readonly clock: Clock;
  readonly logTime: LogTime;
  readonly replica: Replica;
  readonly rounds: TieringRounds;
  readonly submit: SubmitOwn;
}

/** How exactly timers of tables run off. */
const tickMs = 1_000;
/**
 * How often silent rounds are looked for: a share of the time-out, which is 15 s with Fluss's two minutes. Not less often, however long it
 * is: rounds keep the time-out that they began with, and it may become shorter.
 */
const looks = { perTimeout: 8, longestWaitMs: 15_000, longestPause: 4 } as const;

/** What tiering needs done while this node leads: timers, time-outs, and lake tables of older logs. Returns how to stop. */
export function startTiering(parts: TieringDutyParts): () => void {
  const stops = [startTimers(parts), startTimeouts(parts), startAdoption(parts)];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Queues tables when they are due. */
function startTimers({ clock, logTime, replica, submit }: TieringDutyParts): () => void {
  const command = (): Command | undefined =>
    dueTables(replica.state.tiering, logTime.now(), 1).length === 0 ? undefined : { name: 'queueDueTables', atMost: tieringBatches.due };
  const duty = untilNothingIsDue({ clock, logTime, state: () => replica.state, submit, command, subject: 'queue-due-tables' });
  let cancel = () => {};
  const tick = () => {
    const wait = logTime.msUntil(nextDueAt(replica.state.tiering, logTime.now()) ?? Number.POSITIVE_INFINITY);
    if (wait <= 0) duty.wake();
    cancel = clock.after(wait <= 0 ? tickMs : Math.min(wait, tickMs), tick);
  };
  tick();
  return () => {
    cancel();
    duty.stop();
  };
}

/** Gives up rounds whose service is silent for too long. */
function startTimeouts({ clock, logTime, replica, rounds, submit }: TieringDutyParts): () => void {
  const command = (): Command | undefined => timingOut(replica.state, rounds.silent(tieringBatches.timedOut));
  const duty = untilNothingIsDue({ clock, logTime, state: () => replica.state, submit, command, subject: 'time-out-tiering' });
  const stopWatching = replica.onApplied(({ entry }) => rounds.applied(entry));
  let lookedAt = clock.now();
  let wait = 0;
  let cancel = () => {};
  const look = () => {
    const now = clock.now();
    // A node that was paused, or whose clock was set, heard nobody meanwhile: that is not the services' silence.
    if (now < lookedAt || now > lookedAt + looks.longestPause * wait) rounds.grant();
    lookedAt = now;
    duty.wake();
    wait = Math.min(durationMsOf(replica.state.configs, 'chancery.tiering.round-timeout') / looks.perTimeout, looks.longestWaitMs);
    cancel = clock.after(wait, look);
  };
  look();
  return () => {
    cancel();
    stopWatching();
    duty.stop();
  };
}

function timingOut({ tiering }: State, silent: readonly number[]): Command | undefined {
  const over = silent.flatMap((tableId) => {
    const row = tieringOf(tiering, tableId);
    return row?.state === 'Tiering' ? [{ tableId, tieringEpoch: row.tieringEpoch }] : [];
  });
  return over.length === 0 ? undefined : { name: 'timeOutTieringRounds', rounds: over };
}

/** Takes in the lake tables of a log that an older release wrote, once no node of such a release is left. */
function startAdoption({ clock, logTime, replica, submit }: TieringDutyParts): () => void {
  const command = (): Command => ({ name: 'adoptLakeTables', atMost: tieringBatches.adopted });
  const duty = untilNothingIsDue({ clock, logTime, state: () => replica.state, submit, command, subject: 'adopt-lake-tables' });
  const stopWatching = replica.onApplied(({ before, after }) => {
    if (before.coordinators !== after.coordinators) duty.wake();
  });
  return () => {
    stopWatching();
    duty.stop();
  };
}
