import { randomUUID } from 'node:crypto';
import type { AclResource } from '../../../events/acls.ts';
import { type TableRow, tableOf } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { mayDescribe } from '../../deciders/acls.ts';
import { type Asker, isAuthorizing } from '../../deciders/authorizer.ts';
import { decide } from '../../deciders/commands.ts';
import { type Access, denialOfCommand, procedureAccess, queryAccess } from '../../deciders/permissions.ts';
import { databaseResource, tableResource } from '../../deciders/resources.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import type { Sees } from '../../engine/catalogListing.ts';
import { type History, HistoryRefused } from '../../engine/history/port.ts';
import { sysTables } from '../../engine/history/tables.ts';
import type { Node, Provenance, Reading } from '../../engine/node.ts';
import type { Rebalancing } from '../../engine/rebalancing.ts';
import type { Caller } from '../../engine/submission.ts';
import { isRejection, type Rejection } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import { bindArguments, didYouMean } from './arguments.ts';
import type {
  CallStatement,
  DefinitionStatement,
  DescribeDatabaseStatement,
  DescribeStatement,
  LikeFilter,
  Name,
  SelectStatement,
  ShowStatement,
  Statement,
  UseStatement,
} from './ast.ts';
import {
  catalogFault,
  databaseNamed,
  isSystem,
  type NamedDatabase,
  type NamedTable,
  systemDatabase,
  systemFault,
  tableNamed,
  unknownCatalog,
  type Where,
} from './catalogNames.ts';
import {
  createStatement,
  databaseFault,
  databaseNames,
  databaseWanted,
  describedDatabase,
  describedTable,
  type Shown,
  shownPartitions,
  tableNames,
  tableWanted,
} from './catalogStatements.ts';
import { definitionOf } from './definitionStatements.ts';
import { parseScript } from './grammar.ts';
import { matchesLike } from './like.ts';
import type { Act, ArgumentFault, Column, Procedure } from './procedure.ts';
import { procedureOf, procedures } from './procedures.ts';
import { refusal, type StatementRefusal } from './refusals.ts';
import { type Properties, settingFault, settingOf, settingRows } from './settings.ts';
import { liveRows, signatureOf } from './tables.ts';

/** Bounds of one script beside those of its text. */
export const sessionLimits = { scriptMs: 60_000, rows: 50_000 } as const;

export interface SessionParts {
  readonly node: Node;
  readonly history: History;
  readonly sealer: Sealer;
  readonly rebalancing: Rebalancing;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Name of the one catalog. */
  readonly catalog: string;
}
export interface ScriptRequest {
  readonly statement: string;
  readonly principal: string;
  /** IP address as text. */
  readonly host: string;
  /** Where the script before this one ended: the client carries it. */
  readonly catalog?: string;
  readonly database?: string;
  readonly properties?: Properties;
  /** At most 120 characters: the n-th statement that may change something has this one, a slash and n. */
  readonly idempotencyKey?: string;
  readonly reason?: string;
  readonly atLeast?: number;
  readonly linearizable?: boolean;
}
export type StatementResult =
  | {
      readonly kind: 'rows';
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly unknown[])[];
      readonly truncated?: boolean;
      /** What is to be said beside them, in lines. */
      readonly note?: string;
      /** Of a statement that changes something: its position. */
      readonly position?: number;
    }
  | { readonly kind: 'done'; readonly text: string };
export type ScriptFailure =
  | { readonly kind: 'rejected'; readonly reason: Rejection | StatementRefusal; readonly offset?: number }
  /** Ask again with the whole script and `idempotencyKey`: what was done already is answered from memory. */
  | { readonly kind: 'unknown'; readonly idempotencyKey: string; readonly detail: string }
  | { readonly kind: 'query'; readonly error: HistoryRefused; readonly offset?: number };
export interface ScriptAnswer {
  /** One for each statement that was done. */
  readonly results: readonly StatementResult[];
  /** Set when a statement was not done; those after it were not tried. `statementIndex` counts from 0. */
  readonly failure?: { readonly statementIndex: number; readonly why: ScriptFailure };
  /** Reads at or after it see all that the script did and saw. */
  readonly position: number;
  readonly catalog: string;
  readonly database: string;
  readonly properties: Properties;
  readonly provenance: Provenance;
}

