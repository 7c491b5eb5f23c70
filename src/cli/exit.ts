/** Exit statuses of every command; `--help` and the manual list them. */
export const exitStatus = { done: 0, refused: 1, usage: 2, unreachable: 3, unknown: 4, fault: 70 } as const;
export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** A command that cannot go on, said in words for the person at the terminal: what, and below it what to do. */
export class CommandFailure extends Error {
  readonly status: ExitStatus;
  /** Lines after the first one. */
  readonly more: readonly string[];
  constructor(status: ExitStatus, message: string, ...more: readonly string[]) {
    super(message);
    this.name = 'CommandFailure';
    this.status = status;
    this.more = more;
  }
}

/** The program was called in a way it does not understand. */
export const wrongUsage = (message: string, ...more: readonly string[]): CommandFailure =>
  new CommandFailure(exitStatus.usage, message, ...more);
/** The request was understood, and the answer is no. */
export const refusal = (message: string, ...more: readonly string[]): CommandFailure =>
  new CommandFailure(exitStatus.refused, message, ...more);
