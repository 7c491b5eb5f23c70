import type { Goal } from '../../../events/rebalance.ts';
import type { Cluster } from '../../rebalance/cluster.ts';
import type { Planning } from '../../rebalance/planner.ts';
import type { Rejection } from '../../rejection.ts';
import type { Broken } from './attempt.ts';

/** Rejected with BUSY when too many plans are waiting, with DRAINING when the node is stopping. */
export type PlannerAnswer = Planning | Broken | { readonly kind: 'rejected'; readonly rejection: Rejection };

/** Plans rebalances as `planRebalance` does, without keeping the node from anything else. */
export interface Planner {
  /**
   * @param cluster nobody may change it before the answer is there
   * @param signal gives the plan up, at work or waiting
   * @throws the signal's reason once it is aborted, nothing else
   */
  plan(cluster: Cluster, goals: readonly Goal[], signal?: AbortSignal): Promise<PlannerAnswer>;
  /** Whoever waits for a plan is told that the node is stopping. */
  close(): Promise<void>;
}
