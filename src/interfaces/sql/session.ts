import { randomUUID } from 'node:crypto';
import type { State } from '../../../projections/state.ts';
import type { Asker } from '../../deciders/authorizer.ts';
import { decide } from '../../deciders/commands.ts';
import { type Access, denialOfCommand, procedureAccess, queryAccess } from '../../deciders/permissions.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import { type History, HistoryRefused } from '../../engine/history/port.ts';
import { sysTables } from '../../engine/history/tables.ts';
import type { Node, Provenance, Reading } from '../../engine/node.ts';
import type { Rebalancing } from '../../engine/rebalancing.ts';
import type { Caller } from '../../engine/submission.ts';
import { isRejection, type Rejection } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import { bindArguments, didYouMean } from './arguments.ts';
import type { CallStatement, DescribeStatement, LikeFilter, Name, SelectStatement, ShowStatement, Statement, UseStatement } from './ast.ts';
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
  /** At most 120 characters: the n-th CALL has this one, a slash and n. */
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
      /** Of a CALL that changes something: its position. */
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
const notAvailable = (words: string, offset: number): Ran =>
  no(refusal('NOT_AVAILABLE', '', `${words} is not available in this release`, offset));
const text = (name: string): Column => ({ name, type: 'STRING' });

/** The virtual database of system tables and procedures: the only one of this release. */
const systemDatabase = 'sys';

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
  const start = session.start();
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
  start(): Ran | Promise<Ran> {
    if (this.#catalog !== this.#parts.catalog) return no(unknownCatalog(this.#parts.catalog, this.#catalog, 'catalog'));
    if (this.#database.toLowerCase() !== systemDatabase) return no(unknownDatabase(this.#database, 'database'));
    for (const [key, value] of Object.entries(this.#properties)) {
      const fault = settingFault(key, value);
      if (fault !== undefined) return no({ ...fault, field: `properties.${fault.field}` });
    }
    return this.#request.linearizable === true ? this.#look(true).then(asRan) : done('');
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
        return this.#show(statement);
      case 'use':
        return this.#use(statement);
      case 'describe':
        return this.#describe(statement);
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
      case 'showPartitions':
      case 'showCreateTable':
      case 'describeDatabase':
        return notAvailable(statement.kind.replace(/[A-Z]/g, ' $&').toUpperCase(), statement.span.start);
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
    const now = Math.max(this.#parts.now(), reading.state.at);
    const decision = decide(reading.state, act.command, { now, commandId });
    if (decision.kind === 'rejected') return rejected(act.refused(decision.rejection));
    if (decision.events.length === 0) return done('nothing would change: everything is so already');
    const { columns, note, rows: cells } = act.preview(decision.events);
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

  #show({ what, from, like }: ShowStatement): Ran {
    if (what === 'CURRENT CATALOG') return rows([text('current catalog name')], [[this.#catalog]]);
    if (what === 'CURRENT DATABASE') return rows([text('current database name')], [[this.#database]]);
    const scope = what === 'DATABASES' ? this.#catalogFault(from[0]) : this.#scopeFault(from);
    if (scope !== undefined) return no(scope);
    if (what === 'CATALOGS') return rows([text('catalog name')], filtered([[this.#parts.catalog]], like));
    if (what === 'DATABASES') return rows([text('database name')], filtered([[systemDatabase]], like));
    if (what === 'TABLES')
      return rows(
        [text('table name'), text('about')],
        filtered(
          sysTables.map(({ name, about }) => [name, about]),
          like,
        ),
      );
    const lines = procedures.map((procedure) => [`${systemDatabase}.${procedure.name}`, signatureOf(procedure), procedure.about]);
    return rows([text('procedure name'), text('arguments'), text('about')], filtered(lines, like));
  }

  /** `USE fluss_catalog`, as the manual has it, `USE sys`, `USE fluss_catalog.sys`. */
  #use({ catalog, name }: UseStatement): Ran {
    const [first, second] = name;
    if (first === undefined) return done('');
    const isCatalog = catalog || second !== undefined || first.text === this.#parts.catalog;
    const fault = isCatalog ? (this.#catalogFault(first) ?? this.#databaseFault(second)) : this.#databaseFault(first);
    if (fault !== undefined) return no(fault);
    if (isCatalog) this.#catalog = first.text;
    if (!isCatalog || second !== undefined) this.#database = systemDatabase;
    return done(isCatalog && second === undefined ? `catalog ${this.#catalog}` : `database ${this.#catalog}.${this.#database}`);
  }

  #describe({ name }: DescribeStatement): Ran {
    const fault = this.#scopeFault(name.slice(0, -1));
    if (fault !== undefined) return no(fault);
    const last = name.at(-1);
    const wanted = last?.text.toLowerCase() ?? '';
    const table = sysTables.find((each) => each.name === wanted);
    if (table !== undefined)
      return rows(
        [text('name'), text('type'), text('about')],
        table.columns.map((column) => [column.name, column.type, column.about]),
      );
    const procedure = procedureOf(wanted);
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
    const detail = `there is no table or procedure '${last?.text.slice(0, 100) ?? ''}' in ${systemDatabase}${didYouMean(wanted, names)}`;
    return no(refusal('UNKNOWN_OBJECT', '', detail, last?.span.start));
  }

  #procedure(call: CallStatement): Procedure | StatementRefusal {
    const fault = this.#scopeFault(call.procedure.slice(0, -1));
    if (fault !== undefined) return fault;
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

  /** What is wrong with the names before a table's or procedure's own: none, a database, or a catalog and a database. */
  #scopeFault(names: readonly Name[]): StatementRefusal | undefined {
    if (names.length < 2) return this.#databaseFault(names[0]);
    return this.#catalogFault(names[0]) ?? this.#databaseFault(names[1]);
  }

  #catalogFault(name: Name | undefined): StatementRefusal | undefined {
    if (name === undefined || name.text === this.#parts.catalog) return undefined;
    return { ...unknownCatalog(this.#parts.catalog, name.text, ''), offset: name.span.start };
  }

  #databaseFault(name: Name | undefined): StatementRefusal | undefined {
    if (name === undefined || name.text.toLowerCase() === systemDatabase) return undefined;
    return { ...unknownDatabase(name.text, ''), offset: name.span.start };
  }
}

const asRan = (reading: Reading): Ran => (reading.kind === 'rejected' ? rejected({ reason: reading.rejection }) : done(''));

const unknownCatalog = (known: string, given: string, field: string): StatementRefusal =>
  refusal('UNKNOWN_CATALOG', field, `there is no catalog '${given.slice(0, 100)}'; this one is called ${known}`);
const unknownDatabase = (given: string, field: string): StatementRefusal =>
  refusal('UNKNOWN_DATABASE', field, `there is no database '${given.slice(0, 100)}'; this release has ${systemDatabase}`);

/** LIKE looks at the first cell, and at a name without its database too: `set%` finds sys.set_cluster_configs. */
function filtered(lines: readonly (readonly string[])[], like: LikeFilter | undefined): readonly (readonly string[])[] {
  if (like === undefined) return lines;
  const { pattern, ignoreCase, negated } = like;
  const matches = (name: string): boolean => matchesLike(name, pattern, ignoreCase);
  return lines.filter(([name = '']) => (matches(name) || matches(name.split('.').at(-1) ?? '')) !== negated);
}
