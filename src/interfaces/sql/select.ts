import { type DuckDBConnection, DuckDBInstance, type DuckDBResult } from '@duckdb/node-api';
import type { IToken } from 'chevrotain';
import type { Hint } from '../../engine/history/selector.ts';
import { type Cell, type Column, fillTable, resultCell, type SourceCell, typeName, zonePrinter } from './cells.ts';
import { SqlRefused, SqlSyntaxError } from './errors.ts';
import * as t from './lexer.ts';
import { columnsLookedAt } from './lookedAt.ts';
import { hintOf } from './queryHint.ts';
import { type CheckedQuery, checkQuery, type JsonObject, type TableReference } from './queryTree.ts';
import { EditedText, quotedName, type Travel, travelReference, withoutTravel } from './timeTravel.ts';

/** The state a table is read from: now, right after an entry of the log, or right after the last one up to a time in epoch milliseconds. */
export type Moment =
  | { readonly kind: 'now' }
  | { readonly kind: 'version'; readonly position: number }
  | { readonly kind: 'timestamp'; readonly at: number };

/** The tables that queries see. Names are in lower case. A SqlRefused that it throws reaches the caller of `run` as it is. */
export interface TableSource {
  tables(): readonly string[];
  columns(table: string): readonly Column[] | undefined;
  /** Asked once for each table and moment that the query names. `hint` is advice and may be ignored. */
  rows(table: string, moment: Moment, hint: Hint | undefined): Promise<Iterable<readonly SourceCell[]>>;
}

export interface SelectResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
  /** There was more than `rows` holds. */
  readonly truncated: boolean;
}

export interface SelectOptions {
  /** An IANA name; moments without zone are read, and all moments shown, in it. Default UTC. */
  readonly timeZone?: string;
  /** Rows of the result, default `selectLimits.rows`. */
  readonly rows?: number;
  /** From the call to the last row, default `selectLimits.timeoutMs`. */
  readonly timeoutMs?: number;
}

export const selectLimits = {
  characters: 65_536, // Of the query, UTF-16 units.
  tables: 32, // Of different tables and moments in one query.
  rowsPerTable: 1_000_000,
  rows: 10_000,
  resultCharacters: 16_777_216,
  timeoutMs: 10_000,
  graceMs: 1000, // After the timeout, for DuckDB to notice.
  memoryMb: 512, // DuckDB's own count; some functions allocate outside it.
} as const;

/**
 * Runs queries over the tables of a source, each in a DuckDB of its own that can reach nothing else.
 *
 * What DuckDB parsed is checked against lists of what is allowed, the engine is locked down besides, and time and memory are bounded. Two
 * things it cannot bound in its own process: some functions cannot be interrupted (levenshtein of two long texts), and some allocate
 * past `memory_limit` (range(3000000000) took 30 GB). So it belongs into a child process whose data segment is limited (`ulimit -d`;
 * 1,500,000 KB was tried: DuckDB then answers OUT_OF_MEMORY) and which is killed when `stuck` is true.
 */
export class SelectEngine {
  private readonly catalog: string;
  private isStuck = false;

  /** @param catalog the name that may stand before `sys`: `fluss_catalog.sys.acls`. */
  constructor(catalog: string) {
    this.catalog = catalog.toLowerCase();
    if (['system', 'temp', 'memory', 'sys'].includes(this.catalog)) throw new Error(`a catalog cannot be named ${catalog}: DuckDB has one`);
  }

  /** A query outlived its time and could not be stopped: end this process. */
  get stuck(): boolean {
    return this.isStuck;
  }

