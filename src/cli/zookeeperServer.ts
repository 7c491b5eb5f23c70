import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** Where Debian's libzookeeper-java and libslf4j-java put what a server needs; the first names all its other jars itself. */
const jars = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];
/** Ends its command when the parent dies, however that happens. Part of util-linux, so of every Debian. */
const deathGuard = '/usr/bin/setpriv';

/** ZooKeeper or Java is not installed here. The message names what to install. */
export class ZooKeeperMissing extends Error {
  constructor(missing: string) {
    super(
      `${missing} is missing, so no ZooKeeper can be started here: install the Debian packages libzookeeper-java and libslf4j-java ` +
        'and a Java runtime such as openjdk-17-jre-headless (apt-get install libzookeeper-java libslf4j-java openjdk-17-jre-headless)',
    );
    this.name = 'ZooKeeperMissing';
  }
}

/** @throws ZooKeeperMissing */
export function requireZooKeeper(): void {
  const absent = jars.find((jar) => !existsSync(jar));
  if (absent !== undefined) throw new ZooKeeperMissing(absent);
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (!folders.some((folder) => existsSync(join(folder, 'java')))) throw new ZooKeeperMissing('java');
}

/** One server of an ensemble, or the only one. */
export interface MemberPlan {
  /** From 1. */
  readonly id: number;
  readonly clientPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface ServerSettings {
  /** Holds everything the members write: `<folder>/<id>/`. */
  readonly folder: string;
  /** All members; one alone runs without a quorum. */
  readonly members: readonly MemberPlan[];
  /** ZooKeeper's unit of time, milliseconds: session timeouts are clamped to 2 to 20 of it. 2,000 when absent. */
  readonly tickTimeMs?: number;
  /** Of each member, MiB: it must hold the log, twice while it takes a snapshot. 512 when absent. */
  readonly heapMb?: number;
}

/** Plans `count` members on free ports of the loopback interface. */
export async function planMembers(count: number): Promise<MemberPlan[]> {
  const ports = await freePorts(3 * count);
  return Array.from({ length: count }, (_, i) => {
    const [clientPort = 0, quorumPort = 0, electionPort = 0] = ports.slice(3 * i, 3 * i + 3);
    return { id: i + 1, clientPort, quorumPort, electionPort };
  });
}

/** Ports of the loopback interface that nobody listens on at the moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

export const connectString = (members: readonly MemberPlan[]): string =>
  members.map((member) => `127.0.0.1:${member.clientPort}`).join(',');

function writeConfig(settings: ServerSettings, member: MemberPlan): string {
  const folder = join(settings.folder, String(member.id));
  mkdirSync(folder, { recursive: true });
  const lines = [
    `tickTime=${settings.tickTimeMs ?? 2000}`,
    'initLimit=20',
    'syncLimit=5',
    `dataDir=${folder}`,
    `clientPort=${member.clientPort}`,
    'clientPortAddress=127.0.0.1',
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,mntr,cons',
    'autopurge.snapRetainCount=3',
    'autopurge.purgeInterval=1',
  ];
  if (settings.members.length > 1) {
    for (const { id, quorumPort, electionPort } of settings.members) lines.push(`server.${id}=127.0.0.1:${quorumPort}:${electionPort}`);
    writeFileSync(join(folder, 'myid'), String(member.id));
  }
  const file = join(folder, 'zoo.cfg');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/**
 * Starts one member. It ends with this process, however that ends; what it prints goes to `<folder>/<id>/server.log`.
 * @throws ZooKeeperMissing
 */
export function startMember(settings: ServerSettings, member: MemberPlan): ChildProcess {
  requireZooKeeper();
  const config = writeConfig(settings, member);
  const log = openSync(join(settings.folder, String(member.id), 'server.log'), 'a');
  const heap = `-Xmx${settings.heapMb ?? 512}m`;
  const java = ['java', heap, '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', jars.join(delimiter)];
  const command = [...java, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', config];
  const [program = '', ...args] = existsSync(deathGuard) ? [deathGuard, '--pdeathsig', 'KILL', ...command] : command;
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

/** Waits until every member serves clients. @throws Error naming the member that does not, or that ended. */
export async function untilServing(
  settings: ServerSettings,
  members: readonly { readonly plan: MemberPlan; readonly child: ChildProcess }[],
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const { plan, child } of members) {
    while ((await modeOf(plan.clientPort)) === undefined) {
      const log = join(settings.folder, String(plan.id), 'server.log');
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`ZooKeeper ${plan.id} ended before it served; its own words are in ${log}`);
      if (performance.now() > deadline)
        throw new Error(`ZooKeeper ${plan.id} does not serve on port ${plan.clientPort} after ${timeoutMs} ms; see ${log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What a member says it is: `standalone`, `leader`, `follower`; undefined while it does not serve. */
export function modeOf(clientPort: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connectTcp({ host: '127.0.0.1', port: clientPort }, () => socket.end('srvr'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(/^Mode: (\w+)/m.exec(text)?.[1]));
  });
}
