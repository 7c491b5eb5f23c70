import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectString,
  type MemberPlan,
  modeOf,
  planMembers,
  requireZooKeeper,
  type ServerSettings,
  startMember,
  untilServing,
  ZooKeeperMissing,
} from '../../src/cli/zookeeperServer.ts';

/** Session timeouts may then be 1 to 10 seconds. */
export const tickTimeMs = 500;

/** A real ZooKeeper of one or three members on loopback. Members are counted from 0. */
export interface ZooKeeper {
  /** `127.0.0.1:port,...`, without a root. */
  readonly connect: string;
  readonly ports: readonly number[];
  pid(member: number): number;
  /** SIGKILL, waits for the end. */
  kill(member: number): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  pause(member: number): void;
  resume(member: number): void;
  /** Starts a killed member on its old data and port; waits until it serves. */
  restart(member: number): Promise<void>;
  /** The member that leads, or the only one. */
  leader(): Promise<number>;
  stop(): Promise<void>;
}

/** @throws ZooKeeperMissing where Debian's packages are absent and may not be installed. */
function installWhereMissing(): void {
  try {
    requireZooKeeper();
  } catch (error) {
    if (!(error instanceof ZooKeeperMissing) || process.getuid?.() !== 0) throw error;
    const script =
      'apt-get update -qq && apt-get install -y -qq --no-install-recommends libzookeeper-java libslf4j-java default-jre-headless';
    const { status } = spawnSync('sh', ['-c', script], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw error;
    requireZooKeeper();
  }
}

export async function startZooKeeper(count: 1 | 3 = 1, more: Pick<ServerSettings, 'heapMb'> = {}): Promise<ZooKeeper> {
  installWhereMissing();
  const folder = mkdtempSync(join(tmpdir(), 'chancery-zookeeper-'));
  const settings: ServerSettings = { folder, members: await planMembers(count), tickTimeMs, ...more };
  const run = (plan: MemberPlan) => ({ plan, child: startMember(settings, plan) });
  const members = settings.members.map(run);
  const at = (member: number) => {
    const found = members[member];
    if (found === undefined) throw new RangeError(`there is no member ${member}`);
    return found;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ child }) => end(child)));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilServing(settings, members);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    connect: connectString(settings.members),
    ports: settings.members.map((member) => member.clientPort),
    pid: (member) => at(member).child.pid ?? 0,
    kill: (member) => end(at(member).child),
    pause: (member) => void at(member).child.kill('SIGSTOP'),
    resume: (member) => void at(member).child.kill('SIGCONT'),
    restart: async (member) => {
      await end(at(member).child);
      members[member] = run(at(member).plan);
      await untilServing(settings, [at(member)]);
    },
    leader: async () => {
      const modes = await Promise.all(settings.members.map((member) => modeOf(member.clientPort)));
      return modes.findIndex((mode) => mode === 'leader' || mode === 'standalone');
    },
    stop,
  };
}
