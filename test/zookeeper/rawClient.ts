import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';

export type RawCommand =
  | { readonly kind: 'connect'; readonly connect: string; readonly sessionTimeoutMs: number }
  | { readonly id: string; readonly kind: 'get'; readonly path: string }
  | { readonly id: string; readonly kind: 'ephemeral'; readonly path: string }
  | { readonly id: string; readonly kind: 'retryInCallback'; readonly path: string }
  | { readonly id: string; readonly kind: 'set'; readonly path: string; readonly bytes: number | undefined }
  | { readonly id: string; readonly kind: 'check'; readonly path: string; readonly version: number }
  | { readonly id: string; readonly kind: 'setXid'; readonly xid: number };

export type RawReport =
  | { readonly kind: 'state'; readonly name: string }
  | { readonly kind: 'settled'; readonly id: string; readonly code: string }
  | { readonly kind: 'uncaught'; readonly message: string };

/** node-zookeeper-client without any guard, in a process of its own: what it does to itself stays there. */
export class RawClient {
  readonly #process: ChildProcess;
  readonly states: string[] = [];
  readonly uncaught: string[] = [];
  readonly #settled = new Map<string, string>();

  constructor(connect: string, sessionTimeoutMs: number) {
    this.#process = fork(fileURLToPath(new URL('./rawClientProcess.ts', import.meta.url)), { execArgv: [] });
    this.#process.on('message', (message) => this.#hear(message as RawReport));
    this.send({ kind: 'connect', connect, sessionTimeoutMs });
  }

  send(command: RawCommand): void {
    this.#process.send(command);
  }

  get(id: string, path = '/'): void {
    this.send({ kind: 'get', id, path });
  }

  /** How a request ended: OK, or the name of the error; undefined while it has not. */
  outcome(id: string): string | undefined {
    return this.#settled.get(id);
  }

  async connected(): Promise<void> {
    await vi.waitFor(() => expect(this.states).toContain('SYNC_CONNECTED'), { timeout: 10_000 });
  }

  async settled(id: string): Promise<string | undefined> {
    await vi.waitFor(() => expect(this.outcome(id)).toBeDefined(), { timeout: 10_000 });
    return this.outcome(id);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  #hear(report: RawReport): void {
    if (report.kind === 'state') this.states.push(report.name);
    else if (report.kind === 'uncaught') this.uncaught.push(report.message);
    else this.#settled.set(report.id, report.code);
  }
}
