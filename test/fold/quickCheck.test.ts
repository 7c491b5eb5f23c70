/**
 * Goal: what a quick check accepts, its schema accepts too and gives back unchanged; and it accepts every event a cluster writes.
 * Method: the data of random valid logs, changed at random somewhere inside, given to both; then one schema of each kind that the
 * check does not know.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { loggedEvent } from '../../events/envelope.ts';
import { type ChanceryEvent, catalogue } from '../../events/index.ts';
import { quickCheck } from '../../events/quickCheck.ts';
import { logOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { validLog } from './validLogs.ts';

const rubbish = fc.constantFrom<unknown>(
  ...[undefined, null, true, 0, -1, 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '', 'unset', 'text', 'secrets', 'n 1', [], {}],
  ...[64, 65, 256, 257, 512, 513, 8192, 8193].map((length) => 'x'.repeat(length)),
  [1],
  { kind: 'unset' },
  { kind: 'text' },
  { kind: 'text', text: 'x', more: 1 },
  { kind: 'secrets', entries: JSON.parse('{"__proto__":{"keyId":"k","nonce":"n","ciphertext":"c"}}') },
);
/** The way to a place inside (each step picks one of what is there), and what to do at its end. */
const fault = fc.record({
  way: fc.array(fc.nat(6), { minLength: 1, maxLength: 6 }),
  does: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const),
  name: fc.constantFrom('more', '__proto__', 'constructor', '0'),
  value: rubbish,
});
type Fault = typeof fault extends fc.Arbitrary<infer F> ? F : never;

function spoil(data: unknown, { way, does, name, value }: Fault): void {
  let place = data as Record<string, unknown>;
  for (const [depth, step] of way.entries()) {
    const keys = Object.keys(place);
    const key = keys[step % Math.max(1, keys.length)];
    const inside = key === undefined ? undefined : place[key];
    if (depth < way.length - 1 && typeof inside === 'object' && inside !== null) place = inside as Record<string, unknown>;
    else if (does !== 'replace' && Array.isArray(place))
      place.splice(step % (place.length + 1), does === 'remove' ? 1 : 0, ...(does === 'add' ? [value] : []));
    else if (does === 'add') Object.defineProperty(place, name, { value, enumerable: true, configurable: true, writable: true });
    else if (does === 'remove' && key !== undefined) delete place[key];
    else if (key !== undefined) place[key] = value;
  }
}

test('what a quick check accepts its schema gives back unchanged', () => {
  const seen = { accepted: 0, refused: 0, unsure: 0 };
  fc.assert(
    fc.property(validLog, fc.array(fault, { maxLength: 2 }), fc.nat(), (chapters, faults, pick) => {
      const events = logOf(chapters).flatMap(({ text }) => (JSON.parse(text) as { events: ChanceryEvent[] }).events);
      const event = events[pick % events.length];
      const definition = catalogue.get(event?.type ?? '');
      if (event === undefined || definition === undefined) throw new Error('a log without an event');
      expect(definition.fits(event.data), event.type).toBe(true);
      expect(definition.schema.parse(event.data)).toStrictEqual(event.data);
      for (const one of faults) spoil(event.data, one);
      const parsed = definition.schema.safeParse(event.data);
      if (definition.fits(event.data)) {
        expect(parsed.success, JSON.stringify(event.data)).toBe(true);
        expect(parsed.data).toStrictEqual(event.data);
        seen.accepted += 1;
      } else if (parsed.success) seen.unsure += 1;
      else seen.refused += 1;
    }),
    replay({ numRuns: 250 }).params,
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50);
  expect(seen.unsure).toBeLessThan(seen.refused / 4);
});

test('the check of an act agrees with its schema, an absent reason included', () => {
  const { act } = loggedEvent.shape;
  const good = {
    command: 'c',
    commandId: 'i',
    digest: '0'.repeat(32),
    interface: 'sql',
    node: 'n1',
    principal: 'User:dana',
  };
  const fits = quickCheck(act);
  for (const value of [good, { ...good, reason: 'why' }, { ...good, reason: '' }]) {
    expect(act.parse(value)).toStrictEqual(value);
    expect(fits(value)).toBe(true);
  }
  const bad = [{ reason: 'x'.repeat(1001) }, { digest: '0' }, { interface: 'SQL' }, { principal: '' }, { more: 1 }, { node: 7 }];
  for (const fault of bad) expect([fits({ ...good, ...fault }), act.safeParse({ ...good, ...fault }).success]).toEqual([false, false]);
});

test.each<[what: string, schema: z.ZodType, value: unknown]>([
  ['a refinement', z.string().refine((text) => text !== 'no'), 'yes'],
  ['a transformation', z.string().transform((text) => text.length), 'yes'],
  ['a default inside', z.strictObject({ a: z.string().default('x') }), { a: 'y' }],
  ['a trimmed text', z.string().trim(), ' x '],
  ['a pattern that remembers', z.string().regex(/x/g), 'x'],
  ['an exclusive bound', z.number().gt(1), 2],
  ['another format of number', z.number().multipleOf(2), 2],
  ['an object that drops what it does not know', z.object({ a: z.string() }), { a: 'x' }],
  ['a union of what it does not know', z.union([z.string().trim(), z.null()]), null],
  ['a union of unions', z.discriminatedUnion('k', [z.object({ k: z.literal('a') }).readonly() as never]), { k: 'a' }],
  ['a name that the schema drops', z.record(z.string(), z.string()), JSON.parse('{"__proto__":"x"}')],
  ['an unknown kind', z.date(), new Date(0)],
])('%s is left to the schema', (_, schema, value) => {
  expect(schema.safeParse(value).success).toBe(true);
  expect(quickCheck(schema)(value)).toBe(false);
});
