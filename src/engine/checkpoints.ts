import { stateHashing } from '../../projections/kit.ts';
import type { State } from '../../projections/state.ts';
import type { Member } from '../ports/membership.ts';

/** A state's hash at the end of an entry that reaches or crosses a multiple of 1,024 positions. */
export interface Checkpoint {
  readonly position: number;
  readonly hash: string;
}
/** Positions. Of each spacing the newest crossing is kept, so that nodes that hash at different moments have some in common. */
const spacings = [1024, 8192, 65_536, 524_288] as const;

/**
 * The checkpoints of one node. A state is kept as it was passed and hashed when somebody asks: hashing at every crossing would take
 * three quarters of a long catch-up (100,000 keys: 78 of 106 µs per event), and the nodes only look every few seconds.
 */
export class Checkpoints {
  readonly #newest = new Map<number, { readonly position: number; of: State | string }>();

  /** Takes notice of an entry; costs nothing. */
  pass(before: State, after: State): void {
    const mark = { position: after.position, of: after };
    for (const spacing of spacings) {
      if (Math.floor(before.position / spacing) === Math.floor(after.position / spacing)) return;
      this.#newest.set(spacing, mark);
    }
  }

  /** At most four, ascending. Costs what changed since the last call, in steps of some hundred rows: all tables after a long catch-up. */
  *hashing(): Generator<void, readonly Checkpoint[]> {
    const marks = [...new Set(this.#newest.values())].sort((a, b) => a.position - b.position);
    const checkpoints: Checkpoint[] = [];
    for (const mark of marks) {
      if (typeof mark.of !== 'string') mark.of = yield* stateHashing(mark.of);
      checkpoints.push({ position: mark.position, hash: mark.of });
    }
    return checkpoints;
  }
}

/**
 * Whether this node's tables differ from what the others have: at a position that several nodes published, the hash that most of
 * all members have is right; with no majority, once everybody has published it, the leader's. Only nodes of one release are compared:
 * another one may fold the same log into other tables.
 * @returns what is wrong, in words; undefined when nothing is known to be.
 */
export function divergence(own: Member, others: readonly Member[], leaderId: string | undefined): string | undefined {
  const members = [own, ...others.filter(({ release }) => release === own.release)];
  for (const { position, hash } of own.checkpoints) {
    const votes = members.flatMap(({ nodeId, checkpoints }) => {
      const checkpoint = checkpoints.find((candidate) => candidate.position === position);
      return checkpoint === undefined ? [] : [{ nodeId, hash: checkpoint.hash }];
    });
    const isMost = (candidate: string): boolean => votes.filter((vote) => vote.hash === candidate).length * 2 > members.length;
    const differing = votes.filter((vote) => vote.hash !== hash);
    const isLeadersWord = votes.length === members.length && !isMost(hash) && differing.some(({ nodeId }) => nodeId === leaderId);
    if (!isLeadersWord && !differing.some((vote) => isMost(vote.hash))) continue;
    const names = differing.map(({ nodeId }) => nodeId).join(', ');
    return `at position ${position} its tables (${hash.slice(0, 12)}) differ from those of ${names}`;
  }
  return undefined;
}
