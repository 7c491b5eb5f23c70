import type { TabletEvent } from '../../../events/tablets.ts';
import type { TransactionEvent } from '../../../events/transactions.ts';
import { namesInWords, shown, type Words } from './shown.ts';

interface TransactionKey {
  readonly instanceId: string;
  readonly transactionId: number;
  readonly label: string;
}
const transaction = ({ instanceId, label, transactionId }: TransactionKey): string =>
  `transaction ${transactionId} '${shown(label)}' of ${shown(instanceId)}`;
const tablet = ({ instanceId, tabletId }: { readonly instanceId: string; readonly tabletId: number }): string =>
  `tablet ${tabletId} of ${shown(instanceId)}`;
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export const transactionWords: Words<TransactionEvent['type'] | TabletEvent['type']> = {
  TransactionBegun: (data) => `${transaction(data)} began, database ${data.dbId}`,
  TransactionPrecommitted: (data) => `${transaction(data)} is ready to be committed`,
  TransactionCommitted: (data) => `${transaction(data)} was committed`,
  TransactionAborted: (data) => `${transaction(data)} was aborted: ${shown(data.reason)}`,
  TabletsCreated: ({ instanceId, tablets }) => {
    const ids = namesInWords(tablets.map(({ tabletId }) => String(tabletId)));
    return `${counted(tablets.length, 'tablet')} created in ${shown(instanceId)}: ${ids}`;
  },
  RowsetCommitted: (data) => `transaction ${data.transactionId} wrote ${counted(data.rowset.numRows, 'row')} to ${tablet(data)}`,
  CompactionStarted: (data) => `${data.job.type} compaction ${shown(data.job.id)} of ${tablet(data)} began`,
  CompactionExtended: (data) => `compaction ${shown(data.jobId)} of ${tablet(data)} is still at work`,
  CompactionAborted: (data) => `${data.type} compaction ${shown(data.jobId)} of ${tablet(data)} was aborted`,
  CompactionCommitted: (data) =>
    `${data.type} compaction ${shown(data.jobId)} of ${tablet(data)} made ` +
    `${counted(data.output.numRowsets, 'rowset')} of ${data.input.numRowsets}`,
  TabletStatsRecounted: (data) =>
    `${tablet(data)} counted again   ${data.previous.dataSize} → ${data.counted.dataSize} bytes, ` +
    `${data.previous.numRows} → ${data.counted.numRows} rows`,
  TabletDatabaseCorrected: (data) => `${tablet(data)} belongs to database ${data.dbId}`,
};
