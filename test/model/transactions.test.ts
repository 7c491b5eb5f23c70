/**
 * Goal: after any mix of begins, precommits, commits and aborts, with kills and lost replies in between, every answer and every table is
 * what a list of transactions says; an id is given once, and a request that comes again is told the same one.
 * Method: fast-check draws the operations over two instances, two databases and two labels, so that labels wear out; the model is
 * written from the contract's table and knows nothing of the deciders.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { State } from '../../projections/state.ts';
import { idsOfLabel, transactionOf, transactionRows } from '../../projections/transactions.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { replay } from '../support/replay.ts';
import { type Disturbed, disturbances, type OneNode, onOneNode } from './oneNode.ts';

type Status = 'PREPARED' | 'PRECOMMITTED' | 'VISIBLE' | 'ABORTED';
interface Txn {
  readonly id: number;
  readonly instance: string;
  readonly db: number;
  readonly label: string;
  readonly request: number | undefined;
  status: Status;
}
type Model = Txn[];
type Step = fc.AsyncCommand<Model, Disturbed>;
/** How many aborted transactions a label may have in this test. */
const worn = 3;
const isRunning = ({ status }: Txn): boolean => status === 'PREPARED' || status === 'PRECOMMITTED';

const step = (name: string, run: (model: Model, node: OneNode) => Promise<void>): Step => ({
  check: () => true,
  toString: () => name,
  run: async (model, { node }) => {
    await run(model, node);
    compare(model, node.cluster.node('n1').state);
  },
});
async function asked(node: OneNode, command: Command): Promise<string> {
  const outcome = await node.ask(command);
  return outcome.kind === 'done' ? 'ok' : outcome.rejection.code;
}

function compare(model: Model, state: State): void {
  const shown = ({ dbId, instanceId, label, status, transactionId }: ReturnType<typeof transactionRows>[number]): object => ({
    ...{ id: transactionId, instance: instanceId, db: dbId, label, status },
  });
  expect(transactionRows(state.transactions).map(shown)).toEqual(model.map(({ request: _, ...txn }) => txn));
  for (const { instance, db, label } of model)
    expect(idsOfLabel(state.transactions, instance, db, label)).toEqual(
      model.filter((txn) => txn.instance === instance && txn.db === db && txn.label === label).map(({ id }) => id),
    );
}

interface Place {
  readonly instance: string;
  readonly db: number;
  readonly label: string;
}
const place: fc.Arbitrary<Place> = fc.record({
  instance: fc.constantFrom('i1', 'i1', 'i1', 'i2'),
  db: fc.constantFrom(0, 0, 0, 1),
  label: fc.constantFrom('l', 'l', 'm'),
});
const under = (model: Model, { db, instance, label }: Place): Model =>
  model.filter((txn) => txn.instance === instance && txn.db === db && txn.label === label);

function beginVerdict(present: Model, request: number | undefined): string {
  const newest = present.at(-1);
  if (newest === undefined) return 'ok';
  if (newest.status === 'ABORTED') return present.length < worn ? 'ok' : 'LABEL_WORN_OUT';
  return isRunning(newest) && request !== undefined && newest.request === request ? 'TRANSACTION_BEGUN_BEFORE' : 'LABEL_IN_USE';
}
const begin = (at: Place, request: number | undefined): Step =>
  step(`begin(${JSON.stringify(at)}, ${request})`, async (model, node) => {
    const { db: dbId, instance, label } = at;
    const requestId = request === undefined ? {} : { requestId: { hi: '1', lo: String(request) } };
    const outcome = await node.ask({
      name: 'beginTransaction',
      cloudUniqueId: `1:${instance}:x`,
      txnInfo: { dbId, label, tableIds: [1], timeoutMs: 1000, ...requestId },
    });
    expect(outcome.kind === 'done' ? 'ok' : outcome.rejection.code).toBe(beginVerdict(under(model, at), request));
    if (outcome.kind !== 'done') return;
    expect(outcome.position).toBeGreaterThan(model.at(-1)?.id ?? 0);
    expect(transactionOf(node.cluster.node('n1').state.transactions, instance, outcome.position)?.label).toBe(label);
    model.push({ id: outcome.position, ...at, request, status: 'PREPARED' });
  });

