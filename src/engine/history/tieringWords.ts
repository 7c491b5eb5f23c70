import type { TieringEvent } from '../../../events/tiering.ts';
import { durationInWords, errorInWords, tookInWords, type Words } from './shown.ts';

interface Names {
  readonly database: string;
  readonly table: string;
}
const table = (data: Names): string => `${data.database}.${data.table}`;
const round = (data: Names & { readonly tieringEpoch: number }): string => `${table(data)}, round ${data.tieringEpoch}:`;

export const tieringWords: Pick<Words, TieringEvent['type']> = {
  LakeTableAdded: (data) =>
    `${table(data)} is tiered to the lake from now on, at most ${durationInWords(data.freshnessMs)} old` +
    (data.because === 'FOUND' ? '; it was a lake table before tiering was kept' : ''),
  LakeTableRemoved: (data) => `${table(data)} is not tiered to the lake any more`,
  FreshnessChanged: (data) => `${table(data)} may be ${durationInWords(data.freshnessMs)} old in the lake`,
  TieringDue: (data) => `${round(data)} due to be tiered`,
  TieringRoundStarted: (data) => `${round(data)} handed to tiering service ${data.service}`,
  TieringRoundFinished: (data) =>
    `${round(data)} tiered by ${data.service} in ${tookInWords(data.durationMs)}` +
    (data.isForced ? ', cut short and due again' : '') +
    (data.records === undefined ? '' : `, ${data.records} records in the lake`),
  TieringRoundFailed: (data) => {
    const times = data.failuresInRow === 1 ? '' : `, ${data.failuresInRow} times in a row`;
    const why = errorInWords(data.error ?? '') || 'its service gave no reason';
    return `${round(data)} FAILED at ${data.service} after ${tookInWords(data.durationMs)}${times}: ${why}`;
  },
};
