import type { SqlRefusalCode } from './errors.ts';
import { nearest } from './spelling.ts';

/** DuckDB's syntax tree as `json_serialize_sql` gives it. Its locations are bytes of UTF-8 from the start of the query. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A table of the catalogue as a query names it. */
export interface TableReference {
  /** In lower case, without schema and catalog. */
  readonly table: string;
  /** Where its name begins, in bytes. */
  readonly location: number;
  readonly at: 'VERSION' | 'TIMESTAMP' | undefined;
}

/** A column with schema: `sys.acls.host`, `fluss_catalog.sys.acls.host`. */
export interface QualifiedColumn {
  readonly table: string;
  readonly location: number;
  /** How many parts stand before the table: the schema, or catalog and schema. */
  readonly prefix: 1 | 2;
}

export interface CheckedQuery {
  readonly node: JsonObject;
  readonly tables: readonly TableReference[];
  readonly columns: readonly QualifiedColumn[];
}

export interface Catalogue {
  /** The catalog's name, in lower case. */
  readonly catalog: string;
  /** In lower case. */
  readonly tables: readonly string[];
}

/** Ends the check. `location` in bytes. */
export type Refuse = (code: SqlRefusalCode, message: string, location: number | undefined) => never;

/** Table functions that read nothing but their arguments. All others are refused, also those that DuckDB will add. */
const tableFunctions: ReadonlySet<string> = new Set([
  'range',
  'generate_series',
  'unnest',
  'json_each',
  'json_tree',
  'repeat',
  'repeat_row',
]);

/** Scalar functions that see or change more than their arguments, or that wait. test/sql keeps the reviewed list of all others. */
const refusedFunctions: ReadonlySet<string> = new Set([
  'current_setting',
  'getvariable',
  'getenv',
  'sleep_ms',
  'write_log',
  'parse_duckdb_log_message',
  'current_query',
  'nextval',
  'currval',
  'setseed',
  'json_serialize_plan',
  'json_execute_serialized_sql',
  'get_block_size',
  'stats',
]);
/** PostgreSQL's catalog, DuckDB's inside. */
const refusedFamilies = /^(?:pg_(?!typeof$|size_pretty$)|has_\w+_privilege$|inet_|__internal_|duckdb_|pragma_|\w+_description$)/;

export const isRefusedFunction = (name: string): boolean => refusedFunctions.has(name) || refusedFamilies.test(name);
export const isAllowedTableFunction = (name: string): boolean => tableFunctions.has(name);

const nodeTypes: ReadonlySet<string> = new Set([
  ...['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE'],
  ...['BASE_TABLE', 'SUBQUERY', 'JOIN', 'TABLE_FUNCTION', 'EXPRESSION_LIST', 'EMPTY', 'PIVOT'],
  ...['LIMIT_MODIFIER', 'LIMIT_PERCENT_MODIFIER', 'ORDER_MODIFIER', 'DISTINCT_MODIFIER'],
  ...['ORDER_DEFAULT', 'ASCENDING', 'DESCENDING'],
]);
const expressionClasses: ReadonlySet<string> = new Set([
  ...['COLUMN_REF', 'CONSTANT', 'CAST', 'FUNCTION', 'COMPARISON', 'CONJUNCTION', 'OPERATOR', 'CASE', 'BETWEEN', 'SUBQUERY', 'STAR'],
  ...['LAMBDA', 'LAMBDA_REF', 'WINDOW', 'COLLATE', 'POSITIONAL_REFERENCE'],
]);
/** All that a moment may be made of: no columns, no queries. */
const momentClasses: ReadonlySet<string> = new Set(['CONSTANT', 'CAST', 'FUNCTION']);
/** Descriptions of types: their own `type` is no node. */
const typeKeys: ReadonlySet<string> = new Set(['cast_type', 'type', 'type_info', 'expected_types']);

const depthMax = 1000; // Levels of JSON, two or three per expression: some hundred expressions inside each other.

