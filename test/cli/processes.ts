import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Implementations } from '../../src/cli/implementations.ts';
import { run } from '../../src/cli/run.ts';
import type { LogUrl } from '../../src/cli/settings.ts';
import type { Stream } from '../../src/cli/terminal.ts';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import { silent } from '../support/nodes.ts';

export const program = join(import.meta.dirname, '../../src/main.ts');

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}
export interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
}
export interface Options {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from standard input, which then ends; without it there is none. */
  readonly input?: string;
}

/** Starts the program as its users do, in an environment of nothing but what is given. It ends with the test at the latest. */
export function start(args: readonly string[], { cwd, env, input }: Options): Running {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, TZ: 'UTC', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {}).end(input); // It may end without reading.
  const texts = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text;
  });
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, ...texts }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, out: () => texts.out, err: () => texts.err, ended };
}

export const chancery = (args: readonly string[], options: Options): Promise<Ended> => start(args, options).ended;

/** The same without a process, for what ends before it begins. Logs are files. */
export async function inProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const texts = { out: '', err: '' };
  const paper = (name: 'out' | 'err'): Stream => ({
    write: (text) => {
      texts[name] += text;
      return true;
    },
    once: () => {},
  });
  const status = await run(args, onFiles, { out: paper('out'), err: paper('err'), env });
  return { status, ...texts };
}

const onFiles: Implementations = {
  openLog: async (url) => await openFileLog(directoryOf(url)),
  readLog: async (url) => (await openFileLog(directoryOf(url), { readOnly: true })).log,
  openSealer: () => Promise.reject(new Error('nothing is sealed here')),
  createLogger: () => Promise.resolve({ level: 'error', trace: () => {}, ...silent }),
};
const directoryOf = (url: LogUrl): string => (url.kind === 'file' ? url.directory : '');

/** A directory that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'chancery-cli-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface ServedNode extends Running {
  readonly url: string;
  /** Ends it as a signal does. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** `chancery serve` in a directory, once it has said that it serves. */
export async function serve(cwd: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<ServedNode> {
  const [port] = await freePorts(1);
  const operator = args.includes('--operator') ? [] : ['--operator', `127.0.0.1:${port}`];
  const metaService = args.includes('--meta-service') ? [] : ['--meta-service', 'off'];
  const running = start(['serve', ...operator, ...metaService, ...args], { cwd, env });
  const said = (async () => {
    for await (const _ of running.child.stdout ?? []) if (running.out().includes('next: ')) return;
  })();
  await Promise.race([said, running.ended]);
  if (!running.out().includes('next: ')) throw new Error(`it did not serve: ${running.err()}`);
  const url = /operator API \+ SQL +(\S+)/.exec(running.out())?.[1] ?? '';
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    running.child.kill(signal);
    return await running.ended;
  };
  return { ...running, url, stop };
}