type Ran = { readonly kind: 'result'; readonly result: StatementResult } | { readonly kind: 'failed'; readonly why: ScriptFailure };
const done = (text: string): Ran => ({ kind: 'result', result: { kind: 'done', text } });
const rows = (columns: readonly Column[], cells: readonly (readonly unknown[])[], note = ''): Ran => ({
  kind: 'result',
  result: { kind: 'rows', columns, rows: cells, ...(note === '' ? {} : { note }) },
});
const failed = (why: ScriptFailure): Ran => ({ kind: 'failed', why });
const no = (reason: StatementRefusal): Ran =>
  failed({ kind: 'rejected', reason, ...(reason.offset === undefined ? {} : { offset: reason.offset }) });
const rejected = ({ reason, offset }: ArgumentFault): Ran =>
  failed({ kind: 'rejected', reason, ...(offset === undefined ? {} : { offset }) });
const text = (name: string): Column => ({ name, type: 'STRING' });

/**
 * Runs a script, statement by statement, up to the first that fails. Each statement sees what those before it did.
 * @throws SqlSyntaxError before anything is run; LogUnavailable
 */
export async function runScript(parts: SessionParts, request: ScriptRequest): Promise<ScriptAnswer> {
  const statements = parseScript(request.statement);
  const session = new Session(parts, request);
  const results: StatementResult[] = [];
  const failure = await runAll(session, parts, statements, results);
  return { results, ...(failure === undefined ? {} : { failure }), ...session.end() };
}

async function runAll(
  session: Session,
  { now }: SessionParts,
  statements: readonly Statement[],
  results: StatementResult[],
): Promise<ScriptAnswer['failure']> {
  const start = session.start(statements[0]);
  const opening = 'kind' in start ? start : await start;
  if (opening.kind === 'failed') return { statementIndex: 0, why: opening.why };
  const end = now() + sessionLimits.scriptMs;
  let shown = 0;
  for (const [statementIndex, statement] of statements.entries()) {
    const isTooLong =
      now() >= end ? `${sessionLimits.scriptMs} ms` : shown >= sessionLimits.rows ? `${sessionLimits.rows} rows` : undefined;
    const ran =
      isTooLong === undefined
        ? await session.run(statement)
        : no(refusal('SCRIPT_TOO_LONG', '', `the script already took ${isTooLong}; this statement was not tried`, statement.span.start));
    if (ran.kind === 'failed') return { statementIndex, why: ran.why };
    if (ran.result.kind === 'rows') shown += ran.result.rows.length;
    results.push(ran.result);
  }
  return undefined;
}

class Session {
  readonly #parts: SessionParts;
  readonly #request: ScriptRequest;
  readonly #asker: Asker;
  readonly #idempotencyKey: string;
  #catalog: string;
  #database: string;
  #properties: Properties;
  #position: number;
  #provenance: Provenance;
  #calls = 0;

  constructor(parts: SessionParts, request: ScriptRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#asker = { principal: request.principal, host: request.host, interface: 'sql' };
    this.#idempotencyKey = request.idempotencyKey ?? randomUUID();
    this.#catalog = request.catalog ?? parts.catalog;
    this.#database = request.database ?? systemDatabase;
    this.#properties = request.properties ?? {};
    this.#position = request.atLeast ?? 0;
    this.#provenance = parts.node.provenance;
  }

