import type { BucketRef } from '../../events/buckets.ts';
import type { Goal } from '../../events/rebalance.ts';
import type { ServerTag } from '../../events/serverTags.ts';

/** What becomes of one bucket: the net of its steps. A replica that takes another one's place in the cluster takes it in the list too. */
export interface Move extends BucketRef {
  readonly originalLeader: number;
  readonly newLeader: number;
  readonly originalReplicas: readonly number[];
  /** The leader first: it changes places with whoever was. */
  readonly newReplicas: readonly number[];
  /** Why, in the order in which the planner decided it. At least one. */
  readonly steps: readonly Step[];
}

/** One decision of the planner. The numbers are those of the moment at which it was taken. */
export interface Step {
  readonly askedBy: Goal | 'SERVER_TAG';
  /** REPLICA: the copy goes, and leadership with it when it was the leader's. LEADERSHIP: both servers hold a copy already. */
  readonly kind: 'REPLICA' | 'LEADERSHIP';
  readonly from: number;
  readonly to: number;
  readonly reason: Reason;
}

/** Counts are of replicas, or of leaders where LEADER_DISTRIBUTION asks. */
export type Reason =
  /** `from` carries the tag. */
  | { readonly because: 'TAGGED'; readonly tag: ServerTag }
  /** `from` had `count`, more than `limit`. */
  | { readonly because: 'ABOVE_LIMIT'; readonly count: number; readonly limit: number }
  /** `to` had `count`, fewer than `limit`. */
  | { readonly because: 'BELOW_LIMIT'; readonly count: number; readonly limit: number }
  /** The rack of `from` holds another copy of the bucket, on server `with`. */
  | { readonly because: 'RACK_SHARED'; readonly rack: string; readonly with: number };

/** A step in a sentence: who asked for what, and the numbers behind it. */
export function stepText(step: Step): string {
  const what = step.kind === 'REPLICA' ? 'a replica' : 'leadership';
  return `${step.askedBy} moves ${what} from server ${step.from} to server ${step.to}: ${reasonText(step)}`;
}

function reasonText({ askedBy, from, reason, to }: Step): string {
  const held = askedBy === 'LEADER_DISTRIBUTION' ? 'leaders' : 'replicas';
  switch (reason.because) {
    case 'TAGGED':
      return `server ${from} is ${reason.tag}`;
    case 'ABOVE_LIMIT':
      return `server ${from} had ${reason.count} ${held}, at most ${reason.limit} are wanted`;
    case 'BELOW_LIMIT':
      return `server ${to} had ${reason.count} ${held}, at least ${reason.limit} are wanted`;
    case 'RACK_SHARED':
      return `rack ${reason.rack} holds another one on server ${reason.with}`;
  }
}
