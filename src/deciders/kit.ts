import type { z } from 'zod';
import type { ChanceryEvent } from '../../events/index.ts';
import type { State } from '../../projections/state.ts';
import type { Decision } from '../rejection.ts';

/** What a decider knows besides state and command. Time and ids come in from outside. */
export interface Context {
  /** Time of the log: epoch milliseconds, never before the newest entry's `at`, from which whatever the log says began is counted. */
  readonly now: number;
  /** The clock of the node that leads, epoch milliseconds: for an end that was set outside. The log may be ahead of it. */
  readonly timeOfDay: number;
  /** The idempotency key: what a command must name (a plan, an id) is made of it, so that asking again names the same. */
  readonly commandId: string;
}

export interface CommandDefinition<Name extends string, Input> {
  readonly name: Name;
  readonly about: string;
  /** Checked wherever a command enters a process: at the interface and again at the leader. */
  readonly input: z.ZodType<Input>;
  /** Runs possibly several times for one request (after a conflict it decides again), on a state it cannot change. */
  readonly decide: (state: State, input: Input, context: Context) => Decision<ChanceryEvent>;
}

export const defineCommand = <Name extends string, Input>(definition: CommandDefinition<Name, Input>): CommandDefinition<Name, Input> =>
  definition;
