/**
 * Goal: the quick check of an event's envelope accepts exactly what its schema accepts; texts made in parts are canonical.
 * Method: a good event, changed at random in one or two places, given to both; the events of random logs as texts, in both ways.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { type Act, decodeEntry, isLoggedEvent, type LoggedEvent, loggedEvent, textsOf } from '../../events/envelope.ts';
import { logOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { validLog } from './validLogs.ts';

const rubbish = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, 0, -1, 1.5, Number.NaN, 2 ** 53, '', [], {}),
  fc.constantFrom('chancery', 'sql', 'SQL', '0'.repeat(31), '0'.repeat(32), 'F'.repeat(32)),
  fc.constantFrom(64, 65, 128, 129, 256, 257, 1000, 1001).map((length) => 'x'.repeat(length)),
);
const fault = fc.record({
  field: fc.constantFrom('id', 'type', 'version', 'data', 'act', 'more', 'constructor'),
  inAct: fc.option(fc.constantFrom('principal', 'interface', 'command', 'commandId', 'digest', 'node', 'reason', 'more')),
  value: rubbish,
  removed: fc.boolean(),
});

test('quick check and schema agree', () => {
  let good = 0;
  let bad = 0;
  fc.assert(
    fc.property(validLog, fc.array(fault, { maxLength: 2 }), (chapters, faults) => {
      const [first] = logOf(chapters).flatMap(({ text }) => (JSON.parse(text) as { events: Record<string, unknown>[] }).events);
      const event: Record<string, unknown> = { ...first };
      for (const { field, inAct, value, removed } of faults) {
        const act = event['act'];
        const target = inAct !== null && typeof act === 'object' && act !== null ? (act as Record<string, unknown>) : event;
        const name = inAct ?? field;
        if (removed) delete target[name];
        else target[name] = value;
      }
      const isGood = loggedEvent.safeParse(event).success && event['data'] !== undefined;
      expect(isLoggedEvent(event), JSON.stringify(event)).toBe(isGood);
      if (isGood) good += 1;
      else bad += 1;
    }),
    replay({ numRuns: 400 }).params,
  );
  for (const value of [null, 'text', 7, []]) expect(isLoggedEvent(value)).toBe(false);
  expect(Math.min(good, bad)).toBeGreaterThan(50);
});

test('the texts of the events of one act are those that canonical JSON gives each', () => {
  fc.assert(
    fc.property(validLog, fc.string(), (chapters, reason) => {
      for (const { text } of logOf(chapters)) {
        for (const { act, ...event } of decodeEntry(text).events) {
          const given = { reason, ...act };
          const events = [event, { ...event, id: 'a "quoted" id' }].map((each) => ({ ...each, act: given }) as LoggedEvent);
          expect(textsOf(events, given)).toEqual(events.map(canonicalJson));
        }
      }
    }),
    replay({ numRuns: 50 }).params,
  );
  expect(textsOf([], {} as Act)).toEqual([]);
});