/** Queries in expressions, lambdas and queries of WITH inside each other: DuckDB's time doubles with each, and it cannot be stopped. */
const nestedMax = 8;

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);
/** Undefined where DuckDB knows none, which it writes as 2^64 - 1. */
export const locationOf = (node: JsonObject): number | undefined =>
  Number.isSafeInteger(node['query_location']) ? (node['query_location'] as number) : undefined;

/**
 * Walks the whole tree and lets pass only what is known to be harmless: tables of the catalogue, names of WITH where they are in scope,
 * the table functions above, and every kind of node and expression by name, so that what DuckDB learns later is refused until looked at.
 * @param tree the answer of `json_serialize_sql`, without an error.
 */
export function checkQuery(tree: JsonObject, catalogue: Catalogue, refuse: Refuse): CheckedQuery {
  const statements = listOf(tree['statements']);
  const [statement] = statements;
  if (!isObject(statement) || statements.length !== 1) {
    return refuse('NOT_A_QUERY', `expected one query and found ${statements.length}`, undefined);
  }
  const node = statement['node'];
  if (!isObject(node)) return refuse('NOT_A_QUERY', 'the query is empty', undefined);
  const check = new QueryCheck(catalogue, refuse);
  check.walk(node, { ctes: new Set(), depth: 0, nested: 0, inType: false, inMoment: false });
  return { node, tables: check.tables, columns: check.columns };
}

interface Surroundings {
  /** Names of WITH that can be seen from here, in lower case. */
  readonly ctes: ReadonlySet<string>;
  readonly depth: number;
  /** Counted up to `nestedMax`. */
  readonly nested: number;
  readonly inType: boolean;
  readonly inMoment: boolean;
}

class QueryCheck {
  readonly tables: TableReference[] = [];
  readonly columns: QualifiedColumn[] = [];
  private readonly catalogue: Catalogue;
  private readonly refuse: Refuse;

  constructor(catalogue: Catalogue, refuse: Refuse) {
    this.catalogue = catalogue;
    this.refuse = refuse;
  }

  walk(value: Json, around: Surroundings): void {
    if (typeof value !== 'object' || value === null) return;
    if (around.depth > depthMax) this.refuse('FORM_REFUSED', 'the query is nested too deeply', undefined);
    const inside = { ...around, depth: around.depth + 1 };
    if (!isObject(value)) {
      for (const item of value) this.walk(item, inside);
      return;
    }
    if (typeof value['class'] === 'string') {
      this.expression(value, value['class'], inside);
      if (value['class'] === 'CONSTANT') return;
      if (value['class'] === 'SUBQUERY' || value['class'] === 'LAMBDA') {
        this.children(value, this.oneDeeper(inside, locationOf(value)));
        return;
      }
    } else if (typeof value['type'] === 'string' && !around.inType) this.node(value, value['type'], inside);
    this.children(value, inside);
  }

  private oneDeeper(around: Surroundings, location: number | undefined): Surroundings {
    if (around.nested >= nestedMax)
      this.refuse('FORM_REFUSED', `queries stand inside each other on more than ${nestedMax} levels; lambdas count too`, location);
    return { ...around, nested: around.nested + 1 };
  }

  private children(node: JsonObject, around: Surroundings): void {
    const ctes = isObject(node['cte_map']) ? this.withNames(listOf(node['cte_map']['map']), around) : around.ctes;
    for (const [key, child] of Object.entries(node)) {
      if (key === 'cte_map') continue;
      const inMoment = around.inMoment || key === 'at_clause';
      this.walk(child, { ...around, ctes, inMoment, inType: around.inType || typeKeys.has(key) });
    }
  }

