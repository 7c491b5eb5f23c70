/**
 * Goal: every event has words for an operator, on one line, in their language and without secrets.
 * Method: the catalogue against the words, examples as they should read, and any valid event at all for what must never be in it.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { type ChanceryEvent, catalogue } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { wordsOf } from '../../src/engine/history/words.ts';
import { replay } from '../support/replay.ts';
import { accessHistory, flussHistory, history, longHistory, metaServiceHistory } from './histories.ts';

const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
const sealed = { keyId: 'k1', nonce: 'bm9uY2U=', ciphertext: 'c2VjcmV0' };
const secrets = (...names: string[]): ConfigValue => ({
  kind: 'secrets',
  entries: Object.fromEntries(names.map((name) => [name, sealed])),
});
const unset: ConfigValue = { kind: 'unset' };
const hidden: ConfigValue = { kind: 'hidden' };
const changed = (key: string, previous: ConfigValue, value: ConfigValue): ChanceryEvent =>
  clusterConfigsChanged({ changes: [{ key, previous, value }] });

test('every type in the catalogue has words, and nothing of the code in them', () => {
  const events = [...longHistory(300), ...metaServiceHistory(), ...accessHistory(), ...flussHistory()].flatMap(({ entry }) => entry.events);
  for (const type of catalogue.keys()) {
    const event = events.find((candidate) => candidate.type === type);
    if (event === undefined) throw new Error(`the histories of these tests hold no ${type}`);
    const words = wordsOf(event);
    expect(words).toMatch(/^\S.{4,}/);
    expect(words).not.toContain(type);
    expect(words).not.toMatch(/[{}[\]]|":|undefined|\[object/);
  }
});

describe('as an operator reads it', () => {
  test.each<[string, ChanceryEvent]>([
    ['log created, format 1', logCreated({ format: 1, clusterId: 'c1' })],
    ['n1 took the lead, epoch 4', leadershipTaken({ nodeId: 'n1', epoch: 4, staticConfigs: { 'datalake.format': text('paimon') } })],
    [
      'n2 joined at http://10.0.0.2:8480, release 0.1.0',
      coordinatorJoined({ nodeId: 'n2', operatorUrl: 'http://10.0.0.2:8480', release: '0.1.0' }),
    ],
    ['n2 was lost, taken off the list in 2 h unless it returns', coordinatorLost({ nodeId: 'n2', forgetAfterMs: 7_200_000 })],
    ['n2 was lost, taken off the list in 90 s unless it returns', coordinatorLost({ nodeId: 'n2', forgetAfterMs: 90_000 })],
    ['n2 was lost, taken off the list in 1500 ms unless it returns', coordinatorLost({ nodeId: 'n2', forgetAfterMs: 1500 })],
    ['n2 was taken off the list', coordinatorForgotten({ nodeId: 'n2' })],
    ['set datalake.format   unset → paimon', changed('datalake.format', unset, text('paimon'))],
    ['set kv.snapshot.interval   10 min → 5 min', changed('kv.snapshot.interval', text('10 min'), text('5 min'))],
    ['reset datalake.format   paimon → unset', changed('datalake.format', text('paimon'), unset)],
    ['set datalake.format   paimon → no value', changed('datalake.format', text('paimon'), hidden)],
    ['set datalake.a   no value → 1', changed('datalake.a', hidden, text('1'))],
    ["set datalake.a   '' → ' 1'", changed('datalake.a', text(''), text(' 1'))],
    ["set datalake.a   'unset' → 'no value'", changed('datalake.a', text('unset'), text('no value'))],
    ['set security.users   sealed (alice) → sealed (alice, bob)', changed('security.users', secrets('alice'), secrets('bob', 'alice'))],
    ['set security.users   sealed (alice) → sealed (nobody)', changed('security.users', secrets('alice'), secrets())],
    [
      'set security.users   unset → sealed (a, b, c, d, e and 2 more)',
      changed('security.users', unset, secrets('a', 'b', 'c', 'd', 'e', 'f', 'g')),
    ],
    [`set datalake.a   unset → ${'x'.repeat(79)}…`, changed('datalake.a', unset, text('x'.repeat(81)))],
    ['set datalake.a   unset → 1\\u{000a}2\\u{001b}[31m\\u{202e}3', changed('datalake.a', unset, text('1\n2\u001b[31m\u202e3'))],
  ])('%s', (words, event) => {
    expect(wordsOf(event)).toBe(words);
  });

  test('several keys in one act', () => {
    const changes = ['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, previous: unset, value: text('1') }));
    const told = (count: number) => wordsOf(clusterConfigsChanged({ changes: changes.slice(0, count) }));
    expect(told(2)).toBe('set a   unset → 1 · set b   unset → 1');
    expect(told(4)).toBe('set a   unset → 1 · set b   unset → 1 · set c   unset → 1 · 1 more key');
    expect(told(5)).toBe('set a   unset → 1 · set b   unset → 1 · set c   unset → 1 · 2 more keys');
  });
});

test('one line, no control characters, no sealed text, whatever happened', () => {
  const { params } = replay({ numRuns: 8 });
  const texts = fc.record({ key: fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), value: fc.string({ unit: 'binary' }) });
  fc.assert(
    fc.property(texts, history({ maxLength: 30 }), ({ key, value }, entries) => {
      const events = [changed(key, text(value), text(value)), ...entries.flatMap(({ entry }) => entry.events)];
      for (const event of events) {
        const words = wordsOf(event);
        expect(words).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(words).not.toContain('never-to-be-seen');
        expect(words.length).toBeLessThan(1_500);
      }
    }),
    params as object,
  );
});
