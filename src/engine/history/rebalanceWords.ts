import type { RebalanceEvent } from '../../../events/rebalance.ts';
import { bucketInWords } from './bucketWords.ts';
import { serversInWords } from './serverWords.ts';
import { shown, type Words } from './shown.ts';

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const servers = (ids: readonly number[]): string => serversInWords(ids, 'server');
const where = { ORIGINAL: 'it is as before', TARGET: 'it is as planned', GONE: 'it was dropped' } as const;

export const rebalanceWords: Pick<Words, RebalanceEvent['type']> = {
  RebalancePlanned: ({ goals, moveCount, rebalanceId }) =>
    `${rebalanceId} planned: ${many(moveCount, 'move')} for ${goals.join(', ') || 'no goal'}`,
  MovesPlanned: ({ firstMove, moves, rebalanceId }) => `${rebalanceId}: moves ${firstMove} to ${firstMove + moves.length - 1} written down`,
  RebalanceStarted: ({ rebalanceId }) => `${rebalanceId} started`,
  MoveStarted: (data) => `${bucketInWords(data)} begins to move`,
  ReplicasAdded: (data) => `${bucketInWords(data)} is copied to ${servers(data.serverIds)}`,
  ReplicasInSync: (data) => `${bucketInWords(data)} is in sync on ${servers(data.serverIds)}`,
  LeaderHandedOver: (data) => `${bucketInWords(data)}: leadership from server ${data.from} to server ${data.to}`,
  ReplicasDropped: (data) => `${bucketInWords(data)} is taken off ${servers(data.serverIds)}`,
  MoveFinished: (data) => `${bucketInWords(data)} has moved`,
  MoveFailed: (data) => `${bucketInWords(data)} was not moved: ${shown(data.reason)}; ${where[data.left]}`,
  MoveCanceled: (data) => `${bucketInWords(data)} stopped moving: ${shown(data.reason)}; ${where[data.left]}`,
  RebalanceCompleted: ({ failed, finished, rebalanceId }) =>
    `${rebalanceId} completed: ${many(finished, 'bucket')} moved${failed > 0 ? `, ${failed} failed` : ''}`,
  RebalanceCanceled: ({ finished, rebalanceId, stopped, waiting }) =>
    `${rebalanceId} canceled: ${finished} moved, ${stopped} stopped, ${waiting} never begun`,
  RebalanceFailed: ({ reason, rebalanceId }) => `${rebalanceId} given up: ${shown(reason)}`,
};
