/** CREATE, ALTER and DROP as commands; and where in the statement stands what a command was refused for. */
import { type Command, parseCommand } from '../../deciders/commands.ts';
import { drawOf } from '../../engine/draws.ts';
import { type Rejection, rejection } from '../../rejection.ts';
import type {
  AlterTableStatement,
  ColumnDefinition,
  CreateTableStatement,
  DefinitionStatement,
  PartitionSpec,
  Property,
  PropertyAction,
  Quoted,
  Span,
} from './ast.ts';
import { databaseNamed, type NamedTable, systemFault, tableNamed, type Where } from './catalogNames.ts';
import type { ArgumentFault } from './procedure.ts';
import { refusal, type StatementRefusal } from './refusals.ts';

export type Definition =
  | {
      readonly kind: 'write';
      readonly command: Command;
      /** A rejection of the command in terms of the statement. */
      refused(rejection: Rejection): ArgumentFault;
    }
  | { readonly kind: 'refused'; readonly fault: ArgumentFault };

/** A command, and the places of its fields in the statement: `columns[2].type`, `properties.bucket.num`. */
interface Written {
  readonly command: Command;
  readonly places: ReadonlyMap<string, Span>;
}

/**
 * What a statement asks for.
 * @param idempotencyKey where the replicas of new buckets go follows from it
 */
export function definitionOf(statement: DefinitionStatement, where: Where, idempotencyKey: string): Definition {
  const written = writtenBy(statement, where, idempotencyKey);
  if ('code' in written) return { kind: 'refused', fault: faultOf(written) };
  const refused = inStatement(written.places);
  const parsed = parseCommand(written.command);
  if ('command' in parsed) return { kind: 'write', command: parsed.command, refused };
  const issue = typeof parsed.error === 'string' ? undefined : parsed.error.issues[0];
  const field = (issue?.path ?? []).reduce<string>(
    (path, part) => (typeof part === 'number' ? `${path}[${part}]` : `${path}${path === '' ? '' : '.'}${String(part)}`),
    '',
  );
  return { kind: 'refused', fault: refused(rejection('MALFORMED_REQUEST', field, issue?.message ?? String(parsed.error))) };
}

const faultOf = (reason: StatementRefusal): ArgumentFault => ({
  reason,
  ...(reason.offset === undefined ? {} : { offset: reason.offset }),
});

/**
 * The place of the longest beginning of a field's path that has one. The path itself is one into the command, which means nothing to
 * whoever wrote SQL.
 */
