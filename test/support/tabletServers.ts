import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../src/main.ts');

/** A tablet server as a process of its own, started from source. */
export interface TabletServerProcess {
  readonly serverId: number;
  /** SIGKILL; waits for the end. */
  kill(): Promise<void>;
  /** Starts it anew on the same directory, after it has ended. */
  start(): void;
}

/** @param coordinators URLs of nodes; what it prints goes to `<folder>/ts<id>.log`, its replicas lie in `<folder>/ts<id>` */
export function tabletServerProcess(serverId: number, rack: string, coordinators: readonly string[], folder: string): TabletServerProcess {
  const where = ['--id', `${serverId}`, '--rack', rack, '--coordinator', coordinators.join(','), '--data', join(folder, `ts${serverId}`)];
  const start = (): ChildProcess => {
    const output = openSync(join(folder, `ts${serverId}.log`), 'a');
    const started = spawn(process.execPath, [program, 'tablet-server', ...where], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const kill = (): void => void started.kill('SIGKILL');
    process.once('exit', kill);
    started.once('exit', () => process.off('exit', kill));
    return started;
  };
  let child = start();
  return {
    serverId,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    start: () => {
      child = start();
    },
  };
}
