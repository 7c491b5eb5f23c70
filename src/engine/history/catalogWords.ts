import type { CatalogEvent } from '../../../events/catalog.ts';
import { namesInWords, shown, type Words } from './shown.ts';

const table = (data: { readonly database: string; readonly table: string }): string => `${data.database}.${data.table}`;
type Properties = Readonly<Record<string, string>>;
/** `a = 1, b reset`; of many the first. */
function changes(set: Properties, removed: readonly string[]): string {
  const told = [...Object.entries(set).map(([key, value]) => `${key} = ${value}`), ...removed.map((key) => `${key} reset`)].map(shown);
  return told.length > 3 ? `${told.slice(0, 3).join(', ')} and ${told.length - 3} more` : told.join(', ');
}
const spec = (values: Properties): string =>
  shown(
    Object.entries(values)
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
  );
const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const catalogWords: Pick<Words, CatalogEvent['type']> = {
  DatabaseCreated: ({ database }) => `database ${database} created`,
  DatabaseAltered: ({ database, removed, set }) => `database ${database} altered: ${changes(set, removed)}`,
  DatabaseDropped: ({ database }) => `database ${database} dropped`,
  TableCreated: (data) =>
    `table ${table(data)} created, id ${data.tableId}, ${many(data.bucketCount, 'bucket')} x ${many(data.replicationFactor, 'replica')}` +
    (data.partitionKeys.length === 0 ? '' : `, partitioned by ${namesInWords(data.partitionKeys)}`),
  TableAltered: (data) => {
    const columns = data.columns.length === 0 ? [] : [`with ${namesInWords(data.columns.map(({ name }) => name))}`];
    return `table ${table(data)} altered: ${[...columns, changes(data.set, data.removed)].filter((part) => part !== '').join(', ')}`;
  },
  TableDropped: (data) => `table ${table(data)} dropped with ${many(data.bucketCount * Math.max(1, data.partitionIds.length), 'bucket')}`,
  PartitionCreated: (data) => `partition ${spec(data.spec)} of ${table(data)} created, id ${data.partitionId}`,
  PartitionDropped: (data) => `partition ${data.partitionId} of ${table(data)} dropped`,
};
