import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

export interface Transactions {
  readonly byInstance: Table<never>;
}

export const transactions = defineProjection<Transactions>({
  name: 'transactions',
  version: 1,
  initial: () => ({ byInstance: Table.empty() }),
  on: {},
});
