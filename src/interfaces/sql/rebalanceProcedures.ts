/** Rebalances as Fluss's manual has them: what the arguments mean and every text are in fluss-semantics 1.4 and 5. */
import type { ChanceryEvent } from '../../../events/index.ts';
import { type Goal, goals, rebalanceId as idForm, rebalanceLimits } from '../../../events/rebalance.ts';
import { currentRebalance, type MoveRow, movesOf, type RebalanceRow, rebalanceOf } from '../../../projections/rebalance.ts';
import type { State } from '../../../projections/state.ts';
import { bucketName, type Draft } from '../../engine/rebalanceDraft.ts';
import { progressText } from '../../engine/rebalanceProgress.ts';
import { staleChoices, type Wanted } from '../../engine/rebalancing.ts';
import { type Rejection, rejection } from '../../rejection.ts';
import type { Arguments, ArgumentValue, Parameter } from './arguments.ts';
import type { ArgumentFault, Cells, Column, Preview, Procedure } from './procedure.ts';
import { refusal } from './refusals.ts';

const columns = [{ name: 'result', type: 'STRING' }] as const;
const rebalanceIdParameter = (about: string): Parameter => ({ name: 'rebalanceId', isList: false, isOptional: true, about });
const given = (values: Arguments, name: string): ArgumentValue | undefined => values.get(name)?.[0];
const fault = (field: string, detail: string, value: ArgumentValue | undefined): ArgumentFault => ({
  reason: refusal('INVALID_ARGUMENT', field, detail, value?.span.start),
  ...(value === undefined ? {} : { offset: value.span.start }),
});

/** Fluss's own words, to the letter; that of Java names the class that the word is none of. */
const words = {
  noGoals:
    "priority goals cannot be null or empty. You can specify one goal as 'REPLICA_DISTRIBUTION' or specify multi goals as " +
    "'REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION' (split by ',')",
  noSuchGoal: (text: string) => `No enum constant org.apache.fluss.cluster.rebalance.GoalType.${text}`,
  planningFailed: (cause: string) => `Failed to generate plan and execute rebalance. The root cause: ${cause}`,
  unknownToList: (id: string, current: string) => `Rebalance task id ${id} to list is not the current rebalance task id ${current}.`,
} as const;

type Read<T> = { readonly kind: 'read'; readonly value: T } | { readonly kind: 'refused'; readonly fault: ArgumentFault };

/** Pieces between commas, trimmed, in any case. */
function readGoals(value: ArgumentValue | undefined): Read<readonly Goal[]> {
  const text = value?.text ?? '';
  if (text.trim() === '') return { kind: 'refused', fault: fault('priorityGoals', words.noGoals, value) };
  const found: Goal[] = [];
  for (const piece of text.split(',').map((each) => each.trim().toUpperCase())) {
    const goal = goals.find((each) => each === piece);
    if (goal === undefined) return { kind: 'refused', fault: fault('priorityGoals', words.noSuchGoal(piece.slice(0, 100)), value) };
    found.push(goal);
  }
  if (found.length <= rebalanceLimits.goals) return { kind: 'read', value: found };
  return { kind: 'refused', fault: fault('priorityGoals', `${found.length} goals are given; at most ${rebalanceLimits.goals}`, value) };
}

function readWanted(values: Arguments): Read<Wanted> {
  const read = readGoals(given(values, 'priorityGoals'));
  if (read.kind === 'refused') return read;
  const value = given(values, 'onStale');
  const text = value?.text?.trim().toUpperCase() ?? 'REFUSE';
  const onStale = staleChoices.find((each) => each === text);
  if (onStale !== undefined) return { kind: 'read', value: { goals: read.value, onStale } };
  return { kind: 'refused', fault: fault('onStale', `'${text.slice(0, 100)}' is none of ${staleChoices.join(', ')}`, value) };
}

const rebalance: Procedure = {
  name: 'rebalance',
  about: 'Plans a rebalance and begins it; the answer is its id.',
  parameters: [
    { name: 'priorityGoals', isList: false, isOptional: false, about: `By priority, with commas between: ${goals.join(', ')}.` },
    {
      name: 'onStale',
      isList: false,
      isOptional: true,
      about: 'When servers, tags or buckets change while it is planned: REFUSE (without it), or REPLAN, to plan it anew.',
    },
  ],
  columns,
  act: (values, { rebalancing }) => {
    const read = readWanted(values);
    if (read.kind === 'refused') return read;
    const inArguments = (refused: Rejection): ArgumentFault => {
      const value = refused.field === '' ? undefined : given(values, 'priorityGoals');
      const detail = refused.code === 'PLANNING_FAILED' ? words.planningFailed(refused.detail) : refused.detail;
      const reason = { ...refused, field: refused.field === '' ? '' : 'priorityGoals', detail };
      return { reason, ...(value === undefined ? {} : { offset: value.span.start }) };
    };
    return {
      kind: 'work',
      run: async (caller) => {
        const begun = await rebalancing.begin(read.value, caller);
        return begun.kind === 'done' ? { ...begun, rows: [[begun.rebalanceId]] } : begun;
      },
      explain: async (caller) => {
        const drafted = await rebalancing.draft(read.value.goals, caller);
        return drafted.kind === 'drafted' ? previewOfPlan(drafted.draft) : drafted;
      },
      refused: inArguments,
    };
  },
};

