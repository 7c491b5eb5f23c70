import type { Writable } from './kit.ts';
import { Table } from './table.ts';

/**
 * Keys by the moment at which they are due, so that the earliest are found without a scan: keys lie under their second, seconds under
 * their hour. Hours are few and lie open; the rest is in tables, because a batch copies all that is not.
 */
export type Agenda = Readonly<Record<number, Table<Table<true>>>>;

const hourMs = 3_600_000;
const hourOf = (dueAt: number): number => Math.floor(dueAt / hourMs);
const secondOf = (dueAt: number): string => String(Math.floor((dueAt % hourMs) / 1000));

/** @param dueAt epoch milliseconds */
export function addToAgenda(agenda: Writable<Agenda>, dueAt: number, key: string): void {
  const seconds = agenda[hourOf(dueAt)] ?? Table.empty<Table<true>>();
  agenda[hourOf(dueAt)] = seconds.update(secondOf(dueAt), (keys) => (keys ?? Table.empty<true>()).set(key, true));
}

/** @param dueAt as it was added */
export function removeFromAgenda(agenda: Writable<Agenda>, dueAt: number, key: string): void {
  const hour = hourOf(dueAt);
  const second = secondOf(dueAt);
  const seconds = agenda[hour];
  const rest = seconds?.get(second)?.delete(key);
  if (seconds === undefined || rest === undefined) return;
  const others = rest.size === 0 ? seconds.delete(second) : seconds.set(second, rest);
  if (others.size === 0) delete agenda[hour];
  else agenda[hour] = others;
}

/** Seconds that hold anything, the earliest first: when each begins, epoch milliseconds, and its keys. Looks at no hour in vain. */
export function* secondsOf(agenda: Agenda): Generator<{ readonly startsAt: number; readonly keys: Table<true> }> {
  // Keys that are integers come in ascending order.
  for (const hour of Object.keys(agenda).map(Number)) {
    const seconds = [...(agenda[hour] ?? Table.empty<Table<true>>()).rows()].map(([second, keys]) => ({
      startsAt: hour * hourMs + Number(second) * 1000,
      keys,
    }));
    yield* seconds.sort((a, b) => a.startsAt - b.startsAt);
  }
}
