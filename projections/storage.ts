import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

export interface Storage {
  readonly byInstance: Table<never>;
}

export const storage = defineProjection<Storage>({ name: 'storage', version: 1, initial: () => ({ byInstance: Table.empty() }), on: {} });
