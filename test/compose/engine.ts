import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const minute = 60_000;

/** A Docker engine. `run` answers with what the command printed, and rejects with it when the command fails. */
export interface Engine {
  run(command: readonly string[], timeoutMs?: number): Promise<string>;
  stop(): Promise<void>;
}
export type Found = { readonly kind: 'engine'; start(): Promise<Engine> } | { readonly kind: 'none'; readonly why: string };

const works = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { timeout: 20_000 }).status === 0;

async function output(command: string, args: readonly string[], timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await execute(command, [...args], { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${[command, ...args].join(' ')} failed:\n${stdout.slice(-4000)}${stderr.slice(-4000)}`, { cause: error });
  }
}

/** The engine of this machine, else the script that brings one (see README.md beside this file), else the reason why there is none. */
export function findEngine(): Found {
  if (works('docker', 'info')) {
    if (works('docker-compose', 'version')) return { kind: 'engine', start: async () => present() };
    if (works('docker', 'compose', 'version')) return { kind: 'engine', start: async () => present('docker', 'compose') };
    return { kind: 'none', why: 'a Docker engine runs here, but neither docker-compose nor docker compose' };
  }
  const script = resolve(process.env['CHANCERY_COMPOSE_HOST'] ?? '../shared/tools/compose-host.sh');
  if (!existsSync(script)) return { kind: 'none', why: `no Docker engine runs here, and there is no ${script} to start one` };
  if (process.getuid?.() !== 0) return { kind: 'none', why: `no Docker engine runs here, and ${script} needs root` };
  return { kind: 'engine', start: () => started(script) };
}

function present(...compose: readonly string[]): Engine {
  return {
    run: ([command = '', ...args], timeoutMs = minute) => {
      const [program = '', ...first] = command === 'docker-compose' && compose.length > 0 ? compose : [command];
      return output(program, [...first, ...args], timeoutMs);
    },
    stop: async () => undefined,
  };
}

async function started(script: string): Promise<Engine> {
  const kept = process.env['CHANCERY_COMPOSE_DIR'];
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'chancery-engine-'));
  await output(script, ['start', folder], 10 * minute);
  return {
    run: (command, timeoutMs = minute) => output(script, ['run', folder, ...command], timeoutMs),
    stop: async () => {
      await output(script, ['stop', folder], minute);
      if (kept === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
