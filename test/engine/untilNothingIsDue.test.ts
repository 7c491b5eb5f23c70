/**
 * Goal: a command that cannot be decided ends no node: it is given to the leader, which refuses it and says why, and again after a while.
 * Method: a command whose decider throws, a submit that answers as a leader does, and a clock that the test moves.
 */
import { expect, test } from 'vitest';
import type { Command } from '../../src/deciders/commands.ts';
import { LogTime } from '../../src/engine/logTime.ts';
import { untilNothingIsDue } from '../../src/engine/untilNothingIsDue.ts';
import { rejection } from '../../src/rejection.ts';
import { stateAfter } from '../support/given.ts';
import { VirtualClock } from '../support/virtualClock.ts';

/** Its timers fire before it says that their time has come, as Node's do by a part of a millisecond. */
class EarlyClock extends VirtualClock {
  override monotonic(): number {
    return super.monotonic() * 0.99;
  }
}

test.each([
  ['its time', new VirtualClock()],
  ['a little early', new EarlyClock()],
])(
  'what cannot be decided is refused by the leader, and tried again after ten seconds, however often it is woken: %s',
  async (_, clock) => {
    const broken: Command = {
      name: 'electLeaders',
      get atMost(): number {
        throw new Error('a decider that throws');
      },
    };
    const given: Command[] = [];
    const state = stateAfter();
    const duty = untilNothingIsDue({
      clock,
      logTime: new LogTime(clock, state.at),
      state: () => state,
      command: () => broken,
      submit: async (command) => {
        given.push(command);
        return { kind: 'rejected', rejection: rejection('NODE_FAULT', '', 'it could not be carried out') };
      },
      subject: 'elect',
    });
    await clock.advance(0);
    for (let i = 0; i < 5; i += 1) {
      duty.wake();
      await clock.advance(1_000);
    }
    expect(given).toEqual([broken]);
    await clock.advance(5_000);
    expect(given).toEqual([broken, broken]);
    duty.stop();
    await clock.advance(60_000);
    expect(given).toEqual([broken, broken]);
  },
);