  /**
   * @param text one query, without a semicolon.
   * @throws SqlSyntaxError, SqlRefused, with offsets into `text`; whatever `source` throws.
   */
  async run(text: string, source: TableSource, options: SelectOptions = {}): Promise<SelectResult> {
    const clock = new TimeLimit(options.timeoutMs ?? selectLimits.timeoutMs);
    const work = new Query(text, source, this.catalog, options, clock).run();
    const settled = work.then(
      () => true,
      () => true,
    );
    try {
      const inTime = await Promise.race([settled, clock.passed.then(() => false)]);
      if (inTime || (await Promise.race([settled, pause(selectLimits.graceMs).then(() => false)]))) return await work;
      this.isStuck = true;
      throw clock.refusal();
    } finally {
      clock.stop();
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** The time that one query may take. Once it has passed, every wait in it ends and DuckDB is told to stop until it does. */
class TimeLimit {
  readonly passed: Promise<void>;
  private readonly timeoutMs: number;
  private readonly timer: NodeJS.Timeout;
  private interrupter: NodeJS.Timeout | undefined;
  private connection: DuckDBConnection | undefined;
  private isOver = false;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.passed = promise;
    this.timer = setTimeout(() => {
      this.isOver = true;
      // An interrupt between two statements is lost, so there is one every now and then.
      this.interrupter = setInterval(() => this.connection?.interrupt(), 20);
      resolve();
    }, timeoutMs);
  }

  /** The connection to interrupt; undefined once it is closed. */
  watch(connection: DuckDBConnection | undefined): void {
    this.connection = connection;
  }

  readonly check = (): void => {
    if (this.isOver) throw this.refusal();
  };

  /** Waits for a source, but not longer than the time. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    const value = await Promise.race([promise, this.passed.then((): never => this.fail())]);
    this.check();
    return value;
  }

  refusal(): SqlRefused {
    return new SqlRefused('TIMED_OUT', `the query was stopped after ${this.timeoutMs} ms`);
  }

  stop(): void {
    clearTimeout(this.timer);
    clearInterval(this.interrupter);
  }

  private fail(): never {
    throw this.refusal();
  }
}

/** One query on its way: read, check, fill, run. */
class Query {
  private readonly text: string;
  private readonly source: TableSource;
  private readonly catalog: string;
  private readonly options: SelectOptions;
  private readonly clock: TimeLimit;

  constructor(text: string, source: TableSource, catalog: string, options: SelectOptions, clock: TimeLimit) {
    this.text = text;
    this.source = source;
    this.catalog = catalog;
    this.options = options;
    this.clock = clock;
  }

  async run(): Promise<SelectResult> {
    if (this.text.length > selectLimits.characters) {
      throw new SqlRefused('TOO_LARGE', `the query has ${this.text.length} characters and may have ${selectLimits.characters}`);
    }
    const tokens = t.tokensOf(this.text);
    const text = withDoubleQuotes(this.text, tokens);
    const zone = this.options.timeZone ?? 'UTC';
    const print = zonePrinter(zone);
    const { instance, connection } = await openLocked(this.catalog, zone);
    this.clock.watch(connection);
    try {
      const query = await this.checked(connection, text);
      const travels = await this.travels(connection, query, tokens);
      await this.fill(connection, query, travels);
      const utf16 = (location: number): number => offsetOfByte(text, location);
      const edited = withoutTravel(text, tokens, travels, query.columns, utf16);
      if (travels.length > 0) await this.checkEdited(connection, query, travels, edited);
      return await this.execute(connection, edited, print);
    } catch (error) {
      if (error instanceof SqlRefused || error instanceof SqlSyntaxError) throw error;
      // DuckDB says that it was interrupted, or finds no memory, wherever it is, also while it reads the text.
      this.clock.check();
      throw isOutOfMemory(error) ? outOfMemory() : error;
    } finally {
      this.clock.watch(undefined);
      instance.closeSync();
    }
  }

  /** Has DuckDB parse the text, and checks the tree. */
  private async checked(connection: DuckDBConnection, text: string): Promise<CheckedQuery> {
    const tree = await serialized(connection, text);
    if (tree['error'] === true) throw this.unreadable(tree);
    return checkQuery(tree, { catalog: this.catalog, tables: this.source.tables() }, (code, message, location) => {
      const offset = location === undefined ? undefined : offsetOfByte(text, location);
      throw new SqlRefused(code, message, offset);
    });
  }

  /** A syntax error's position counts code points, unlike all others. */
  private unreadable(tree: JsonObject): Error {
    const message = String(tree['error_message']);
    if (tree['error_type'] === 'not implemented') return new SqlRefused('NOT_A_QUERY', 'only queries can be run here', 0);
    const position = Number(tree['position'] ?? 0); // Some faults are of the query as a whole.
    const offset = [...this.text].slice(0, position).join('').length;
    return new SqlSyntaxError(this.text, offset, firstLine(message));
  }

  /** Finds and computes the moments of all AT clauses, and names a table for each. */
  private async travels(connection: DuckDBConnection, query: CheckedQuery, tokens: readonly IToken[]): Promise<readonly FilledTravel[]> {
    const travels: FilledTravel[] = [];
    for (const reference of query.tables.filter(({ at }) => at !== undefined)) {
      const parts = travelReference(tokens, offsetOfByte(this.text, reference.location));
      const moment = await this.moment(connection, reference, parts.moment.start, parts.moment.end);
      const same = travels.find(
        (other) => other.reference.table === reference.table && JSON.stringify(other.moment) === JSON.stringify(moment),
      );
      travels.push({ reference, parts, moment, filled: same?.filled ?? `${reference.table}@${travels.length + 1}` });
    }
    return travels;
  }

  private async moment(connection: DuckDBConnection, reference: TableReference, start: number, end: number): Promise<Moment> {
    const expression = withDoubleQuotes(this.text, t.tokensOf(this.text)).slice(start, end);
    const refuse = (message: string): never => {
      throw new SqlRefused('BAD_MOMENT', message, start);
    };
    const wanted = reference.at === 'VERSION' ? 'moment::VARCHAR' : 'epoch_ms(moment::TIMESTAMPTZ)::VARCHAR';
    const [[type = '', value] = []] = await this.computed(connection, `typeof(moment), ${wanted}`, expression, refuse);
    if (typeof value !== 'string') return refuse('the moment is NULL');
    const number = Number(value);
    if (reference.at === 'VERSION') {
      const isPosition = /^U?\w*INT(?:EGER)?$/.test(String(type)) && Number.isSafeInteger(number) && number >= 0;
      return isPosition ? { kind: 'version', position: number } : refuse(`${value} is no position: a whole number from 0 is`);
    }
    if (!/^(?:VARCHAR|DATE|TIMESTAMP.*)$/.test(String(type))) return refuse(`${String(type)} is no time`);
    return Number.isSafeInteger(number) ? { kind: 'timestamp', at: number } : refuse(`${value} is no time`);
  }

  private async computed(
    connection: DuckDBConnection,
    columns: string,
    expression: string,
    refuse: (message: string) => never,
  ): Promise<readonly (readonly unknown[])[]> {
    try {
      const reader = await connection.runAndReadAll(`SELECT ${columns} FROM (SELECT (${expression}) AS moment)`);
      return reader.getRows();
    } catch (error) {
      this.clock.check();
      if (isOutOfMemory(error)) throw outOfMemory();
      return refuse(firstLine(duckFault(error).message).replace(/ when casting from source column moment$/, ''));
    }
  }

  private async fill(connection: DuckDBConnection, query: CheckedQuery, travels: readonly FilledTravel[]): Promise<void> {
    const now = query.tables.filter(({ at }) => at === undefined).map(({ table }) => table);
    const wanted = new Map<string, { readonly table: string; readonly moment: Moment }>();
    for (const table of now) wanted.set(table, { table, moment: { kind: 'now' } });
    for (const { reference, moment, filled } of travels) wanted.set(filled, { table: reference.table, moment });
    if (wanted.size > selectLimits.tables) {
      throw new SqlRefused('TOO_MANY_TABLES', `the query names ${wanted.size} tables and moments and may name ${selectLimits.tables}`);
    }
    const known = new Set([...wanted.values()].flatMap(({ table }) => (this.source.columns(table) ?? []).map(({ name }) => name)));
    const lookedAt = columnsLookedAt(query.node, known);
    const rowsMax = (this.options.rows ?? selectLimits.rows) + 1; // One more than are shown tells that there are more.
    for (const [filled, { table, moment }] of wanted) {
      const columns = this.source.columns(table) ?? [];
      const hint = query.tables.length === 1 ? hintOf(query.node, query.tables[0]?.location, columns, rowsMax) : undefined;
      const rows = await this.clock.wait(this.source.rows(table, moment, hint));
      const filling = {
        catalog: this.catalog,
        table: filled,
        columns,
        lookedAt,
        rowsMax: selectLimits.rowsPerTable,
        checkTime: this.clock.check,
      };
      try {
        await fillTable(connection, filling, rows);
      } catch (error) {
        const isOfSource = duckFault(error).type === '';
        throw isOfSource ? error : this.translated(error, new EditedText(this.text, []));
      }
    }
  }

  /** What will run must be what was checked: the same tables, none of them at a moment. */
  private async checkEdited(
    connection: DuckDBConnection,
    query: CheckedQuery,
    travels: readonly Travel[],
    edited: EditedText,
  ): Promise<void> {
    const names = new Map(travels.map(({ reference, filled }) => [reference, filled]));
    const expected = query.tables.map((reference) => names.get(reference) ?? reference.table);
    const refuse = (): never => {
      throw new SqlRefused('BAD_MOMENT', 'AT cannot be taken out of this query; give the table an alias before it');
    };
    const tree = await serialized(connection, edited.text);
    if (tree['error'] === true) return refuse();
    const { tables } = checkQuery(tree, { catalog: this.catalog, tables: expected }, refuse);
    const same = tables.length === expected.length && tables.every(({ table, at }, i) => table === expected[i] && at === undefined);
    if (!same) refuse();
  }

  private async execute(connection: DuckDBConnection, edited: EditedText, print: ReturnType<typeof zonePrinter>): Promise<SelectResult> {
    try {
      const result = await connection.stream(edited.text);
      return await readRows(result, print, this.options.rows ?? selectLimits.rows);
    } catch (error) {
      throw error instanceof SqlRefused ? error : this.translated(error, edited);
    }
  }

  private translated(error: unknown, edited: EditedText): Error {
    this.clock.check();
    const { type, message, position } = duckFault(error);
    const offset = position === undefined ? undefined : edited.sourceOffset(offsetOfByte(edited.text, position));
    if (type === 'Out of Memory') return outOfMemory();
    if (type === 'Permission') return new SqlRefused('FUNCTION_REFUSED', firstLine(message), offset);
    const isFaultOfText = type === 'Parser' || type === 'Binder' || type === 'Catalog';
    if (isFaultOfText && offset !== undefined) return new SqlSyntaxError(this.text, offset, readable(message));
    return new SqlRefused('QUERY_FAILED', readable(message), offset);
  }
}

type FilledTravel = Travel & { readonly moment: Moment };

/** Backticks are Flink's, double quotes DuckDB's; the text keeps its length. */
function withDoubleQuotes(text: string, tokens: readonly IToken[]): string {
  const pieces: string[] = [];
  let end = 0;
  for (const token of tokens.filter(({ tokenType }) => tokenType === t.Backticked)) {
    const inner = token.image.slice(1, -1);
    if (/["`]/.test(inner))
      throw new SqlSyntaxError(text, token.startOffset, 'a name in a query cannot contain quotes; write it in double quotes');
    pieces.push(text.slice(end, token.startOffset), `"${inner}"`);
    end = t.endOf(token);
  }
  return pieces.join('') + text.slice(end);
}

/**
 * A DuckDB of its own, closed to files, network and extensions, with the catalog and its one empty schema, and deaf to settings.
 * It knows time zones by its ICU part, which is linked into the binary: nothing is loaded, and this works offline.
 * @throws SqlRefused UNKNOWN_TIME_ZONE, OUT_OF_MEMORY; nothing stays open then
 */
export async function openLocked(catalog: string, zone: string): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
  let instance: DuckDBInstance | undefined;
  try {
    instance = await DuckDBInstance.create(':memory:', lockedSettings);
    return { instance, connection: await lockedConnection(instance, quotedName(catalog), zone) };
  } catch (error) {
    instance?.closeSync();
    throw isOutOfMemory(error) ? outOfMemory() : error;
  }
}

const lockedSettings = {
  threads: '1',
  memory_limit: `${selectLimits.memoryMb}MB`,
  temp_directory: '', // Nothing is spilled to disk.
  errors_as_json: 'true',
  allow_community_extensions: 'false',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  enable_external_access: 'false', // Last: temp_directory cannot be set behind it.
} as const;

async function lockedConnection(instance: DuckDBInstance, catalog: string, zone: string): Promise<DuckDBConnection> {
  const connection = await instance.connect();
  for (const statement of [`ATTACH ':memory:' AS ${catalog}`, `CREATE SCHEMA ${catalog}.sys`, `USE ${catalog}.sys`])
    await connection.run(statement);
  try {
    await connection.run(`SET TimeZone = '${zone.replaceAll("'", "''")}'`);
  } catch (error) {
    throw isOutOfMemory(error) ? error : new SqlRefused('UNKNOWN_TIME_ZONE', `there is no time zone ${zone}`);
  }
  await connection.run('SET lock_configuration = true');
  return connection;
}

async function serialized(connection: DuckDBConnection, text: string): Promise<JsonObject> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [text]);
  const tree = treeIn(String(reader.getRows()[0]?.[0]));
  if (tree['error_type'] === 'out of memory') throw outOfMemory();
  return tree;
}

function treeIn(json: string): JsonObject {
  try {
    return JSON.parse(json) as JsonObject;
  } catch {
    throw new SqlRefused('FORM_REFUSED', 'a number in the query is too large'); // It is written as Infinity, which is not JSON.
  }
}

async function readRows(result: DuckDBResult, print: ReturnType<typeof zonePrinter>, rowsMax: number): Promise<SelectResult> {
  const types = result.columnTypes();
  const columns = result.columnNames().map((name, i) => ({ name, type: types[i] === undefined ? '' : typeName(types[i]) }));
  const rows: Cell[][] = [];
  let characters = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (let i = 0; i < chunk.rowCount; i++) {
      if (rows.length === rowsMax) return { columns, rows, truncated: true };
      const row = chunk.getRowValues(i).map((value, j) => (types[j] === undefined ? null : resultCell(value, types[j], print)));
      characters += row.reduce((sum: number, cell) => sum + (typeof cell === 'string' ? cell.length : JSON.stringify(cell).length), 0);
      if (characters > selectLimits.resultCharacters) {
        if (rows.length > 0) return { columns, rows, truncated: true };
        throw new SqlRefused(
          'TOO_LARGE',
          `the first row alone has ${characters} characters; a result may have ${selectLimits.resultCharacters}`,
        );
      }
      rows.push(row);
    }
  }
  return { columns, rows, truncated: false };
}

interface DuckFault {
  readonly type: string;
  readonly message: string;
  /** Bytes from the start of the text that ran. */
  readonly position: number | undefined;
}

/** With `errors_as_json` the message is a JSON object, sometimes behind a word or two. */
function duckFault(error: unknown): DuckFault {
  const text = error instanceof Error ? error.message : String(error);
  if (isMemoryText(text)) return { type: 'Out of Memory', message: text, position: undefined };
  try {
    const fields = JSON.parse(text.slice(text.indexOf('{'))) as Readonly<Record<string, string | undefined>>;
    const position = fields['position'] === undefined ? undefined : Number(fields['position']);
    return { type: fields['exception_type'] ?? '', message: fields['exception_message'] ?? text, position };
  } catch {
    return { type: '', message: text, position: undefined };
  }
}

/**
 * What is said without JSON: by DuckDB while an instance is opened, by the binding around it, by node for the bytes of a chunk.
 * Nothing else can keep a connection to a database in this memory from being made.
 */
const isMemoryText = (text: string): boolean =>
  /^(?:Out of Memory Error: |(?:std::bad_alloc|Array buffer allocation failed|Failed to (?:create config|connect))$)/.test(text);
const isOutOfMemory = (error: unknown): boolean => duckFault(error).type === 'Out of Memory';
const outOfMemory = (): SqlRefused => new SqlRefused('OUT_OF_MEMORY', 'the query needs more memory than it may have');

const firstLine = (message: string): string => message.split('\n')[0] ?? '';
/** DuckDB's advice about its settings is not for our readers, who cannot change them. */
const readable = (message: string): string => (message.split(/\n\n|\nPossible solutions/)[0] ?? '').trimEnd().replaceAll('\t', '  ');

/** UTF-16 units before a byte of the text's UTF-8. */
function offsetOfByte(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}
