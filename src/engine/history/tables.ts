import { catalogue } from '../../../events/index.ts';
import { describeConfigs } from '../../../projections/configs.ts';
import { coordinatorRows, isMember } from '../../../projections/coordinators.ts';
import type { State } from '../../../projections/state.ts';
import { aclTable } from './aclTable.ts';
import { catalogTables } from './catalogTables.ts';
import { comparisonOf, firstOf, narrowedBy } from './conditions.ts';
import { dataKeyTable } from './dataKeyTable.ts';
import { pageLimits } from './eventPages.ts';
import { metaServiceTables, type StateTable } from './metaServiceTables.ts';
import { type EventQuery, type HistoryEvent, HistoryRefused, type Moment, type SelectOptions } from './port.ts';
import { rebalanceTables } from './rebalanceTables.ts';
import type { Cell, ColumnType, Condition, Hint, Row, SysColumn, SysTable, SysTables } from './selector.ts';
import { serverTable } from './serverTable.ts';
import { type Sees, viewOfTable } from './tableAccess.ts';
import { failureRows, failureTable } from './tieringFailureTable.ts';
import { tieringTables } from './tieringTables.ts';
import type { Timeline } from './timeline.ts';
import { tokenTable } from './tokenTable.ts';

type Live = SelectOptions['live'];
type Reader = Pick<SelectOptions, 'asker' | 'live'>;

const column = (name: string, type: ColumnType, about: string): SysColumn => ({ name, type, about });

const clusterConfigs: SysTable = {
  name: 'cluster_configs',
  about: 'Every cluster config with the value in force and who set it.',
  columns: [
    column('config_key', 'VARCHAR', 'The key.'),
    column('config_value', 'VARCHAR', 'The value in force; secrets are masked; NULL when the key has none.'),
    column(
      'config_source',
      'VARCHAR',
      'Where it comes from: DYNAMIC_CONFIG, STATIC_CONFIG (the file of the node that leads) or DEFAULT_CONFIG.',
    ),
    column('type', 'VARCHAR', 'What values must look like: Boolean, MemorySize, Duration and so on.'),
    column('default', 'VARCHAR', 'What is in force when nobody says anything; NULL when nothing is.'),
    column('description', 'VARCHAR', 'What the key is for.'),
    column('position', 'BIGINT', 'The event that set a dynamic value.'),
    column('changed_at', 'TIMESTAMP_LTZ(3)', 'When that was.'),
    column('changed_by', 'VARCHAR', 'Who did it.'),
  ],
};

const events: SysTable = {
  name: 'events',
  about: 'Everything that ever happened, one row for each event of the log.',
  columns: [
    column('position', 'BIGINT', "The event's number in the log, from 1 without gaps."),
    column('happened_at', 'TIMESTAMP_LTZ(3)', 'When it was written.'),
    column('epoch', 'BIGINT', 'The leadership that wrote it.'),
    column('type', 'VARCHAR', 'What kind of event, such as ClusterConfigsChanged.'),
    column('version', 'INTEGER', 'The version of its schema.'),
    column('subjects', 'JSON', 'What it is about, a list: config/datalake.format, coordinator/n1.'),
    column('principal', 'VARCHAR', 'Who did it; chancery for what a node does by itself.'),
    column('interface', 'VARCHAR', 'The surface it came through: sql, operator, metaservice, fluss or chancery.'),
    column('command', 'VARCHAR', 'The command that was decided.'),
    column('command_id', 'VARCHAR', "The caller's idempotency key, or the one it was given."),
    column('node', 'VARCHAR', 'The node that was asked.'),
    column('reason', 'VARCHAR', 'Why, in the words of whoever did it.'),
    column('words', 'VARCHAR', 'What happened, on one line.'),
    column('data', 'JSON', 'The whole event; secrets are the word sealed.'),
  ],
};

const coordinators: SysTable = {
  name: 'coordinators',
  about: "Chancery's own nodes.",
  columns: [
    column('node_id', 'VARCHAR', "The node's name."),
    column('role', 'VARCHAR', 'One of leader, follower and lost.'),
    column('operator_url', 'VARCHAR', 'Where the operator interface is reached.'),
    column('release', 'VARCHAR', 'The Chancery release it runs.'),
    column('joined_at', 'TIMESTAMP_LTZ(3)', 'When it joined last.'),
    column('lost_at', 'TIMESTAMP_LTZ(3)', 'Since when it is gone; NULL for a member.'),
    column('position', 'BIGINT', 'How far it has folded the log, a few seconds ago at most; NULL in the past and when it is not known.'),
    column('lag', 'BIGINT', 'How many positions that is behind the newest one.'),
  ],
};

