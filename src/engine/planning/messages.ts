import type { Goal } from '../../../events/rebalance.ts';
import type { Planning } from '../../rebalance/planner.ts';
import type { Broken } from './attempt.ts';
import type { Packed } from './packed.ts';

export interface ToThread {
  readonly cluster: Packed;
  readonly goals: readonly Goal[];
}

export type FromThread = { readonly kind: 'planned'; readonly plan: Packed } | Extract<Planning, { kind: 'failed' }> | Broken;
