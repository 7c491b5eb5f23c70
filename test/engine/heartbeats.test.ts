/**
 * Goal: what backends report is known for three periods and no longer, and however many report, memory is bounded.
 * Method: a clock in the test's hand.
 */
import { expect, test } from 'vitest';
import { type Heartbeat, Heartbeats, heartbeatLimits } from '../../src/engine/heartbeats.ts';

const report = (host: string, more: Partial<Heartbeat> = {}): Heartbeat => ({
  instanceId: 'i1',
  host,
  heartbeatPort: 9050,
  bePort: 9060,
  httpPort: 8040,
  brpcPort: 8060,
  currentFragmentNum: 0,
  lastFragmentUpdateTime: 0,
  ...more,
});

function kept(): { readonly heartbeats: Heartbeats; pass(ms: number): void } {
  let now = 1_000_000;
  return { heartbeats: new Heartbeats({ now: () => now, monotonic: () => now, after: () => () => {} }), pass: (ms) => (now += ms) };
}
const lifeMs = heartbeatLimits.periodMs * heartbeatLimits.missed;

test('the newest report of each backend counts', () => {
  const { heartbeats } = kept();
  heartbeats.record(report('a'));
  heartbeats.record(report('a', { currentFragmentNum: 7 }));
  heartbeats.record(report('a', { instanceId: 'i2' }));
  heartbeats.record(report('a', { heartbeatPort: 9051 }));
  expect(heartbeats.list()).toEqual([
    report('a', { currentFragmentNum: 7 }),
    report('a', { instanceId: 'i2' }),
    report('a', { heartbeatPort: 9051 }),
  ]);
});

test('a backend that missed three reports is forgotten, one that reported again is not', () => {
  const { heartbeats, pass } = kept();
  heartbeats.record(report('a'));
  heartbeats.record(report('b'));
  pass(lifeMs - 1);
  heartbeats.record(report('a'));
  expect(heartbeats.list().map(({ host }) => host)).toEqual(['b', 'a']);
  pass(1);
  expect(heartbeats.list().map(({ host }) => host)).toEqual(['a']);
  pass(lifeMs);
  expect(heartbeats.list()).toEqual([]);
});

test('no more than the limit are kept; those that are may go on, and silence makes room', () => {
  const { heartbeats, pass } = kept();
  for (let i = 0; i < heartbeatLimits.backends; i += 1) expect(heartbeats.record(report(`h${i}`))).toBeUndefined();
  expect(heartbeats.record(report('more'))).toMatchObject({ code: 'BUSY', detail: '50000 backends report already, which is the most' });
  expect(heartbeats.record(report('h0'))).toBeUndefined();
  pass(lifeMs);
  expect(heartbeats.record(report('more'))).toBeUndefined();
  expect(heartbeats.list().map(({ host }) => host)).toEqual(['more']);
});
