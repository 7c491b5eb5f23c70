import { stateHash } from '../../projections/kit.ts';
import type { State } from '../../projections/state.ts';
import type { Member } from '../ports/membership.ts';

/** A state's hash at the end of the first entry at or behind each multiple of `checkpointInterval` positions. */
export interface Checkpoint {
  readonly position: number;
  readonly hash: string;
}
const checkpointInterval = 1024;
const kept = 4;

/** The checkpoint that an entry reaches, if it crosses a multiple of the interval. */
export function checkpointAfter(before: State, after: State): Checkpoint | undefined {
  if (Math.floor(before.position / checkpointInterval) === Math.floor(after.position / checkpointInterval)) return undefined;
  return { position: after.position, hash: stateHash(after) };
}

export const withCheckpoint = (present: readonly Checkpoint[], next: Checkpoint): readonly Checkpoint[] => [...present, next].slice(-kept);

/**
 * Whether this node's tables differ from what the others have: at a position that several nodes published, the hash that most of
 * them have is right, and with no majority the leader's, once it is known. Only nodes of one release are compared: another one may
 * fold the same log into other tables.
 * @returns what is wrong, in words; undefined when nothing is known to be.
 */
export function divergence(own: Member, others: readonly Member[], leaderId: string | undefined): string | undefined {
  for (const { position, hash } of own.checkpoints) {
    const votes = [own, ...others.filter(({ release }) => release === own.release)].flatMap((member) => {
      const checkpoint = member.checkpoints.find((candidate) => candidate.position === position);
      return checkpoint === undefined ? [] : [{ nodeId: member.nodeId, hash: checkpoint.hash }];
    });
    const agreeing = votes.filter((vote) => vote.hash === hash);
    if (agreeing.length === votes.length || agreeing.length * 2 > votes.length) continue;
    const isDecided = agreeing.length * 2 < votes.length;
    const differing = votes.filter((vote) => vote.hash !== hash).map((vote) => vote.nodeId);
    if (!isDecided && (leaderId === undefined || !differing.includes(leaderId))) continue;
    return `at position ${position} its tables (${hash.slice(0, 12)}) differ from those of ${differing.join(', ')}`;
  }
  return undefined;
}
