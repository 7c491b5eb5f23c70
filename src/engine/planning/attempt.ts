import type { Goal } from '../../../events/rebalance.ts';
import type { Cluster } from '../../rebalance/cluster.ts';
import { type Planning, planRebalance } from '../../rebalance/planner.ts';

/** There is no plan, and no goal is to blame: out of memory or time, or a cluster that cannot be. `message` says why. */
export interface Broken {
  readonly kind: 'broken';
  readonly message: string;
}

/** `planRebalance` for those whom a cluster that cannot be (two replicas of a bucket on one server, say) must not stop. */
export function attempt(cluster: Cluster, goals: readonly Goal[]): Planning | Broken {
  try {
    return planRebalance(cluster, goals);
  } catch (error) {
    return { kind: 'broken', message: error instanceof Error ? error.message : String(error) };
  }
}
