import type { State } from '../../projections/state.ts';
import { type Command, decide } from '../deciders/commands.ts';
import type { Clock } from '../ports/clock.ts';
import type { SubmitOwn } from './duties.ts';
import type { LogTime } from './logTime.ts';

/** `fault`: after a command that cannot be decided; nobody expects it to be decided soon. Milliseconds. */
const retryMs = { refused: 500, fault: 10_000 } as const;

/**
 * A duty of the node that leads: a command is given again and again while it would change something, decided here first so that nothing is
 * submitted in vain. It is due at once, and looked at again after each `wake`. What is decided at the leader is what counts.
 * @param command the command to give on the present state; undefined when there is no question of one
 * @param subject begins the idempotency keys
 */
export function untilNothingIsDue(parts: {
  readonly clock: Clock;
  readonly logTime: Pick<LogTime, 'now'>;
  readonly state: () => State;
  readonly submit: SubmitOwn;
  readonly command: () => Command | undefined;
  readonly subject: string;
}): { wake(): void; stop(): void } {
  const { clock, command, logTime, state, submit, subject } = parts;
  let cancel = () => {};
  let isStopped = false;
  let isBusy = false;
  let isResting = false;
  const look = async () => {
    if (isBusy || isStopped || isResting) return;
    isBusy = true;
    for (let due = dueCommand(); due !== undefined && !isStopped; due = dueCommand()) {
      const outcome = await submit(due, `${subject}/${state().position}`);
      if (outcome.kind === 'done') continue;
      if (isStopped) break;
      const isFault = outcome.kind === 'rejected' && outcome.rejection.code === 'NODE_FAULT';
      isResting = isFault;
      cancel();
      cancel = clock.after(isFault ? retryMs.fault : retryMs.refused, () => {
        isResting = false; // No clock is asked whether it is time: a timer may fire a little before.
        wake();
      });
      break;
    }
    isBusy = false;
  };
  const dueCommand = (): Command | undefined => {
    const given = command();
    if (given === undefined) return undefined;
    try {
      const now = Math.max(logTime.now(), state().at);
      const decision = decide(state(), given, { now, timeOfDay: clock.now(), commandId: subject });
      return decision.kind === 'accepted' && decision.events.length > 0 ? given : undefined;
    } catch {
      return given; // The leader refuses it and says why. To end here would end each node that leads after this one, too.
    }
  };
  const wake = () => void look();
  wake();
  return {
    wake,
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
