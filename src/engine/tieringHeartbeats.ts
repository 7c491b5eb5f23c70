import { errorTextOf, type TieringAnswer, type TieringHeartbeat, tieringAnswerOf } from '../deciders/tiering.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { Node } from './node.ts';
import type { Caller, Outcome } from './submission.ts';

/** What a service sends; which tables it reports on elsewhere follows from it. */
export type GivenHeartbeat = Omit<TieringHeartbeat, 'alsoHas'>;
export type HeartbeatOutcome =
  | { readonly kind: 'answered'; readonly answer: TieringAnswer; readonly position: number }
  | Exclude<Outcome, { readonly kind: 'done' }>;

/** Reports that make events go into one command up to this weight: with the longest names, texts and reasons they fit an entry. */
const weights = { most: 20, failed: 2, finished: 1 } as const;

type Lists = Pick<GivenHeartbeat, 'failed' | 'tiering' | 'finished'>;
const empty = (): { -readonly [K in keyof Lists]: [...Lists[K]] } => ({ failed: [], tiering: [], finished: [] });

/** The reports of a heartbeat in Fluss's order, cut into pieces that fit an entry each; the last one asks for a table. */
function pieces({ failed: given, finished, tiering }: Lists): readonly Lists[] {
  const failed = given.map((report) => (report.error === undefined ? report : { ...report, error: errorTextOf(report.error) }));
  if (weights.failed * failed.length + weights.finished * finished.length <= weights.most) return [{ failed, finished, tiering }];
  const cut = [empty()];
  let weight = 0;
  const room = (more: number): ReturnType<typeof empty> => {
    if (weight + more > weights.most) {
      cut.push(empty());
      weight = 0;
    }
    weight += more;
    return cut.at(-1) ?? empty();
  };
  for (const report of failed) room(weights.failed).failed.push(report);
  room(0).tiering.push(...tiering);
  for (const report of finished) room(weights.finished).finished.push(report);
  return cut;
}

/**
 * Has a heartbeat of a tiering service decided, in several commands when it says much. Each report is fenced by its epoch, so a heartbeat
 * that was carried out in part may be sent again as it is.
 */
export async function submitHeartbeat(node: Pick<Node, 'submit'>, given: GivenHeartbeat, caller: Caller): Promise<HeartbeatOutcome> {
  const { forced, service, wantsTable } = given;
  const parts = pieces(given);
  const all: TieringAnswer = { coordinatorEpoch: 0, failed: [], tiering: [], finished: [] };
  let position = 0;
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    const alsoHas = isLast && parts.length > 1 ? [...given.failed, ...given.tiering, ...given.finished].map(({ tableId }) => tableId) : [];
    const ids = new Set(part.finished.map(({ tableId }) => tableId));
    const outcome = await node.submit(
      // Keys in order: see `canonicalJson`.
      {
        alsoHas,
        failed: part.failed,
        finished: part.finished,
        forced: forced.filter((id) => ids.has(id)),
        name: 'tieringHeartbeat',
        service,
        tiering: part.tiering,
        wantsTable: wantsTable && isLast,
      },
      { ...caller, isLetIn: i > 0 },
    );
    if (outcome.kind !== 'done') return outcome;
    const answer = tieringAnswerOf(outcome.answer);
    if (answer === undefined) return { kind: 'rejected', rejection: withoutAnswer() };
    all.coordinatorEpoch = answer.coordinatorEpoch;
    for (const list of ['failed', 'tiering', 'finished'] as const) all[list].push(...answer[list]);
    if (answer.table !== undefined) all.table = answer.table;
    position = outcome.position;
  }
  return { kind: 'answered', answer: all, position };
}

/** A leader of an older release decided it. */
const withoutAnswer = (): Rejection => rejection('NO_LEADER', '', 'the node that leads does not answer tiering services yet');
