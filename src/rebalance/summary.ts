import type { BucketRef } from '../../events/buckets.ts';
import { bucketText } from './cluster.ts';
import type { Move, Step } from './moves.ts';
import type { Plan, Unmet } from './planner.ts';

/** A plan in numbers: what its reader wants to know before it is carried out. */
export interface Summary {
  readonly moves: number;
  /** Moves by who asked for them, who asked for most first. One that several asked for counts for each of them. */
  readonly askedBy: readonly { readonly askedBy: Step['askedBy']; readonly moves: number }[];
  /** Moves that copy nothing: a replica that is there already is to lead. */
  readonly handovers: number;
  /** What is to be copied, all together and by the servers that receive it, ascending by id. */
  readonly copies: Copies;
  readonly receivers: readonly (Copies & { readonly serverId: number })[];
}
export interface Copies {
  readonly replicas: number;
  readonly bytes: number;
}

/** @param bytesOf the size of a bucket's copy, as far as it is known; 0 when it is not */
export function summaryOf({ moves }: Pick<Plan, 'moves'>, bytesOf: (bucket: BucketRef) => number = () => 0): Summary {
  const asked = new Map<Step['askedBy'], number>();
  const received = new Map<number, Copies>();
  for (const move of moves) {
    for (const askedBy of new Set(move.steps.map((step) => step.askedBy))) asked.set(askedBy, (asked.get(askedBy) ?? 0) + 1);
    const bytes = bytesOf(move);
    for (const serverId of receiversOf(move)) received.set(serverId, sum(received.get(serverId) ?? nothing, { replicas: 1, bytes }));
  }
  return {
    moves: moves.length,
    askedBy: [...asked]
      .map(([askedBy, count]) => ({ askedBy, moves: count }))
      .sort((a, b) => b.moves - a.moves || order(a.askedBy, b.askedBy)),
    handovers: moves.filter((move) => receiversOf(move).length === 0).length,
    copies: [...received.values()].reduce(sum, nothing),
    receivers: [...received].map(([serverId, copies]) => ({ serverId, ...copies })).sort((a, b) => a.serverId - b.serverId),
  };
}
const nothing: Copies = { replicas: 0, bytes: 0 };
const sum = (a: Copies, b: Copies): Copies => ({ replicas: a.replicas + b.replicas, bytes: a.bytes + b.bytes });
const order = (a: string, b: string): number => (a < b ? -1 : 1);

/** The servers that get a copy of a bucket which they do not have. */
export const receiversOf = ({ newReplicas, originalReplicas }: Pick<Move, 'newReplicas' | 'originalReplicas'>): readonly number[] =>
  newReplicas.filter((id) => !originalReplicas.includes(id));

/** @param nameOf how the reader knows a bucket; by default by its numbers */
export function unmetText(unmet: Unmet, nameOf: (bucket: BucketRef) => string = bucketText): string {
  switch (unmet.goal) {
    case 'REPLICA_DISTRIBUTION':
    case 'LEADER_DISTRIBUTION': {
      const { count, goal, limits, serverId } = unmet;
      const counted = goal === 'REPLICA_DISTRIBUTION' ? 'replicas' : 'leaders';
      return `${goal} is not reached: server ${serverId} will have ${count} ${counted}, ${limits.lower} to ${limits.upper} are wanted`;
    }
    case 'RACK_AWARE':
      return `RACK_AWARE is not reached: ${nameOf(unmet.bucket)} will have more than one replica in rack ${unmet.rack}`;
    case 'SERVER_TAG':
      return `server ${unmet.serverId} is not emptied: ${nameOf(unmet.bucket)} stays, every server that could take it holds it already`;
  }
}

export const leaderlessText = (bucket: BucketRef, nameOf: (bucket: BucketRef) => string = bucketText): string =>
  `${nameOf(bucket)} is left as it is: no live server leads it, so nobody could copy it`;

/**
 * What a plan does not do, a sentence for each, the worst first: servers that stay full, buckets without a leader, goals out of reach.
 * @param most sentences at most; one more then says how many are left out
 */
export function shortfalls(
  { leaderless, unmet }: Plan,
  most: number,
  nameOf: (bucket: BucketRef) => string = bucketText,
): readonly string[] {
  const tagged = unmet.filter(({ goal }) => goal === 'SERVER_TAG');
  const goals = unmet.filter(({ goal }) => goal !== 'SERVER_TAG');
  const texts: readonly (() => string)[] = [
    ...tagged.map((each) => () => unmetText(each, nameOf)),
    ...leaderless.map((bucket) => () => leaderlessText(bucket, nameOf)),
    ...goals.map((each) => () => unmetText(each, nameOf)),
  ];
  const shown = texts.slice(0, most).map((text) => text());
  return texts.length > most ? [...shown, `and ${texts.length - most} more`] : shown;
}
