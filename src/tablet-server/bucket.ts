import { z } from 'zod';

const id = z.int().min(0);
export const serverIdSchema = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Fields that name a bucket, wherever one is named. */
export const bucketRefFields = {
  tableId: id,
  partitionId: id.optional(), // Absent for a table without partitions.
  bucketId: id,
} as const;

/** One bucket of a table. */
export interface BucketRef {
  readonly tableId: number;
  readonly partitionId?: number | undefined;
  readonly bucketId: number;
}

/** The bucket alone, of something that has more to it. */
export const refOf = ({ bucketId, partitionId, tableId }: BucketRef): BucketRef =>
  partitionId === undefined ? { tableId, bucketId } : { tableId, partitionId, bucketId };

/** `3-0` or, in a partition, `3-7-0`: its name in texts and the name of its directory. */
export const bucketName = ({ bucketId, partitionId, tableId }: BucketRef): string =>
  partitionId === undefined ? `${tableId}-${bucketId}` : `${tableId}-${partitionId}-${bucketId}`;

/** The way back from `bucketName`. @returns undefined for any other text */
export function parseBucketName(name: string): BucketRef | undefined {
  if (!/^(0|[1-9]\d{0,15})(-(0|[1-9]\d{0,15})){1,2}$/.test(name)) return undefined;
  const numbers = name.split('-').map(Number);
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  const [tableId = 0, second = 0, third] = numbers;
  return third === undefined ? { tableId, bucketId: second } : { tableId, partitionId: second, bucketId: third };
}
