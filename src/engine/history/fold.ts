import type { Entry, LoggedEvent } from '../../../events/envelope.ts';
import type { Recorded, Writable } from '../../../projections/kit.ts';
import { draftState, finishEntry, finishState, foldEvent, type State } from '../../../projections/state.ts';

/** The event at a position of an entry, as folds see it. */
export const recordedAt = (entry: Entry, position: number): Recorded => ({
  position,
  at: entry.at,
  epoch: entry.epoch,
  event: entry.events[position - entry.firstPosition] as LoggedEvent,
});

export const lastPositionIn = (entry: Entry): number => entry.firstPosition + entry.count - 1;

/**
 * The state after the event at a position, which may lie within an entry: then position, time and epoch are that event's, while
 * index and hash remain those of the entry before, for a hash vouches for whole entries only.
 * @param state that after the entry before, or one within this entry.
 * @throws ReplayFault
 */
export function foldUpTo(state: State, entry: Entry, position: number): State {
  const draft = draftState(state);
  try {
    for (let at = state.position + 1; at <= position; at += 1) foldAt(draft, entry, at);
  } catch (error) {
    finishState(draft);
    throw error;
  }
  return finishState(draft);
}

/** Folds the one event at a position into a draft of the state before it. @throws ReplayFault */
export function foldAt(draft: Writable<State>, entry: Entry, position: number): void {
  foldEvent(draft, recordedAt(entry, position));
  draft.at = entry.at;
  draft.epoch = entry.epoch;
  if (position === lastPositionIn(entry)) finishEntry(draft, entry);
}