  /** Checks what the client brought along, and waits for what it wants to see. */
  start(first: Statement | undefined): Ran | Promise<Ran> {
    if (this.#catalog !== this.#parts.catalog) return no(unknownCatalog(this.#parts.catalog, this.#catalog, 'catalog'));
    for (const [key, value] of Object.entries(this.#properties)) {
      const fault = settingFault(key, value);
      if (fault !== undefined) return no({ ...fault, field: `properties.${fault.field}` });
    }
    // Somebody else may have dropped the database that this session is in: then there must be a way out of it.
    const isLeft = isSystem(this.#database) || first?.kind === 'use';
    if (isLeft && this.#request.linearizable !== true) return done('');
    return this.#look(this.#request.linearizable).then((reading) => {
      if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
      const fault = isLeft ? undefined : databaseFault(reading.state, { database: this.#database }, this.#sees(reading.state));
      return fault === undefined ? done('') : rejected({ reason: { ...fault.reason, field: 'database' } });
    });
  }

  end(): Omit<ScriptAnswer, 'results' | 'failure'> {
    const position = Math.max(this.#position, this.#provenance.position);
    return { position, catalog: this.#catalog, database: this.#database, properties: this.#properties, provenance: this.#provenance };
  }

  async run(statement: Statement): Promise<Ran> {
    switch (statement.kind) {
      case 'call':
        return await this.#call(statement);
      case 'select':
        return await this.#select(statement);
      case 'show':
        return await this.#show(statement);
      case 'use':
        return await this.#use(statement);
      case 'describe':
        return await this.#describe(statement);
      case 'set': {
        if (statement.assignment === undefined) return rows([text('key'), text('value'), text('about')], settingRows(this.#properties));
        const { key, value } = statement.assignment;
        const fault = settingFault(key, value, statement.span.start);
        if (fault !== undefined) return no(fault);
        this.#properties = { ...this.#properties, [key]: value };
        return done(`'${key}' is '${value}'`);
      }
      case 'reset':
        return this.#reset(statement.key, statement.span.start);
      case 'createDatabase':
      case 'dropDatabase':
      case 'alterDatabase':
      case 'createTable':
      case 'dropTable':
      case 'alterTable':
        return await this.#define(statement);
      case 'showPartitions':
        return await this.#ofTable(statement, (row, state) => shownPartitions(state, row, statement.partition));
      case 'showCreateTable':
        return await this.#ofTable(statement, (row) => ({ columns: [text('result')], rows: [[createStatement(row, this.#catalog)]] }));
      case 'describeDatabase':
        return await this.#describeDatabase(statement);
    }
  }

  #reset(key: string | undefined, offset: number): Ran {
    if (key === undefined) {
      this.#properties = {};
      return done('all properties have their defaults');
    }
    const fault = settingFault(key, undefined, offset);
    if (fault !== undefined) return no(fault);
    const { [key]: _, ...rest } = this.#properties;
    this.#properties = rest;
    return done(`'${key}' has its default`);
  }

  /** The tables at or after all that this script has seen and done. */
  async #look(linearizable = false): Promise<Reading> {
    const reading = await this.#parts.node.read({ atLeast: this.#position, linearizable });
    if (reading.kind === 'read') {
      this.#provenance = reading.provenance;
      this.#position = Math.max(this.#position, reading.provenance.position);
    }
    return reading;
  }

  async #call(call: CallStatement): Promise<Ran> {
    const named = this.#procedure(call);
    if ('code' in named) return no(named);
    const bound = bindArguments(named.name, named.parameters, call);
    if (bound.kind === 'refused') return no(bound.refusal);
    if (!call.explain) this.#calls += 1;
    const idempotencyKey = `${this.#idempotencyKey}/${this.#calls}`;
    const { rebalancing, sealer } = this.#parts;
    const act = named.act(bound.values, { sealer, rebalancing, idempotencyKey, asker: this.#asker });
    if (act.kind === 'refused') return rejected(act.fault);
    if (act.kind === 'work') return call.explain ? await this.#explainWork(act) : await this.#work(named, act, idempotencyKey);
    if (call.explain) return await this.#explain(named, act, idempotencyKey);
    if (act.kind === 'write') return await this.#write(named, act, idempotencyKey);
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const denial = this.#denialOfCall(named, reading.state);
    if (denial !== undefined) return rejected({ reason: denial });
    const cells = act.rows(reading.state);
    return isRejection(cells) ? rejected({ reason: cells }) : rows(named.columns, cells);
  }

  #denialOfCall({ name }: Procedure, state: State): Rejection | undefined {
    const access = procedureAccess[name];
    if (access === undefined) throw new Error(`${name} is not in procedureAccess of src/deciders/permissions.ts: say there what it needs`);
    return this.#denialOf(`CALL sys.${name}`, access, state);
  }

  #denialOf(what: string, access: Access, state: State): Rejection | undefined {
    return denialOfRead(this.#parts.node.denials, { state, asker: this.#asker, what }, access);
  }

  #caller(idempotencyKey: string): Caller {
    const { host, principal, reason } = this.#request;
    return { principal, host, interface: 'sql', idempotencyKey, ...(reason === undefined || reason === '' ? {} : { reason }) };
  }

  async #work({ columns }: Procedure, act: Extract<Act, { kind: 'work' }>, idempotencyKey: string): Promise<Ran> {
    const outcome = await act.run(this.#caller(idempotencyKey));
    if (outcome.kind === 'rejected') return rejected(act.refused(outcome.rejection));
    if (outcome.kind === 'unknown') return failed({ kind: 'unknown', idempotencyKey: this.#idempotencyKey, detail: outcome.detail });
    const { position, rows: cells } = outcome;
    this.#position = Math.max(this.#position, position);
    this.#provenance = this.#parts.node.provenance;
    return { kind: 'result', result: { kind: 'rows', columns, rows: cells, position } };
  }

  async #explainWork(act: Extract<Act, { kind: 'work' }>): Promise<Ran> {
    const preview = await act.explain(this.#caller(this.#idempotencyKey));
    if ('kind' in preview) return rejected(act.refused(preview.rejection));
    return rows(preview.columns, preview.rows, preview.note);
  }

  async #write(procedure: Procedure, act: Extract<Act, { kind: 'write' }>, idempotencyKey: string): Promise<Ran> {
    const outcome = await this.#parts.node.submit(act.command, this.#caller(idempotencyKey));
    if (outcome.kind === 'rejected') return rejected(act.refused(outcome.rejection));
    if (outcome.kind === 'unknown') return failed({ kind: 'unknown', idempotencyKey: this.#idempotencyKey, detail: outcome.detail });
    this.#position = Math.max(this.#position, outcome.position);
    // It is done: if this node lags, the answer's words come from the tables as it has them.
    const { node } = this.#parts;
    this.#provenance = node.provenance;
    const result = { kind: 'rows', columns: procedure.columns, rows: act.rows(node.state), position: outcome.position } as const;
    return { kind: 'result', result };
  }

  /** Decides on the tables at hand, for whoever may do it, and leaves it at that. */
  async #explain(procedure: Procedure, act: Extract<Act, { kind: 'read' | 'write' }>, commandId: string): Promise<Ran> {
    if (act.kind === 'read') return done(`${procedure.name} only reads: nothing would change`);
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const denial = denialOfCommand(reading.state, this.#asker, act.command);
    if (denial !== undefined) {
      this.#parts.node.denials.note(this.#asker, `EXPLAIN ${act.command.name}`, denial);
      return rejected(act.refused(denial));
    }
    const timeOfDay = this.#parts.now();
    const now = Math.max(timeOfDay, reading.state.at);
    const decision = decide(reading.state, act.command, { now, timeOfDay, commandId });
    if (decision.kind === 'rejected') return rejected(act.refused(decision.rejection));
    if (decision.events.length === 0) return done('nothing would change: everything is so already');
    const { columns, note, rows: cells } = act.preview(decision.events, reading.state);
    return rows(columns, cells, note);
  }

  async #select({ text: query, span }: SelectStatement): Promise<Ran> {
    const reading = await this.#look(); // The history is then at or after what was seen here.
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const denial = this.#denialOf('SELECT', queryAccess, reading.state);
    if (denial !== undefined) return rejected({ reason: denial });
    try {
      const {
        columns,
        rows: cells,
        truncated,
      } = await this.#parts.history.select(query, {
        asker: this.#asker,
        maxRows: Number(settingOf(this.#properties, 'sql.result.max-rows')),
        timeoutMs: Number(settingOf(this.#properties, 'sql.query.timeout-ms')),
        timeZone: settingOf(this.#properties, 'sql.local-time-zone'),
        live: liveRows(this.#parts.node.status()),
      });
      return { kind: 'result', result: { kind: 'rows', columns, rows: cells, ...(truncated ? { truncated } : {}) } };
    } catch (error) {
      if (!(error instanceof HistoryRefused)) throw error;
      const { code, facts = {}, message: detail, remedy } = error;
      if (code === 'AUTHORIZATION_DENIED')
        this.#parts.node.denials.note(this.#asker, `SELECT ${facts['table'] ?? ''}`, { code, field: '', detail, remedy, facts });
      return failed({ kind: 'query', error, ...(error.offset === undefined ? {} : { offset: span.start + error.offset }) });
    }
  }

  /** Changes the catalog. */
  async #define(statement: DefinitionStatement): Promise<Ran> {
    this.#calls += 1;
    const idempotencyKey = `${this.#idempotencyKey}/${this.#calls}`;
    const definition = definitionOf(statement, this.#where, idempotencyKey);
    if (definition.kind === 'refused') return rejected(definition.fault);
    const { command } = definition;
    const outcome = await this.#parts.node.submit(command, this.#caller(idempotencyKey));
    if (outcome.kind === 'rejected') return rejected(definition.refused(outcome.rejection));
    if (outcome.kind === 'unknown') return failed({ kind: 'unknown', idempotencyKey: this.#idempotencyKey, detail: outcome.detail });
    this.#position = Math.max(this.#position, outcome.position);
    this.#provenance = this.#parts.node.provenance;
    if (command.name === 'dropDatabase' && command.database === this.#database) this.#database = systemDatabase;
    return { kind: 'result', result: { kind: 'rows', columns: [text('result')], rows: [['OK']], position: outcome.position } };
  }

  get #where(): Where {
    return { catalog: this.#parts.catalog, database: this.#database };
  }

  /** What the asker may see of lists. */
  #sees(state: State): Sees {
    return isAuthorizing(state) ? mayDescribe(state, this.#asker) : () => true;
  }

  /** What a statement says of one table of the catalog, for whoever may DESCRIBE it. */
  async #ofTable(
    { name, kind }: { readonly name: readonly Name[]; readonly kind: string },
    say: (row: TableRow, state: State) => Shown | ArgumentFault,
  ): Promise<Ran> {
    const named = tableNamed(name, this.#where);
    if ('code' in named) return no(named);
    const system = systemFault(named, named.tableSpan.start);
    if (system !== undefined) return no(system);
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const { state } = reading;
    const denial = this.#denialOf(`${kind} ${named.database}.${named.table}`, describing(tableResource(named)), state);
    if (denial !== undefined) return rejected({ reason: denial });
    const row = tableWanted(state, named);
    if ('reason' in row) return rejected(row);
    const shown = say(row, state);
    return 'reason' in shown ? rejected(shown) : rows(shown.columns, shown.rows);
  }

  async #describeDatabase({ extended, name }: DescribeDatabaseStatement): Promise<Ran> {
    const named = databaseNamed(name, this.#where);
    if ('code' in named) return no(named);
    const system = systemFault(named);
    if (system !== undefined) return no(system);
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const denial = this.#denialOf(`describeDatabase ${named.database}`, describing(databaseResource(named.database)), reading.state);
    if (denial !== undefined) return rejected({ reason: denial });
    const row = databaseWanted(reading.state, named);
    if ('reason' in row) return rejected(row);
    const shown = describedDatabase(row, this.#catalog, extended);
    return rows(shown.columns, shown.rows);
  }

  async #show({ what, from, like }: ShowStatement): Promise<Ran> {
    if (what === 'CURRENT CATALOG') return rows([text('current catalog name')], [[this.#catalog]]);
    if (what === 'CURRENT DATABASE') return rows([text('current database name')], [[this.#database]]);
    if (what === 'CATALOGS') return rows([text('catalog name')], filtered([[this.#parts.catalog]], like));
    if (what === 'DATABASES') return await this.#showDatabases(from[0], like);
    const named = databaseNamed(from, this.#where);
    if ('code' in named) return no(named);
    if (what === 'TABLES') return await this.#showTables(named, like);
    if (named.span !== undefined && !isSystem(named.database)) {
      const reading = await this.#look();
      if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
      const fault = databaseFault(reading.state, named, this.#sees(reading.state));
      if (fault !== undefined) return rejected(fault);
    }
    // As in Fluss, every database shows them.
    const lines = procedures.map((procedure) => [`${systemDatabase}.${procedure.name}`, signatureOf(procedure), procedure.about]);
    return rows([text('procedure name'), text('arguments'), text('about')], filtered(lines, like));
  }

  async #showDatabases(catalog: Name | undefined, like: LikeFilter | undefined): Promise<Ran> {
    const fault = catalogFault(catalog, this.#where);
    if (fault !== undefined) return no(fault);
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const names = databaseNames(reading.state, this.#sees(reading.state)).map((name) => [name]);
    return rows([text('database name')], filtered(names, like));
  }

  async #showTables(named: NamedDatabase, like: LikeFilter | undefined): Promise<Ran> {
    if (isSystem(named.database)) {
      const lines = sysTables.map(({ name, about }) => [name, about]);
      return rows([text('table name'), text('about')], filtered(lines, like));
    }
    const reading = await this.#look();
    if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
    const names = tableNames(reading.state, named, this.#sees(reading.state));
    if ('reason' in names) return rejected(names);
    return rows(
      [text('table name')],
      filtered(
        names.map((name) => [name]),
        like,
      ),
    );
  }

  /** `USE fluss_catalog`, as the manual has it, `USE shop`, `USE fluss_catalog.shop`. */
  async #use({ catalog, name }: UseStatement): Promise<Ran> {
    const [first, second] = name;
    if (first === undefined) return done('');
    const isCatalog = catalog || second !== undefined || first.text === this.#parts.catalog;
    const fault = isCatalog ? catalogFault(first, this.#where) : undefined;
    if (fault !== undefined) return no(fault);
    if (isCatalog && second === undefined) {
      this.#catalog = first.text;
      return done(`catalog ${this.#catalog}`);
    }
    const named = databaseNamed(name, this.#where);
    if ('code' in named) return no(named);
    if (!isSystem(named.database)) {
      const reading = await this.#look();
      if (reading.kind === 'rejected') return rejected({ reason: reading.rejection });
      const unknown = databaseFault(reading.state, named, this.#sees(reading.state));
      if (unknown !== undefined) return rejected(unknown);
    }
    this.#database = named.database;
    return done(`database ${this.#catalog}.${this.#database}`);
  }

  async #describe(statement: DescribeStatement): Promise<Ran> {
    const named = tableNamed(statement.name, this.#where);
    if ('code' in named) return no(named);
    const wanted = named.table.toLowerCase();
    const procedure = procedureOf(wanted);
    const isOfSystem = isSystem(named.database);
    // A procedure is found from everywhere, as CALL finds it; a table of that name in the database comes first.
    if (!isOfSystem && (statement.name.length > 1 || procedure === undefined || (await this.#hasTable(named))))
      return await this.#ofTable(statement, describedTable);
    const table = isOfSystem ? sysTables.find((each) => each.name === wanted) : undefined;
    if (table !== undefined)
      return rows(
        [text('name'), text('type'), text('about')],
        table.columns.map((column) => [column.name, column.type, column.about]),
      );
    if (procedure !== undefined)
      return rows(
        [text('argument'), text('type'), text('required'), text('about')],
        procedure.parameters.map(({ name: parameter, isList, isOptional, about }) => [
          parameter,
          isList ? 'STRING…' : 'STRING',
          isOptional ? 'no' : 'yes',
          about,
        ]),
      );
    const names = [...sysTables, ...procedures].map((each) => each.name);
    const detail = `there is no table or procedure '${named.table.slice(0, 100)}' in ${systemDatabase}${didYouMean(wanted, names)}`;
    return no(refusal('UNKNOWN_OBJECT', '', detail, named.tableSpan.start));
  }

  async #hasTable({ database, table }: NamedTable): Promise<boolean> {
    const reading = await this.#look();
    return reading.kind === 'read' && tableOf(reading.state.catalog, database, table) !== undefined;
  }

  #procedure(call: CallStatement): Procedure | StatementRefusal {
    const names = call.procedure.slice(0, -1);
    const named = databaseNamed(names, this.#where);
    if ('code' in named) return named;
    if (names.length > 0 && !isSystem(named.database))
      return refusal(
        'NO_PROCEDURES',
        '',
        `'${named.database.slice(0, 100)}' has no procedures; they are in ${systemDatabase}`,
        named.span?.start,
      );
    const last = call.procedure.at(-1);
    const typed = last?.text ?? '';
    const known = procedureOf(typed);
    if (known !== undefined) return known;
    const close = didYouMean(
      typed,
      procedures.map(({ name }) => name),
    );
    return refusal(
      'UNKNOWN_PROCEDURE',
      '',
      `there is no procedure '${typed.slice(0, 100)}' in ${systemDatabase}${close}`,
      last?.span.start,
    );
  }
}

const describing = (resource: AclResource): Access => ({ kind: 'needs', needs: [{ operation: 'DESCRIBE', resource }] });

/** LIKE looks at the first cell, and at a name without its database too: `set%` finds sys.set_cluster_configs. */
function filtered(lines: readonly (readonly string[])[], like: LikeFilter | undefined): readonly (readonly string[])[] {
  if (like === undefined) return lines;
  const { pattern, ignoreCase, negated } = like;
  const matches = (name: string): boolean => matchesLike(name, pattern, ignoreCase);
  return lines.filter(([name = '']) => (matches(name) || matches(name.split('.').at(-1) ?? '')) !== negated);
}
