import { type BucketEvent, type BucketRef, noLeader } from '../../../events/buckets.ts';
import { bucketKey } from '../../../projections/buckets.ts';
import type { Words } from './shown.ts';

/** `bucket 7/2`: table and bucket, with the partition in between. */
export const bucketInWords = (ref: BucketRef): string => `bucket ${bucketKey(ref)}`;
const toldBuckets = 3;
/** Each of a few in words; of many the first. */
function each<B extends BucketRef>(buckets: readonly B[], words: (bucket: B) => string): string {
  const told = buckets.slice(0, toldBuckets).map((bucket) => `${bucketInWords(bucket)}: ${words(bucket)}`);
  const rest = buckets.length - told.length;
  return [...told, ...(rest > 0 ? [`${rest} more`] : [])].join(' · ');
}
const inSync = (isr: readonly number[]): string => `in sync ${isr.join(', ')}`;

export const bucketWords: Pick<Words, BucketEvent['type']> = {
  BucketsAssigned: ({ partitionId, replicas, tableId }) =>
    `${replicas.length} buckets of table ${tableId}${partitionId === undefined ? '' : `, partition ${partitionId},`} given servers`,
  LeadersElected: ({ buckets }) =>
    each(buckets, ({ isr, leader }) => `${leader === noLeader ? 'no leader' : `led by ${leader}`}, ${inSync(isr)}`),
  IsrChanged: ({ buckets, serverId }) => `${each(buckets, ({ isr }) => inSync(isr))}, as its leader ${serverId} says`,
};
