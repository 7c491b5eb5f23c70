import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BucketRef } from '../../../events/buckets.ts';
import { currentRebalance, moveAt } from '../../../projections/rebalance.ts';
import type { Node } from '../../engine/node.ts';
import { waitingOf } from '../../engine/rebalanceProgress.ts';
import type { Applied } from '../../engine/replica.ts';

/** The newest rebalance as it stands, and of all of them what they copied and how long their moves took, as the log tells. */
export function watchRebalances(registry: Registry, node: Pick<Node, 'replica' | 'state'>): void {
  const registers = [registry];
  new Gauge({
    name: 'chancery_rebalance_moves',
    help: 'Moves of the newest rebalance by what became of them: waiting, moving, finished, failed, canceled.',
    labelNames: ['status'],
    registers,
    collect() {
      const row = currentRebalance(node.state.rebalance);
      const { canceled = 0, failed = 0, finished = 0, moving = 0 } = row ?? {};
      const waiting = row === undefined ? 0 : waitingOf(row);
      for (const [status, count] of Object.entries({ waiting, moving, finished, failed, canceled })) this.set({ status }, count);
    },
  });
  const copied = new Counter({
    name: 'chancery_rebalance_copied_bytes_total',
    help: 'What finished moves copied since the log began, as far as tablet servers told.',
    registers,
  });
  const seconds = new Histogram({
    name: 'chancery_rebalance_move_seconds',
    help: 'From the beginning of a move to its end, since the log began, by outcome: finished, failed, canceled.',
    labelNames: ['outcome'],
    buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 14_400],
    registers,
  });
  node.replica.onApplied(({ after, entry }) => {
    for (const { data, type } of entry.events) {
      const outcome = outcomes.get(type);
      if (outcome === undefined) continue;
      const { copiedBytes = 0, move, rebalanceId } = data as Ended;
      copied.inc(copiedBytes);
      const startedAt = moveAt(after.rebalance, rebalanceId, move)?.startedAt;
      if (startedAt !== undefined) seconds.observe({ outcome }, (entry.at - startedAt) / 1000);
    }
  });
}

type EventType = Applied['entry']['events'][number]['type'];
const outcomes: ReadonlyMap<EventType, string> = new Map([
  ['MoveFinished', 'finished'],
  ['MoveFailed', 'failed'],
  ['MoveCanceled', 'canceled'],
]);
interface Ended extends BucketRef {
  readonly rebalanceId: string;
  readonly move: number;
  readonly copiedBytes?: number;
}
