import { coordinatorOf, coordinatorRows, isMember } from '../../projections/coordinators.ts';
import { bySecond, type Deadline, type Pending } from '../../projections/deadlines.ts';
import type { State } from '../../projections/state.ts';
import { subjectOf } from '../../projections/subjects.ts';
import type { Command } from '../deciders/commands.ts';
import type { Clock } from '../ports/clock.ts';
import type { Member } from '../ports/membership.ts';
import type { LogTime } from './logTime.ts';
import type { Outcome } from './submission.ts';

/** Submits a command in the node's own name. The key is made of the command's subject, so that doing it twice does it once. */
export type SubmitOwn = (command: Command, key: string) => Promise<Outcome>;

/** The longest sleep of the scheduler: a clock that was set forward is noticed after it. */
const longestSleepMs = 60_000;
const retryMs = 1_000;

/**
 * Turns deadlines into commands while this node leads. The decider looks again whether there is anything left to do.
 * `wake` must be called when the deadlines may have changed. Returns how to stop.
 */
export function startScheduler(parts: {
  readonly clock: Clock;
  readonly logTime: LogTime;
  readonly state: () => State;
  readonly submit: SubmitOwn;
}): {
  wake(): void;
  stop(): void;
} {
  let cancel = () => {};
  let isStopped = false;
  let isBusy = false;
  const sleep = (ms: number) => {
    cancel();
    if (!isStopped) cancel = parts.clock.after(Math.max(0, Math.min(ms, longestSleepMs)), tick);
  };
  const tick = () => {
    if (isBusy || isStopped) return;
    const { due, waitMs } = nextDue(parts);
    if (due.length > 0) void submitAll(due);
    else if (waitMs !== undefined) sleep(waitMs);
  };
  const submitAll = async (due: readonly Pending[]) => {
    isBusy = true;
    const outcomes = await Promise.all(
      due.map(({ subject, deadline }) => parts.submit(deadline.command, `deadline/${subject}/${deadline.dueAt}`)),
    );
    isBusy = false;
    // A refused command leaves its deadline in the tables: try again, but not in a tight loop.
    sleep(outcomes.every((outcome) => outcome.kind === 'done') ? 0 : retryMs);
  };
  tick();
  return {
    wake: () => sleep(0),
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}

/**
 * What is due within the earliest second that has anything due, or how long until there is something; neither when nothing is pending.
 * While the log is ahead of the clock, expiries that its time has passed are not due yet, and what comes behind them may be.
 */
function nextDue({ clock, logTime, state }: { readonly clock: Clock; readonly logTime: LogTime; readonly state: () => State }): {
  readonly due: readonly Pending[];
  readonly waitMs?: number;
} {
  const msUntil = ({ command, dueAt }: Deadline): number => (command.name === 'expireToken' ? dueAt - clock.now() : logTime.msUntil(dueAt));
  let waitMs = Number.POSITIVE_INFINITY;
  for (const pending of bySecond(state().deadlines)) {
    const due = pending.filter(({ deadline }) => msUntil(deadline) <= 0);
    if (due.length > 0) return { due };
    for (const { deadline } of pending) waitMs = Math.min(waitMs, msUntil(deadline));
    const [first] = pending;
    if (first !== undefined && logTime.msUntil(first.deadline.dueAt) >= waitMs) break; // Nothing later is due sooner.
  }
  return { due: [], ...(waitMs === Number.POSITIVE_INFINITY ? {} : { waitMs }) };
}

/**
 * What the log must be told about the nodes that are there: those that joined, came back or moved, and those that went. The keys
 * are made of the newest event about the node: what is true again after another event is another command.
 * @param forgetAfterMs how long a lost node stays listed, copied into the event.
 */
export function census(
  state: State,
  members: readonly Member[],
  forgetAfterMs: number,
): readonly { readonly command: Command; readonly key: string }[] {
  const present = new Set(members.map((member) => member.nodeId));
  const newest = (nodeId: string): number => subjectOf(state.subjects, `coordinator/${nodeId}`)?.recent.at(-1) ?? 0;
  const joined = members.flatMap(({ nodeId, operatorUrl, release }) => {
    const row = coordinatorOf(state.coordinators, nodeId);
    if (isMember(row) && row.operatorUrl === operatorUrl && row.release === release) return [];
    return [{ command: { name: 'joinCoordinator', nodeId, operatorUrl, release } as const, key: `join/${nodeId}/${newest(nodeId)}` }];
  });
  const lost = coordinatorRows(state.coordinators)
    .filter((row) => isMember(row) && !present.has(row.nodeId))
    .map(({ nodeId }) => ({
      command: { name: 'loseCoordinator', nodeId, forgetAfterMs } as const,
      key: `lose/${nodeId}/${newest(nodeId)}`,
    }));
  return [...joined, ...lost];
}
