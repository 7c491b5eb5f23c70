import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../src/cli/zookeeperServer.ts';

/** A Chancery node as a process of its own, started from source. */
export interface NodeProcess {
  readonly nodeId: string;
  readonly url: string;
  /** Of the Meta Service; empty when it is off. */
  readonly metaServiceUrl: string;
  pid(): number;
  isRunning(): boolean;
  /** SIGKILL; waits for the end. */
  kill(): Promise<void>;
  /** SIGSTOP: it holds its connections and says nothing. */
  pause(): void;
  resume(): void;
  /** SIGTERM; @returns the exit code. */
  stop(): Promise<number | null>;
  /** Starts it anew with the same settings, after it has ended. */
  start(): void;
}

/**
 * @param settings of `chancery serve`, as CHANCERY_* variables without the prefix; what it prints goes to `<folder>/<nodeId>.log`. The
 *   Meta Service is off unless META_SERVICE says where: many nodes share a machine.
 * @param program the main.ts to run: this one, or that of a patched copy of the sources.
 * @param flags of node itself, such as `--max-old-space-size=96`.
 */
export async function nodeProcess(
  nodeId: string,
  folder: string,
  settings: Readonly<Record<string, string>>,
  program = join(import.meta.dirname, '../../src/main.ts'),
  flags: readonly string[] = [],
): Promise<NodeProcess> {
  const operator = settings['OPERATOR'] ?? `127.0.0.1:${(await freePorts(1))[0]}`;
  mkdirSync(folder, { recursive: true });
  const metaService = settings['META_SERVICE'] ?? 'off';
  const names = { NODE_ID: nodeId, ...settings, OPERATOR: operator, META_SERVICE: metaService };
  const variables = Object.fromEntries(Object.entries(names).map(([name, value]) => [`CHANCERY_${name}`, value]));
  const start = (): ChildProcess => {
    const output = openSync(join(folder, `${nodeId}.log`), 'a');
    const child = spawn(process.execPath, [...flags, program, 'serve'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', ...variables },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return child;
  };
  let child = start();
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (!isRunning()) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return {
    nodeId,
    url: `http://${operator}`,
    metaServiceUrl: metaService === 'off' ? '' : `http://${metaService}`,
    pid: () => child.pid ?? 0,
    isRunning,
    kill: async () => void (await end('SIGKILL')),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: () => end('SIGTERM'),
    start: () => {
      child = start();
    },
  };
}

interface Status {
  readonly role: string;
  readonly leaderId?: string;
  readonly position: number;
}

/** What a node says of itself; undefined when it does not answer within a second. */
export async function statusOf(url: string): Promise<Status | undefined> {
  try {
    const response = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(1_000) });
    return response.ok ? ((await response.json()) as Status) : undefined;
  } catch {
    return undefined;
  }
}

/** Polls until a condition holds. @throws Error naming it when `ms` are over. */
export async function until<T>(what: string, ms: number, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`still not after ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