const number = (name: string): Column => ({ name, type: 'INTEGER' });
const text = (name: string): Column => ({ name, type: 'STRING' });
const planColumns = [
  number('server'),
  text('rack'),
  text('tag'),
  number('replicas'),
  number('replicas_after'),
  number('leaders'),
  number('leaders_after'),
];
const toldShortfalls = 20;

/** Server by server what it holds and would hold; below, what that takes. */
function previewOfPlan({ servers, shortfalls, summary }: Draft): Preview {
  const rows = servers.map(({ leaders, rack, replicas, serverId, tag }) => [
    serverId,
    rack ?? null,
    tag ?? null,
    replicas.before,
    replicas.after,
    leaders.before,
    leaders.after,
  ]);
  const { askedBy, copies, handovers, moves } = summary;
  const counts =
    moves === 0
      ? 'Nothing is to be moved.'
      : `${many(moves, 'bucket')} would move: ${many(copies.replicas, 'replica')} to copy${
          handovers === 0 ? '' : `, ${many(handovers, 'bucket')} to be given another leader alone`
        }.`;
  const askers = askedBy.map((each) => `${each.askedBy} asks for ${each.moves}`).join(', ');
  const told = shortfalls.slice(0, toldShortfalls);
  const rest = shortfalls.length > told.length ? ['more of this in the answer of POST /v1/rebalances/plan'] : [];
  const lines = [counts, ...(askers === '' ? [] : [`${askers}.`]), ...told, ...rest, 'Nothing was started.'];
  return { columns: planColumns, rows, note: lines.join('\n') };
}
const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Moves that one answer tells of; sys.rebalance_moves is for more. */
const listedMoves = 10_000;

const listRebalance: Procedure = {
  name: 'list_rebalance',
  about: 'Shows a rebalance: its id, its status, how far it is, then each of its moves.',
  parameters: [rebalanceIdParameter('Which one; without it the newest.')],
  columns,
  act: (values) => {
    const id = given(values, 'rebalanceId')?.text ?? undefined;
    return {
      kind: 'read',
      rows: (state) => {
        const newest = currentRebalance(state.rebalance);
        if (newest === undefined) return [];
        const row = id === undefined ? newest : rebalanceOf(state.rebalance, id);
        if (row === undefined)
          return rejection('UNKNOWN_REBALANCE', 'rebalanceId', words.unknownToList((id ?? '').slice(0, 100), newest.rebalanceId));
        return [[row.rebalanceId], [row.status], [progressText(row)], ...moveLines(state, row)];
      },
    };
  },
};

/** A line of JSON for each move, with the names that Fluss gives them. */
function moveLines(state: State, row: RebalanceRow): readonly Cells[] {
  const lines: Cells[] = [];
  for (const move of movesOf(state.rebalance, row)) {
    if (lines.length === listedMoves) break;
    lines.push([JSON.stringify(told(state, move))]);
  }
  const query = `SELECT * FROM sys.rebalance_moves WHERE rebalance_id = '${row.rebalanceId}'`;
  if (lines.length === 0 && row.planned > 0)
    return [[`its moves are no longer kept; they are in the past: ${query.replace(' WHERE', ` AT (VERSION => ${row.position}) WHERE`)}`]];
  return lines.length < row.planned ? [...lines, [`${row.planned - lines.length} more: ${query}`]] : lines;
}

const told = (state: State, move: MoveRow) => ({
  table_id: move.tableId,
  bucket_id: move.bucketId,
  ...(move.partitionId === undefined ? {} : { partition_id: move.partitionId }),
  original_leader: move.originalLeader,
  new_leader: move.newLeader,
  origin_replicas: move.originalReplicas,
  new_replicas: move.newReplicas,
  rebalance_status: move.status,
  bucket: bucketName(state, move),
  ...(move.failure === undefined ? {} : { reason: move.failure }),
});

const cancelRebalance: Procedure = {
  name: 'cancel_rebalance',
  about: 'Stops a rebalance: what has moved stays where it is, what is moving is left with a full set of replicas.',
  parameters: [rebalanceIdParameter('Which one; without it the newest.')],
  columns,
  act: (values) => {
    const value = given(values, 'rebalanceId');
    const id = value?.text ?? undefined;
    if (id !== undefined && !idForm.safeParse(id).success)
      return { kind: 'refused', fault: fault('rebalanceId', `'${id.slice(0, 100)}' is not the id of a rebalance`, value) };
    return {
      kind: 'write',
      command: { name: 'cancelRebalance', ...(id === undefined ? {} : { rebalanceId: id }) },
      rows: () => [['success']],
      preview: previewOfCancel,
      refused: (reason) => ({ reason, ...(value === undefined ? {} : { offset: value.span.start }) }),
    };
  },
};

const leftAs = { ORIGINAL: 'as before', TARGET: 'as planned', GONE: 'dropped with its table' } as const;

/** The buckets that are moving, and where they would be left. */
function previewOfCancel(events: readonly ChanceryEvent[], state: State): Preview {
  const rows = events.flatMap((event) => (event.type === 'MoveCanceled' ? [[bucketName(state, event.data), leftAs[event.data.left]]] : []));
  const notes = events.flatMap((event) => {
    if (event.type !== 'RebalanceCanceled') return [];
    const { finished, stopped, waiting } = event.data;
    return [`${many(finished, 'bucket')} moved already and would stay there, ${stopped} would be stopped, ${waiting} would never begin.`];
  });
  return { columns: [text('bucket'), text('left')], rows, note: notes.join('\n') };
}

/** In the order in which SHOW PROCEDURES lists them. */
export const rebalanceProcedures: readonly Procedure[] = [rebalance, listRebalance, cancelRebalance];
