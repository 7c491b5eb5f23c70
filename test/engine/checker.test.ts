/**
 * Goal: the check that the fault tests rest on sees what it should see: a write lost, doubled, moved or reordered.
 * Method: a small honest log, then each fault planted into it.
 */
import { expect, test } from 'vitest';
import { emptyHead } from '../../src/log/condition.ts';
import { chainAfter } from '../support/entries.ts';
import { type Acknowledged, faults } from '../support/writers.ts';

const entries = chainAfter(emptyHead, 3).map(({ entry }) => entry);
const honest: readonly Acknowledged[] = entries.map((entry, i) => ({
  writer: 1,
  number: i + 1,
  key: entry.events[0]?.act.commandId ?? '',
  position: i + 1,
  at: i,
}));
const [first, second, third] = honest;

test('an honest log has no faults', () => expect(faults(honest, entries)).toEqual([]));
test('a lost write', () => expect(faults(honest, entries.slice(0, 2))).toEqual([expect.stringMatching(/^lost: /)]));
test('a doubled write', () => {
  const again = entries.map((entry) => (entry.index === 3 ? { ...entry, events: entries[0]?.events ?? [] } : entry));
  expect(
    faults(
      [first, second].flatMap((one) => one ?? []),
      again,
    ),
  ).toEqual([expect.stringMatching(/^doubled: .* at 1, 3$/)]);
});
test('a moved write', () => {
  const moved = honest.map((one) => (one === third ? { ...one, position: 4 } : one));
  expect(faults(moved, entries)).toEqual([expect.stringMatching(/^moved: /)]);
});
test('a writer whose second write lies before its first', () => {
  const reordered = [second, first].flatMap((one) => one ?? []);
  expect(faults(reordered, entries)).toEqual([expect.stringMatching(/^reordered: /)]);
});
