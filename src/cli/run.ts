import { CommanderError } from 'commander';
import { CommandFailure, exitStatus } from './exit.ts';
import type { Implementations } from './implementations.ts';
import { createProgram } from './program.ts';
import { harmless, styled, type Terminal } from './terminal.ts';

/** Carries out one call of the program. @returns the exit status. Never rejects. */
export async function run(args: readonly string[], parts: Implementations, terminal: Terminal): Promise<number> {
  try {
    await createProgram(parts, terminal).parseAsync(args, { from: 'user' });
    return exitStatus.done;
  } catch (error) {
    // Commander has said what is wrong already, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
    const failure = await failureOf(error);
    if (failure === undefined) {
      terminal.err.write(`a fault of this program, please report it: ${error instanceof Error ? error.stack : String(error)}\n`);
      return exitStatus.fault;
    }
    const [first = '', ...more] = [failure.message, ...failure.more].join('\n').split('\n').map(harmless);
    terminal.err.write(`${styled(terminal.err, terminal.env, 'red', first)}\n${more.map((line) => `${line}\n`).join('')}`);
    return failure.status;
  }
}

/** @returns undefined when it is no expected one: a fault of the program. */
async function failureOf(error: unknown): Promise<CommandFailure | undefined> {
  if (error instanceof CommandFailure) return error;
  const { NotReachable, Refused, refusedBy, unreachable } = await import('./operatorClient.ts');
  if (error instanceof NotReachable) return unreachable(error);
  if (error instanceof Refused) return refusedBy(error.problem);
  return undefined;
}
