import type { Writable } from './kit.ts';
import { Table } from './table.ts';

/** The keys of each second, by second. */
type Minute = Table<Table<true>>;
/**
 * Keys by the moment at which they are due, so that the earliest are found without a scan: keys lie under their second, seconds under
 * their minute, minutes under their day. Days are few and lie open; the rest is in tables, because a batch copies all that is not.
 */
export type Agenda = Readonly<Record<number, Table<Minute>>>;

const dayMs = 86_400_000;
const minuteMs = 60_000;
const dayOf = (dueAt: number): number => Math.floor(dueAt / dayMs);
const minuteOf = (dueAt: number): string => String(Math.floor((dueAt % dayMs) / minuteMs));
const secondOf = (dueAt: number): string => String(Math.floor((dueAt % minuteMs) / 1000));

/** @param dueAt epoch milliseconds */
export function addToAgenda(agenda: Writable<Agenda>, dueAt: number, key: string): void {
  const minutes = agenda[dayOf(dueAt)] ?? Table.empty<Minute>();
  agenda[dayOf(dueAt)] = minutes.update(minuteOf(dueAt), (seconds) =>
    (seconds ?? Table.empty<Table<true>>()).update(secondOf(dueAt), (keys) => (keys ?? Table.empty<true>()).set(key, true)),
  );
}

/** @param dueAt as it was added */
export function removeFromAgenda(agenda: Writable<Agenda>, dueAt: number, key: string): void {
  const day = dayOf(dueAt);
  const minute = minuteOf(dueAt);
  const second = secondOf(dueAt);
  const minutes = agenda[day];
  const seconds = minutes?.get(minute);
  const keys = seconds?.get(second)?.delete(key);
  if (minutes === undefined || seconds === undefined || keys === undefined) return;
  const others = replaced(minutes, minute, replaced(seconds, second, keys));
  if (others.size === 0) delete agenda[day];
  else agenda[day] = others;
}

/** A table whose part is another one now; an empty part leaves it. */
const replaced = <P extends Table<unknown>>(table: Table<P>, key: string, part: P): Table<P> =>
  part.size === 0 ? table.delete(key) : table.set(key, part);

/** Seconds that hold anything, the earliest first: when each begins, epoch milliseconds, and its keys. Looks at no minute in vain. */
export function* secondsOf(agenda: Agenda): Generator<{ readonly startsAt: number; readonly keys: Table<true> }> {
  // Keys that are integers come in ascending order.
  for (const day of Object.keys(agenda).map(Number))
    for (const [minute, seconds] of ascending(agenda[day] ?? Table.empty<Minute>()))
      for (const [second, keys] of ascending(seconds)) yield { startsAt: day * dayMs + minute * minuteMs + second * 1000, keys };
}

const ascending = <P>(table: Table<P>): readonly (readonly [number: number, part: P])[] =>
  [...table.rows()].map(([key, part]) => [Number(key), part] as const).sort(([a], [b]) => a - b);
