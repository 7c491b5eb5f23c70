import type { Moment, SelectOptions, SelectResult } from './port.ts';

/** STRING is what Flink calls VARCHAR without a length: where a column's type is laid down in its words. */
export type ColumnType = 'VARCHAR' | 'STRING' | 'BIGINT' | 'INTEGER' | 'TIMESTAMP_LTZ(3)' | 'JSON';
export interface SysColumn {
  /** Not `at`, which DuckDB reads as the clause. */
  readonly name: string;
  readonly type: ColumnType;
  /** One sentence, for DESCRIBE. */
  readonly about: string;
}
export interface SysTable {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly SysColumn[];
}

/** Text for VARCHAR and JSON, epoch milliseconds for TIMESTAMP_LTZ(3). */
export type Cell = string | number | null;
/** One cell for each column of the table, in their order. */
export type Row = readonly Cell[];

export interface Condition {
  readonly column: string;
  /** `in` has one or more values, those that ask for NULL have none, the others have one. */
  readonly operator: '=' | '<' | '<=' | '>' | '>=' | 'in' | 'is null' | 'is not null';
  readonly values: readonly (string | number)[];
}

/**
 * What a query will not look at. Rows that fail a condition may be left out, and so may those beyond the first `limit` that pass
 * all conditions, in the order given, if the source can tell which those are.
 */
export interface Hint {
  readonly conditions: readonly Condition[];
  readonly order?: { readonly column: string; readonly descending: boolean };
  readonly limit?: number;
}

/** The tables of one question: everything they show is of one log, read up to one position. */
export interface SysTables {
  readonly tables: readonly SysTable[];
  /**
   * A table as it was at a moment, a batch of rows at a time, in no order that was promised.
   * @throws HistoryRefused for a moment that has not happened, or for a table without a past
   */
  rows(table: string, moment: Moment | undefined, hint: Hint | undefined, signal: AbortSignal): AsyncGenerator<readonly Row[]>;
}

/** Runs SELECTs over the `sys` tables. Implemented in interfaces/sql, known to src/historyProcess.ts alone. */
export interface Selector {
  /** Gives up when `signal` aborts. @throws HistoryRefused */
  select(sql: string, tables: SysTables, options: SelectOptions, signal: AbortSignal): Promise<SelectResult>;
}
