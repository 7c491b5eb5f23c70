import { coordinatorOf, coordinatorRows, isMember } from '../../projections/coordinators.ts';
import { earliest } from '../../projections/deadlines.ts';
import type { State } from '../../projections/state.ts';
import { subjectOf } from '../../projections/subjects.ts';
import type { Command } from '../deciders/commands.ts';
import type { Clock } from '../ports/clock.ts';
import type { Member } from '../ports/membership.ts';
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
export function startScheduler(parts: { readonly clock: Clock; readonly state: () => State; readonly submit: SubmitOwn }): {
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
    const [first] = earliest(parts.state().deadlines);
    if (first === undefined) return;
    const wait = first.deadline.dueAt - parts.clock.now();
    if (wait > 0) sleep(wait);
    else void submitDue();
  };
  const submitDue = async () => {
    isBusy = true;
    const now = parts.clock.now();
    const due = earliest(parts.state().deadlines).filter(({ deadline }) => deadline.dueAt <= now);
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
