import type { Membership } from '../../ports/membership.ts';
import { type EventLog, LogUnavailable } from '../port.ts';
import type { Address } from './connection.ts';
import { ZooKeeperLog } from './eventLog.ts';
import { openLayout } from './layout.ts';
import { ZooKeeperMembership } from './membership.ts';
import { persist } from './persist.ts';
import { Session } from './session.ts';

export interface ZooKeeperSettings {
  /** `host:port,host:port/root`. The port is 2181 and the root /chancery when absent; IPv6 addresses stand in brackets. */
  readonly connect: string;
  /** Asked for; the server clamps it to 2 to 20 of its ticks. Milliseconds, 6,000 when absent. */
  readonly sessionTimeoutMs?: number;
  /** How long a call may take before it settles as unknown or unavailable, milliseconds; 10,000 when absent. */
  readonly timeoutMs?: number;
  /** How long a start waits for a ZooKeeper, milliseconds; 60,000 when absent. */
  readonly startTimeoutMs?: number;
  /** Entries to a segment; counts only for the node that makes the log, whose choice is kept in it. 1,000 when absent. */
  readonly segmentEntries?: number;
  /** Makes nothing: a root without a log is refused. */
  readonly readOnly?: boolean;
  /** Told in words what happens to the connection. */
  readonly onProgress?: (text: string) => void;
}

/** @throws Error naming what is wrong in a connect string, and the remedy */
export function parseConnect(connect: string): { readonly addresses: readonly Address[]; readonly root: string } {
  const slash = connect.indexOf('/');
  const servers = slash === -1 ? connect : connect.slice(0, slash);
  const root = slash === -1 ? '' : connect.slice(slash).replace(/\/$/, '');
  if (!/^(\/[\w.-]+)*$/.test(root) || /\/\.{1,2}(\/|$)/.test(root))
    throw new Error(`'${root}' is no path of a znode: write the root as /chancery or /team/chancery`);
  const addresses = servers.split(',').map((server) => {
    const found = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(server);
    const [, bracketed, plain, port = '2181'] = found ?? [];
    const host = bracketed ?? plain;
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw new Error(`'${server}' is no server of a ZooKeeper: write host:port,host:port/root`);
    return { host, port: Number(port) };
  });
  return { addresses, root: root === '' ? '/chancery' : root };
}

/**
 * Opens the log and the membership of the cluster at a root of ZooKeeper, both on one session; makes the root when there is none.
 * `log.close()` ends the session.
 * @throws LogUnavailable when no server answers in time; LogRefused when the log there is a newer release's; Error for a wrong `connect`
 */
export async function openZooKeeper(settings: ZooKeeperSettings): Promise<{ readonly log: EventLog; readonly membership: Membership }> {
  const { sessionTimeoutMs = 6000, timeoutMs = 10_000, startTimeoutMs = 60_000, onProgress, segmentEntries, readOnly = false } = settings;
  const making = { readOnly, ...(segmentEntries === undefined ? {} : { segmentEntries }) };
  const { addresses, root } = parseConnect(settings.connect);
  const session = new Session({ addresses, sessionTimeoutMs, ...(onProgress === undefined ? {} : { onProgress }) });
  try {
    const layout = await persist(session, startTimeoutMs, () => openLayout(session, root, making));
    return {
      log: new ZooKeeperLog(session, layout, timeoutMs),
      membership: new ZooKeeperMembership(session, layout, timeoutMs, onProgress),
    };
  } catch (error) {
    const failures = session.failures();
    await session.close();
    if (!(error instanceof LogUnavailable)) throw error;
    throw new LogUnavailable(
      `no ZooKeeper took a session within ${startTimeoutMs} ms: ${failures}; start it, or name the right servers in --log zookeeper://...`,
    );
  }
}
