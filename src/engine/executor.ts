import type { BucketRef } from '../../events/buckets.ts';
import { bucketKey } from '../../projections/buckets.ts';
import { type MoveRow, moveAt, openRebalance } from '../../projections/rebalance.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../deciders/commands.ts';
import { newServers } from '../deciders/moves.ts';
import type { ServerDutyParts } from './serverDuties.ts';
import type { ServerReport, ServerReports } from './serverReports.ts';
import { untilNothingIsDue } from './untilNothingIsDue.ts';

/** How often it is looked whether a server that moves wait for has been away for too long. */
const lookEveryMs = 1_000;

/**
 * Has the steps of the running rebalance taken as they come due. All that it knows is in the tables, and in what servers report again and
 * again: another node that takes the lead goes on exactly there.
 */
export function startExecutor({ clock, replica, reports, submit }: ServerDutyParts): () => void {
  const copied = new CopiedBytes(() => replica.state);
  const command = (): Command | undefined => advance(replica.state, reports, copied);
  const duty = untilNothingIsDue({ clock, state: () => replica.state, submit, command, subject: 'rebalance' });
  const isRunning = (): boolean => openRebalance(replica.state.rebalance)?.status === 'REBALANCING';
  const stops = [
    replica.onApplied(({ before, after }) => {
      if (isRunning() && families.some((family) => before[family] !== after[family])) duty.wake();
    }),
    reports.onReport((report) => {
      if (!isRunning()) return;
      copied.note(report);
      duty.wake();
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

function advance(state: State, reports: ServerReports, copied: CopiedBytes): Command | undefined {
  const open = openRebalance(state.rebalance);
  if (open?.status !== 'REBALANCING') return undefined;
  const moves = movesUnderWay(state);
  const waitedFor = new Set(moves.filter((move) => move.handedOverPosition !== undefined).map((move) => move.newLeader));
  const applied = [...waitedFor].flatMap((serverId) => {
    const report = reports.reportOf(serverId);
    return report === undefined ? [] : [{ serverId, position: report.appliedPosition }];
  });
  return { name: 'advanceRebalance', rebalanceId: open.rebalanceId, applied, copied: copied.of(moves) };
}

/** What the new replicas of moves under way said they have copied: they say it no more when they are done. */
class CopiedBytes {
  readonly #state: () => State;
  #rebalanceId = '';
  readonly #byMove = new Map<number, Map<number, number>>();

  constructor(state: () => State) {
    this.#state = state;
  }

  note({ copies, serverId }: ServerReport): void {
    if (copies.length === 0) return;
    const moves = movesUnderWay(this.#state());
    this.#forgetAllBut(moves);
    const byBucket = new Map(moves.map((move) => [bucketKey(move satisfies BucketRef), move]));
    for (const copy of copies) {
      const move = byBucket.get(bucketKey(copy));
      if (move === undefined || !newServers(move).includes(serverId)) continue;
      const byServer = this.#byMove.get(move.move) ?? new Map<number, number>();
      this.#byMove.set(move.move, byServer.set(serverId, Math.max(copy.copiedBytes, byServer.get(serverId) ?? 0)));
    }
  }

  of(moves: readonly MoveRow[]): { readonly move: number; readonly bytes: number }[] {
    this.#forgetAllBut(moves);
    return [...this.#byMove].map(([move, byServer]) => ({ move, bytes: [...byServer.values()].reduce((sum, bytes) => sum + bytes, 0) }));
  }

  #forgetAllBut(moves: readonly MoveRow[]): void {
    const rebalanceId = moves[0]?.rebalanceId ?? '';
    if (rebalanceId !== this.#rebalanceId) this.#byMove.clear();
    this.#rebalanceId = rebalanceId;
    for (const move of this.#byMove.keys()) if (!moves.some((each) => each.move === move)) this.#byMove.delete(move);
  }
}
