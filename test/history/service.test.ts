/**
 * Goal: what a question leaves behind when it ends stops, so that the next one's fold begins.
 * Method: the test is the node: it answers reads by hand, and ends a SELECT that waits for a past state as DuckDB's time limit does.
 */
import { expect, test, vi } from 'vitest';
import type { FromProcess, Question, ToProcess } from '../../src/engine/history/messages.ts';
import { HistoryRefused } from '../../src/engine/history/port.ts';
import type { Selector } from '../../src/engine/history/selector.ts';
import { serveHistory } from '../../src/engine/history/service.ts';
import { configLog, textsOf } from './histories.ts';

const texts = textsOf(configLog(100, {}));
const toIndex = texts.length;

function served(selector: Selector) {
  const sent: FromProcess[] = [];
  let receive = (_: ToProcess): void => {};
  serveHistory({ send: (message) => sent.push(message), onMessage: (listener) => (receive = listener) }, selector);
  return {
    /** The next message of a kind, which is taken out. */
    next: async <Kind extends FromProcess['kind']>(kind: Kind) =>
      await vi.waitFor(
        () => {
          const at = sent.findIndex((message) => message.kind === kind);
          const message = at < 0 ? undefined : sent.splice(at, 1)[0];
          if (message?.kind !== kind) throw new Error(`no message '${kind}' yet`);
          return message as Extract<FromProcess, { kind: Kind }>;
        },
        { timeout: 15_000, interval: 5 },
      ),
    ask: (id: number, question: Question): void => receive({ kind: 'ask', id, question, toIndex, caller: `User:${id}` }),
    give: ({ id, afterIndex }: { readonly id: number; readonly afterIndex: number }, count: number): void =>
      receive({ kind: 'texts', id, texts: texts.slice(afterIndex, afterIndex + count) }),
  };
}

test('a SELECT that ran out of time leaves no fold behind', async () => {
  const timeUp = Promise.withResolvers<never>();
  const { ask, give, next } = served({
    select: async (_, { rows }, __, signal) =>
      (await Promise.race([timeUp.promise, rows('acls', { position: 50 }, undefined, signal).next()])) as never,
  });
  const options = { asker: { principal: 'User:1', interface: 'sql' }, maxRows: 1, timeoutMs: 1_000, live: {} } as const;
  ask(1, { ask: 'select', sql: '', options });
  for (let known = 0; known < toIndex; known += 20) give(await next('read'), 20);
  const begun = await next('read');
  timeUp.reject(new HistoryRefused('SQL_TIMEOUT', 'too slow', 'Ask for less.'));
  expect((await next('refuse')).refusal.code).toBe('SQL_TIMEOUT');

  ask(2, { ask: 'stateAt', moment: { position: 1 }, options: undefined });
  give(begun, 1);
  expect(await next('read')).toMatchObject({ afterIndex: 0 }); // Not the one behind what the first question read.
});