  /** Each name is seen by the entries after it, and by itself when it is recursive. */
  private withNames(entries: readonly Json[], around: Surroundings): ReadonlySet<string> {
    const ctes = new Set(around.ctes);
    const inside = entries.length === 0 ? around : this.oneDeeper(around, undefined);
    for (const entry of entries) {
      if (!isObject(entry)) continue;
      const name = textOf(entry['key']).toLowerCase();
      const body = isObject(entry['value']) && isObject(entry['value']['query']) ? entry['value']['query']['node'] : undefined;
      const recursive = isObject(body) && body['type'] === 'RECURSIVE_CTE_NODE';
      this.walk(entry['value'] ?? null, { ...inside, ctes: recursive ? new Set([...ctes, name]) : new Set(ctes) });
      ctes.add(name);
    }
    return ctes;
  }

  private expression(node: JsonObject, kind: string, around: Surroundings): void {
    const location = locationOf(node);
    if (kind === 'PARAMETER') this.refuse('PARAMETER_REFUSED', 'a query here takes no parameters', location);
    if (around.inMoment && !momentClasses.has(kind)) {
      this.refuse('BAD_MOMENT', 'a moment is written out: a number, a text, or a computation on such', location);
    }
    if (!expressionClasses.has(kind)) this.refuse('FORM_REFUSED', `${kind.toLowerCase()} is not available in queries here`, location);
    const name = textOf(node['function_name']).toLowerCase();
    if (isRefusedFunction(name)) this.refuse('FUNCTION_REFUSED', `function ${name} is not available`, location);
    if (kind === 'COLUMN_REF') this.column(listOf(node['column_names']), location);
  }

  private column(names: readonly Json[], location: number | undefined): void {
    const parts = names.map((name) => textOf(name).toLowerCase());
    const prefix = parts[0] === 'sys' ? 1 : parts[0] === this.catalogue.catalog && parts[1] === 'sys' ? 2 : undefined;
    if (prefix === undefined || location === undefined || parts.length < prefix + 2) return;
    this.columns.push({ table: parts[prefix] ?? '', location, prefix });
  }

  private node(node: JsonObject, type: string, around: Surroundings): void {
    const location = locationOf(node);
    if (type === 'SHOW_REF') this.refuse('FORM_REFUSED', 'SHOW, DESCRIBE and SUMMARIZE cannot be part of a query', location);
    if (!nodeTypes.has(type)) this.refuse('FORM_REFUSED', `${type.toLowerCase()} is not available in queries here`, location);
    if (type === 'BASE_TABLE') this.table(node, around);
    if (type === 'TABLE_FUNCTION') {
      const name = isObject(node['function']) ? textOf(node['function']['function_name']).toLowerCase() : '';
      if (!tableFunctions.has(name)) this.refuse('FUNCTION_REFUSED', `table function ${name} is not available`, location);
    }
  }

  private table(node: JsonObject, around: Surroundings): void {
    const [catalog, schema, table] = ['catalog_name', 'schema_name', 'table_name'].map((key) => textOf(node[key]));
    const name = (table ?? '').toLowerCase();
    const at = isObject(node['at_clause']) ? textOf(node['at_clause']['unit']) : undefined;
    const location = locationOf(node);
    if (schema === '' && around.ctes.has(name)) {
      if (at !== undefined) this.refuse('BAD_MOMENT', `${table} is a name of WITH: write AT behind the tables inside it`, location);
      return;
    }
    if (!this.isOurs(catalog ?? '', schema ?? '', name)) {
      const written = [catalog, schema, table].filter((part) => part !== '').join('.');
      const near = nearest(name, this.catalogue.tables);
      this.refuse('UNKNOWN_TABLE', `there is no table ${written}${near === undefined ? '' : `; did you mean sys.${near}?`}`, location);
    }
    this.tables.push({
      table: name,
      location: location ?? this.refuse('FORM_REFUSED', `table ${table} has no place in the text`, location),
      at: at === 'VERSION' || at === 'TIMESTAMP' ? at : undefined,
    });
  }

  private isOurs(catalog: string, schema: string, table: string): boolean {
    if (catalog !== '' && catalog.toLowerCase() !== this.catalogue.catalog) return false;
    if (schema.toLowerCase() !== 'sys' && !(schema === '' && catalog === '')) return false;
    return this.catalogue.tables.includes(table);
  }
}