/** The contract's table: what each call does to each status. */
const ways: Readonly<Record<Status, Readonly<Record<'precommit' | 'commit' | 'commit2pc' | 'abort', string>>>> = {
  PREPARED: { precommit: 'PRECOMMITTED', commit: 'VISIBLE', commit2pc: 'TRANSACTION_NOT_PRECOMMITTED', abort: 'ABORTED' },
  PRECOMMITTED: { precommit: 'TRANSACTION_PRECOMMITTED', commit: 'VISIBLE', commit2pc: 'VISIBLE', abort: 'ABORTED' },
  VISIBLE: { precommit: 'TRANSACTION_VISIBLE', commit: 'VISIBLE', commit2pc: 'TRANSACTION_VISIBLE', abort: 'TRANSACTION_VISIBLE' },
  ABORTED: {
    precommit: 'TRANSACTION_ABORTED',
    commit: 'TRANSACTION_ABORTED',
    commit2pc: 'TRANSACTION_ABORTED',
    abort: 'TRANSACTION_ABORTED',
  },
};
type Call = keyof (typeof ways)['PREPARED'];
const isStatus = (word: string): word is Status => Object.hasOwn(ways, word);
const names = {
  precommit: 'precommitTransaction',
  commit: 'commitTransaction',
  commit2pc: 'commitTransaction',
  abort: 'abortTransaction',
} as const;
const call = (which: number, what: Call, isForeign: boolean): Step =>
  step(`${what}(${which}${isForeign ? ', from elsewhere' : ''})`, async (model, node) => {
    const txn = model.at(-1 - which); // Mostly one of the newest: the others have ended.
    const at = txn?.instance ?? 'i1';
    const from = isForeign ? (at === 'i1' ? 'i2' : 'i1') : at;
    const command = { name: names[what], cloudUniqueId: `1:${from}:x`, txnId: txn?.id ?? 1, dbId: txn?.db ?? 1 };
    const verdict = await asked(node, what === 'commit2pc' ? { ...command, name: 'commitTransaction', is2pc: true } : command);
    const wanted = txn === undefined || isForeign ? 'UNKNOWN_TRANSACTION' : ways[txn.status][what];
    expect(verdict).toBe(isStatus(wanted) ? 'ok' : wanted);
    if (txn !== undefined && isStatus(wanted)) txn.status = wanted;
  });
const abortByLabel = (at: Place): Step =>
  step(`abortByLabel(${JSON.stringify(at)})`, async (model, node) => {
    const present = under(model, at);
    const running = present.find(isRunning);
    const verdict = await asked(node, { name: 'abortTransaction', cloudUniqueId: `1:${at.instance}:x`, dbId: at.db, label: at.label });
    expect(verdict).toBe(present.length === 0 ? 'UNKNOWN_LABEL' : running === undefined ? 'UNKNOWN_TRANSACTION' : 'ok');
    if (running !== undefined) running.status = 'ABORTED';
  });

const request = fc.constantFrom(undefined, 1, 1, 2);
const calls = fc.tuple(
  fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
  fc.constantFrom<Call>('precommit', 'commit', 'commit2pc', 'abort', 'abort'),
  fc.constantFrom(false, false, false, false, true),
);
const begins = fc.tuple(place, request).map((args) => begin(...args));
const steps = [begins, begins, calls.map((args) => call(...args)), place.map(abortByLabel), disturbances as fc.Arbitrary<Step>];

test('transactions and labels are what a list of them says', { timeout: 120_000 }, async () => {
  const { params, replayPath } = replay({ numRuns: 6 });
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max', ...replayPath }), (run) =>
      onOneNode(async (node) => {
        for (const instanceId of ['i1', 'i2']) expect(await asked(node, { name: 'createInstance', instanceId })).toBe('ok');
        const key = 'chancery.meta-service.aborted-transactions-per-label';
        expect(await asked(node, { name: 'alterClusterConfigs', changes: [{ op: 'set', key, value: String(worn) }] })).toBe('ok');
        await fc.asyncModelRun(() => ({ model: [] as Model, real: { node } }), run);
      }),
    ),
    params,
  );
});
