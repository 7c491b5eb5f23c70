import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

export interface Tablets {
  readonly byInstance: Table<never>;
}

export const tablets = defineProjection<Tablets>({ name: 'tablets', version: 1, initial: () => ({ byInstance: Table.empty() }), on: {} });
