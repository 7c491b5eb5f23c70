import type { Name, Span } from './ast.ts';
import { refusal, type StatementRefusal } from './refusals.ts';

/** The virtual database of system tables and procedures. */
export const systemDatabase = 'sys';
export const isSystem = (database: string): boolean => database.toLowerCase() === systemDatabase;

/** Where a session is: the one catalog there is, and what a name without a database is in. */
export interface Where {
  readonly catalog: string;
  readonly database: string;
}
export interface NamedDatabase {
  readonly database: string;
  /** Absent when the session's own is meant. */
  readonly span?: Span;
}
export interface NamedTable extends NamedDatabase {
  readonly table: string;
  readonly tableSpan: Span;
}

export const unknownCatalog = (known: string, given: string, field: string, offset?: number): StatementRefusal =>
  refusal('UNKNOWN_CATALOG', field, `there is no catalog '${given.slice(0, 100)}'; this one is called ${known}`, offset);

/** What is wrong with the name of a catalog; undefined when there is none, or it is the one. */
export function catalogFault(name: Name | undefined, { catalog }: Pick<Where, 'catalog'>): StatementRefusal | undefined {
  return name === undefined || name.text === catalog ? undefined : unknownCatalog(catalog, name.text, '', name.span.start);
}

/** @param names none, a database, or a catalog and a database. @returns whether it exists is another question */
export function databaseNamed(names: readonly Name[], where: Where): NamedDatabase | StatementRefusal {
  const last = names.at(-1);
  if (last === undefined) return { database: where.database };
  const fault = names.length > 1 ? catalogFault(names[0], where) : undefined;
  return fault ?? { database: isSystem(last.text) ? systemDatabase : last.text, span: last.span };
}

/** @param names one to three; the last is the table */
export function tableNamed(names: readonly Name[], where: Where): NamedTable | StatementRefusal {
  const last = names.at(-1);
  const named = databaseNamed(names.slice(0, -1), where);
  if ('code' in named) return named;
  return { ...named, table: last?.text ?? '', tableSpan: last?.span ?? { start: 0, end: 0 } };
}

/** System tables are not made by anybody, and nothing else is in their database. */
export function systemFault({ database, span }: NamedDatabase, offset?: number): StatementRefusal | undefined {
  if (!isSystem(database)) return undefined;
  const detail = `the database ${systemDatabase} holds the system tables and procedures, and nothing else`;
  return refusal('SYSTEM_DATABASE', '', detail, span?.start ?? offset);
}
