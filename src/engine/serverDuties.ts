import { bucketLimits } from '../../events/buckets.ts';
import { durationMsOf } from '../../projections/configs.ts';
import { type ServerRow, type Servers, serverOf } from '../../projections/servers.ts';
import type { Clock } from '../ports/clock.ts';
import type { SubmitOwn } from './duties.ts';
import type { LogTime } from './logTime.ts';
import type { Replica } from './replica.ts';
import type { ServerReports } from './serverReports.ts';
import { untilNothingIsDue } from './untilNothingIsDue.ts';

export interface ServerDutyParts {
  readonly clock: Clock;
  readonly logTime: LogTime;
  readonly replica: Replica;
  readonly reports: ServerReports;
  readonly submit: SubmitOwn;
}
/**
 * Ends the leases of tablet servers that nobody hears of, and takes them up again. Everybody is granted a full lease from the moment that
 * this node leads: what the leader before knew is gone with it.
 */
export function startLeases({ clock, logTime, replica, reports, submit }: ServerDutyParts): () => void {
  let since = clock.now();
  let lookedAt = since;
  let cancel = () => {};
  const look = () => {
    const { servers, configs } = replica.state;
    const leaseMs = durationMsOf(configs, 'chancery.server.lease');
    const now = clock.now();
    // A node that was paused, or whose clock was set, heard nobody meanwhile: that is not the servers' silence.
    if (now < lookedAt || now > lookedAt + leaseMs / 2) since = now;
    if (now < lookedAt) reports.forget();
    lookedAt = now;
    for (const [, row] of servers.byId.rows()) {
      const registeredAt = now - (logTime.now() - row.registeredAt); // In time of the clock, in which servers are heard.
      const heardAt = Math.max(since, heardOf(reports, row) ?? 0, registeredAt);
      if (row.status === 'LOST' || now < heardAt + leaseMs) continue;
      const { incarnation, position, serverId } = row;
      void submit({ name: 'loseServer', serverId, incarnation, because: 'LEASE_EXPIRED' }, `lose-server/${serverId}/${position}`);
    }
    cancel = clock.after(leaseMs / 5, look);
  };
  look();
  const stopReports = reports.onReport(({ incarnation, serverId }) => {
    const row = serverOf(replica.state.servers, serverId);
    if (row?.status !== 'LOST' || row.incarnation !== incarnation || row.lostBecause === 'STOPPED') return;
    void submit({ name: 'returnServer', serverId, incarnation }, `return-server/${serverId}/${row.position}`);
  });
  return () => {
    cancel();
    stopReports();
  };
}

/** Reports of a process that is gone say nothing about the one in its place. */
function heardOf(reports: ServerReports, { incarnation, serverId }: ServerRow): number | undefined {
  const report = reports.reportOf(serverId);
  return report?.incarnation === incarnation ? report.at : undefined;
}

/** Has leaders elected whenever servers have come or gone, until there is nothing more to be done. */
export function startElections({ clock, logTime, replica, submit }: ServerDutyParts): () => void {
  const duty = untilNothingIsDue({
    clock,
    logTime,
    state: () => replica.state,
    submit,
    command: () => ({ name: 'electLeaders', atMost: bucketLimits.perEvent }),
    subject: 'elect',
  });
  const someStop = stoppingSeen();
  const stopWaking = replica.onApplied(({ before, after }) => {
    if (before.servers !== after.servers || (before.buckets !== after.buckets && someStop(after.servers))) duty.wake();
  });
  return () => {
    stopWaking();
    duty.stop();
  };
}

/**
 * Whether a server is about to stop: it leads on until another one is in sync. The answer is kept, because it is asked for with every entry
 * that changes buckets, and few of those change servers.
 */
export function stoppingSeen(): (servers: Servers) => boolean {
  let known: { readonly servers: Servers; readonly isSeen: boolean } | undefined;
  return (servers) => {
    if (known?.servers !== servers) known = { servers, isSeen: hasStopping(servers) };
    return known.isSeen;
  };
}

function hasStopping({ byId }: Servers): boolean {
  for (const [, { status }] of byId.rows()) if (status === 'STOPPING') return true;
  return false;
}
