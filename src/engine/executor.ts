import { type MoveRow, moveAt, openRebalance } from '../../projections/rebalance.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../deciders/commands.ts';
import type { ServerDutyParts } from './serverDuties.ts';
import type { ServerReports } from './serverReports.ts';
import { untilNothingIsDue } from './untilNothingIsDue.ts';

/** How often it is looked whether a server that moves wait for has been away for too long. */
const lookEveryMs = 1_000;

/**
 * Has the steps of the running rebalance taken as they come due. All that it knows is in the tables, and in what servers report again and
 * again: another node that takes the lead goes on exactly there.
 */
export function startExecutor({ clock, logTime, replica, reports, submit }: ServerDutyParts): () => void {
  const command = (): Command | undefined => advance(replica.state, reports);
  const duty = untilNothingIsDue({ clock, logTime, state: () => replica.state, submit, command, subject: 'rebalance' });
  const isRunning = (): boolean => openRebalance(replica.state.rebalance)?.status === 'REBALANCING';
  const stops = [
    replica.onApplied(({ before, after }) => {
      if (isRunning() && families.some((family) => before[family] !== after[family])) duty.wake();
    }),
    reports.onReport(() => {
      if (isRunning()) duty.wake();
    }),
  ];
  const tick = () => {
    if (isRunning()) duty.wake();
    cancel = clock.after(lookEveryMs, tick);
  };
  let cancel = clock.after(lookEveryMs, tick);
  return () => {
    cancel();
    for (const stop of stops) stop();
    duty.stop();
  };
}
const families = ['rebalance', 'buckets', 'servers', 'serverTags', 'configs'] as const;

const movesUnderWay = (state: State): readonly MoveRow[] => {
  const open = openRebalance(state.rebalance);
  return open === undefined ? [] : state.rebalance.moving.flatMap((move) => moveAt(state.rebalance, open.rebalanceId, move) ?? []);
};

function advance(state: State, reports: ServerReports): Command | undefined {
  const open = openRebalance(state.rebalance);
  if (open?.status !== 'REBALANCING') return undefined;
  const moves = movesUnderWay(state);
  const waitedFor = new Set(moves.filter((move) => move.handedOverPosition !== undefined).map((move) => move.newLeader));
  const applied = [...waitedFor].flatMap((serverId) => {
    const report = reports.reportOf(serverId);
    return report === undefined ? [] : [{ serverId, position: report.appliedPosition }];
  });
  return { name: 'advanceRebalance', rebalanceId: open.rebalanceId, applied };
}
