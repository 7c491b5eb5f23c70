import type { z } from 'zod';
import type { ChanceryEvent } from '../../events/index.ts';
import type { State } from '../../projections/state.ts';
import type { Decision } from '../rejection.ts';

/** What a decider knows besides state and command. Time and ids come in from outside. */
export interface Context {
  /** Epoch milliseconds, never before the newest entry's `at`. */
  readonly now: number;
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