const procedures: SysTable = {
  name: 'procedures',
  about: 'What CALL can do.',
  columns: [
    column('name', 'VARCHAR', 'CALL sys.<name>(…).'),
    column('arguments', 'VARCHAR', 'Names and types, those in brackets may be left out.'),
    column('description', 'VARCHAR', 'What it does.'),
  ],
};

/** Those that the state holds entirely. */
const stateTables: readonly StateTable[] = [
  ...metaServiceTables,
  ...catalogTables,
  aclTable,
  dataKeyTable,
  serverTable,
  ...rebalanceTables,
  ...tieringTables,
  tokenTable,
];

/** The tables that SELECT and DESCRIBE know. */
export const sysTables: readonly SysTable[] = [
  clusterConfigs,
  coordinators,
  events,
  failureTable,
  procedures,
  ...stateTables.map(({ table }) => table),
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** The tables as one reader sees them: each is judged when it is read, on the newest state. Their rows claim room as they come. */
export function sysTablesOf(timeline: Timeline, reader: Reader): SysTables {
  const newest = timeline.state;
  return {
    tables: sysTables,
    rows: async function* (table, moment, hint, signal) {
      for await (const batch of rowsOf({ timeline, newest, ...reader }, table, { moment, hint, signal })) {
        timeline.room.claim();
        yield batch;
      }
    },
  };
}

interface Reading {
  readonly moment: Moment | undefined;
  readonly hint: Hint | undefined;
  readonly signal: AbortSignal;
}

async function* rowsOf(
  { asker, live, newest, timeline }: Reader & { readonly timeline: Timeline; readonly newest: State },
  table: string,
  { hint, moment, signal }: Reading,
): AsyncGenerator<readonly Row[]> {
  const sees = viewOfTable(timeline.state, asker, table);
  const now = newest.position;
  const position = moment === undefined ? now : timeline.positionOf(moment);
  if (table === 'events') yield* eventRows(timeline, position, hint, signal);
  else if (table === failureTable.name) yield* failureRows(timeline, position, hint, signal);
  else if (table === 'procedures') yield procedureRows(moment, live);
  else {
    // What is asked about now waits for nobody's past, also when the log has gone on since.
    const state = position === now ? newest : await timeline.stateAt({ position }, signal, asker.principal);
    if (table === 'cluster_configs') yield configRows(state);
    else if (table === 'coordinators') yield coordinatorCells(state, moment === undefined ? live : {}, now);
    else yield* batches(table, state, sees, hint);
  }
}

const rowsPerBatch = 1000;
/** What is sorted here is held, twice as many rows at most: an OFFSET can ask for more than the whole table. */
const sortedRows = 20_000;

/** The rows of a table that the state holds, not all in memory at once. */
function* batches(name: string, state: State, sees: Sees, hint: Hint | undefined): Generator<readonly Row[]> {
  const table = stateTables.find((each) => each.table.name === name);
  if (table === undefined) throw new Error(`there is no table sys.${name}`);
  const { columns } = table.table;
  const isSortable = hint?.order !== undefined && hint.limit !== undefined && hint.limit <= sortedRows;
  const compare = isSortable ? comparisonOf(columns, hint.order) : undefined;
  const { isWanted, most } = narrowedBy(columns, hint, hint?.order === undefined || compare !== undefined);
  const rows = table.rows(state, sees);
  const isSorted = compare !== undefined && most !== Number.POSITIVE_INFINITY;
  let batch: Row[] = [];
  for (const row of isSorted ? firstOf(wanted(rows, isWanted), compare, most) : wanted(rows, isWanted, most)) {
    batch.push(row);
    if (batch.length < rowsPerBatch) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function* wanted(rows: Iterable<Row>, isWanted: (row: Row) => boolean, most = Number.POSITIVE_INFINITY): Generator<Row> {
  let left = most;
  for (const row of rows) {
    if (left === 0) return;
    if (!isWanted(row)) continue;
    yield row;
    left -= 1;
  }
}

const configRows = (state: State): readonly Row[] =>
  describeConfigs(state.configs).map(({ key, value, source, type, default: fallback, about, position, at, principal }) => [
    key,
    value ?? null,
    source,
    type,
    fallback ?? null,
    about,
    position ?? null,
    at ?? null,
    principal ?? null,
  ]);

function coordinatorCells(state: State, live: Live, now: number): readonly Row[] {
  const liveRows = new Map((live['coordinators'] ?? []).map((row) => [row['node_id'], row]));
  const leader = state.leadership.leader?.nodeId;
  return coordinatorRows(state.coordinators).map((row) => {
    const { nodeId, operatorUrl, release, joinedAt, lostAt } = row;
    const position = isMember(row) ? liveRows.get(nodeId)?.['position'] : undefined;
    const role = isMember(row) ? (nodeId === leader ? 'leader' : 'follower') : 'lost';
    const standing = typeof position === 'number' ? [position, Math.max(0, now - position)] : [null, null];
    return [nodeId, role, operatorUrl, release, joinedAt, lostAt ?? null, ...standing];
  });
}

function procedureRows(moment: Moment | undefined, live: Live): readonly Row[] {
  if (moment !== undefined)
    throw new HistoryRefused('MALFORMED_REQUEST', 'sys.procedures has no past: procedures come with the release', 'Leave AT (…) out.');
  return (live['procedures'] ?? []).map((row) => procedures.columns.map(({ name }) => cellOf(row[name])));
}

const cellOf = (value: unknown): Cell => (typeof value === 'string' || typeof value === 'number' ? value : null);

/** Pages of history, narrowed by what the query will not look at. */
async function* eventRows(timeline: Timeline, newest: number, hint: Hint | undefined, signal: AbortSignal): AsyncGenerator<readonly Row[]> {
  const { query, isExact } = narrowed(hint);
  if (query.types?.length === 0) return;
  const isDescending = query.order === 'descending';
  let left = isExact ? (hint?.limit ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  let { fromPosition, toPosition } = { fromPosition: Math.max(1, query.fromPosition), toPosition: Math.min(newest, query.toPosition) };
  while (left > 0 && fromPosition <= toPosition) {
    const limit = Math.min(pageLimits.events, left);
    const page = await timeline.events({ ...query, fromPosition, toPosition, limit }, signal);
    left -= page.events.length;
    yield page.events.map(eventCells);
    if (page.next === undefined) return;
    if (isDescending) toPosition = page.next;
    else fromPosition = page.next;
  }
}

const eventCells = ({ act, at, data, epoch, position, subjects, type, version, words }: HistoryEvent): Row => [
  position,
  at,
  epoch,
  type,
  version,
  JSON.stringify(subjects),
  act.principal,
  act.interface,
  act.command,
  act.commandId,
  act.node,
  act.reason ?? null,
  words,
  JSON.stringify(data),
];

type Narrowed = Pick<EventQuery, 'types' | 'principal' | 'order'> & { readonly fromPosition: number; readonly toPosition: number };

/** @returns `isExact`: the query gives every row that the conditions let pass and no other, in the order asked for. */
function narrowed(hint: Hint | undefined): { readonly query: Narrowed; readonly isExact: boolean } {
  let query: Narrowed = { fromPosition: 1, toPosition: Number.MAX_SAFE_INTEGER };
  let isExact = hint?.order === undefined || hint.order.column === 'position';
  for (const condition of hint?.conditions ?? []) {
    const next = queryWith(query, condition);
    if (next === undefined) isExact = false;
    else query = next;
  }
  return { query: hint?.order?.column === 'position' && hint.order.descending ? { ...query, order: 'descending' } : query, isExact };
}

/** Operators that say nothing of a range. */
const neither = { in: undefined, 'is null': undefined, 'is not null': undefined } as const;

/** The query with one more condition in it; undefined when it cannot say that exactly. */
function queryWith(query: Narrowed, { column: name, operator, values }: Condition): Narrowed | undefined {
  const [value] = values;
  if (name === 'position' && typeof value === 'number' && Number.isSafeInteger(value)) {
    const from = { ...neither, '=': value, '>': value + 1, '>=': value, '<': 1, '<=': 1 }[operator];
    const to = { ...neither, '=': value, '<': value - 1, '<=': value, '>': query.toPosition, '>=': query.toPosition }[operator];
    if (from === undefined || to === undefined) return undefined;
    return { ...query, fromPosition: Math.max(query.fromPosition, from), toPosition: Math.min(query.toPosition, to) };
  }
  if (operator !== '=' && operator !== 'in') return undefined;
  const texts = values.filter((text) => typeof text === 'string');
  if (name === 'type') return { ...query, types: (query.types ?? [...catalogue.keys()]).filter((type) => texts.includes(type)) };
  if (name === 'principal' && texts.length === 1 && (query.principal === undefined || query.principal === texts[0]))
    return { ...query, principal: texts[0] ?? '' };
  return undefined;
}