function inStatement(places: ReadonlyMap<string, Span>): (rejection: Rejection) => ArgumentFault {
  return (given) => {
    const reason = { ...given, field: '' };
    for (let path = given.field; path !== ''; path = path.replace(/(?:^|\.|\[)[^.[]*$/, '')) {
      const place = places.get(path);
      if (place !== undefined) return { reason, offset: place.start };
    }
    return { reason };
  };
}

function writtenBy(statement: DefinitionStatement, where: Where, idempotencyKey: string): Written | StatementRefusal {
  switch (statement.kind) {
    case 'createDatabase':
    case 'alterDatabase':
    case 'dropDatabase':
      return ofDatabase(statement, where);
    default: {
      const named = tableNamed(statement.name, where);
      if ('code' in named) return named;
      const system = systemFault(named, named.tableSpan.start);
      if (system !== undefined) return system;
      if (statement.kind === 'createTable') return creating(statement, named, idempotencyKey);
      if (statement.kind === 'alterTable') return altering(statement, named, idempotencyKey);
      const { database, table } = named;
      return { command: { name: 'dropTable', database, table, ignoreIfNotExists: statement.ifExists }, places: placesOf(named) };
    }
  }
}

type OfDatabase = Extract<DefinitionStatement, { readonly kind: `${string}Database` }>;
function ofDatabase(statement: OfDatabase, where: Where): Written | StatementRefusal {
  const named = databaseNamed(statement.name, where);
  if ('code' in named) return named;
  const { database, span } = named;
  const places = new Map(span === undefined ? [] : [['database', span] as const]);
  if (statement.kind === 'createDatabase') {
    const properties = propertiesIn(statement.properties);
    if ('code' in properties) return properties;
    placeProperties(places, 'properties', statement.properties);
    const { comment, ifNotExists } = statement;
    const said = { properties: properties.texts, ...(comment === undefined ? {} : { comment }) };
    return { command: { name: 'createDatabase', database, ignoreIfExists: ifNotExists, ...said }, places };
  }
  const system = systemFault(named, statement.span.start);
  if (system !== undefined) return system;
  if (statement.kind === 'dropDatabase') {
    const { behavior, ifExists } = statement;
    return { command: { name: 'dropDatabase', database, ignoreIfNotExists: ifExists, cascade: behavior === 'CASCADE' }, places };
  }
  const changes = changesOf(statement.action);
  if ('code' in changes) return changes;
  placeChanges(places, statement.action);
  return { command: { name: 'alterDatabase', database, ignoreIfNotExists: false, ...changes }, places };
}

/** A table that is not named with its database is looked for in the session's: what is wrong with that is shown at the table. */
const placesOf = ({ span, tableSpan }: NamedTable): Map<string, Span> =>
  new Map([
    ['database', span ?? tableSpan],
    ['table', tableSpan],
  ]);

function creating(statement: CreateTableStatement, named: NamedTable, idempotencyKey: string): Written | StatementRefusal {
  const properties = propertiesIn(statement.properties);
  if ('code' in properties) return properties;
  const { columns, comment, ifNotExists, partitionedBy, primaryKey } = statement;
  const places = placesOf(named);
  placeColumns(places, columns);
  placeProperties(places, 'properties', statement.properties);
  if (primaryKey !== undefined) places.set('primaryKey', primaryKey.span);
  for (const [i, { span }] of (primaryKey?.columns ?? []).entries()) places.set(`primaryKey[${i}]`, span);
  for (const [i, { span }] of partitionedBy.entries()) {
    if (i === 0) places.set('partitionKeys', span);
    places.set(`partitionKeys[${i}]`, span);
  }
  const command: Command = {
    name: 'createTable',
    database: named.database,
    table: named.table,
    ignoreIfExists: ifNotExists,
    columns: columns.map(columnOf),
    primaryKey: (primaryKey?.columns ?? []).map(({ text }) => text),
    partitionKeys: partitionedBy.map(({ text }) => text),
    properties: properties.texts,
    ...(comment === undefined ? {} : { comment }),
    draw: drawOf(idempotencyKey),
  };
  return { command, places };
}

function altering({ action, ifExists }: AlterTableStatement, named: NamedTable, idempotencyKey: string): Written | StatementRefusal {
  const { database, table } = named;
  const places = placesOf(named);
  if (action.kind === 'addPartitions' || action.kind === 'dropPartitions') {
    const specs: Record<string, string>[] = [];
    for (const [i, partition] of action.partitions.entries()) {
      const spec = specIn(partition);
      if ('code' in spec) return spec;
      specs.push(spec.texts);
      const path = action.kind === 'addPartitions' ? `partitions[${i}].spec` : `specs[${i}]`;
      places.set(path, partition.span);
      for (const { column, value } of partition.values) places.set(`${path}.${column.text}`, value.span);
    }
    if (action.kind === 'dropPartitions')
      return { command: { name: 'dropPartition', database, table, ignoreIfNotExists: action.ifExists, specs }, places };
    const partitions = specs.map((spec, i) => ({ spec, draw: drawOf(idempotencyKey, i) }));
    return { command: { name: 'createPartition', database, table, ignoreIfExists: action.ifNotExists, partitions }, places };
  }
  const altered = { name: 'alterTable', database, table, ignoreIfNotExists: ifExists } as const;
  if (action.kind === 'addColumns') {
    placeColumns(places, action.columns);
    return { command: { ...altered, set: {}, removed: [], columns: action.columns.map(columnOf) }, places };
  }
  const changes = changesOf(action);
  if ('code' in changes) return changes;
  placeChanges(places, action);
  return { command: { ...altered, ...changes, columns: [] }, places };
}

function placeColumns(places: Map<string, Span>, columns: readonly ColumnDefinition[]): void {
  for (const [i, { name, span, type }] of columns.entries()) {
    places.set(`columns[${i}]`, span);
    places.set(`columns[${i}].name`, name.span);
    places.set(`columns[${i}].type`, type.span);
  }
}

function placeProperties(places: Map<string, Span>, path: string, given: readonly Property[]): void {
  for (const { key, value } of given) places.set(`${path}.${key.text}`, value.span);
}

function placeChanges(places: Map<string, Span>, action: PropertyAction): void {
  if (action.kind === 'setProperties') placeProperties(places, 'set', action.properties);
  else for (const [i, { span }] of action.keys.entries()) places.set(`removed[${i}]`, span);
}

const columnOf = ({ comment, name, type }: ColumnDefinition) => ({
  name: name.text,
  type: type.text,
  isNullable: type.nullable,
  ...(comment === undefined ? {} : { comment }),
});

type Changes = { readonly set: Record<string, string>; readonly removed: string[] };
function changesOf(action: PropertyAction): Changes | StatementRefusal {
  if (action.kind === 'resetProperties') return { set: {}, removed: action.keys.map(({ text }) => text) };
  const set = propertiesIn(action.properties);
  return 'code' in set ? set : { set: set.texts, removed: [] };
}

/** In an object of their own: a property may be called `code`, as a refusal's is. */
type Texts = { readonly texts: Record<string, string> };
const propertiesIn = (given: readonly Property[]): Texts | StatementRefusal => textsOf(given.map(({ key, value }) => [key, value]));
const specIn = ({ values }: PartitionSpec): Texts | StatementRefusal => textsOf(values.map(({ column, value }) => [column, value]));

/** What is given twice may be meant in either way, and no record can hold `__proto__`: both are refused. */
function textsOf(pairs: readonly (readonly [key: Quoted, value: Quoted])[]): Texts | StatementRefusal {
  const unnameable = pairs.find(([{ text }]) => text === '__proto__')?.[0];
  if (unnameable !== undefined) return refusal('INVALID_KEY', '', `'${unnameable.text}' cannot be a key`, unnameable.span.start);
  const seen = new Set<string>();
  const twice = pairs.find(([{ text }]) => seen.size === seen.add(text).size)?.[0];
  if (twice !== undefined) return refusal('INVALID_KEY', '', `'${twice.text.slice(0, 100)}' is given twice`, twice.span.start);
  return { texts: Object.fromEntries(pairs.map(([key, value]) => [key.text, value.text])) };
}
