import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { decodeEntry, type Entry } from '../../../events/envelope.ts';
import { bulkFold, initialState, type State } from '../../../projections/state.ts';
import { EntryIndex } from './entryIndex.ts';
import { eventPage } from './eventPages.ts';
import { foldUpTo, lastPositionIn } from './fold.ts';
import { PastStates } from './pastStates.ts';
import { type EventPage, type EventQuery, HistoryRefused, type Moment } from './port.ts';
import { type Heap, Room } from './room.ts';
import { SharedWork, type Wish } from './sharedWork.ts';
import { RecentFailures } from './tieringFailures.ts';

/**
 * Reads the log: the texts of up to `limit` entries after an index, oldest first. Fewer may come, none only at the end.
 * May reject; nothing is lost by that and the same may be asked again.
 */
export type ReadTexts = (afterIndex: number, limit: number) => Promise<readonly string[]>;

/** How long code here may run before others get their turn. */
const sliceMs = 10;
/** Entries are asked for by number and differ in size: the number follows the size, so that one answer is about this large. */
const answerCharacters = { few: 256 * 1024, many: 1024 * 1024 } as const;
const readLimits = { first: 32, least: 4, most: 512 } as const;
/** An entry that was promised may come a little later; this often and this long (doubling) it is waited for. */
const patience = { tries: 6, ms: 10 } as const;

/**
 * The whole log as states: its own fold, the way to any past state, and what happened between. It keeps no texts: those are read
 * again when asked for. Everything gives way to other work every few milliseconds and stops when its signal aborts.
 * Besides what is named, calls reject with what the source rejects with, and with UnreadableEntry or ReplayFault when the log is
 * at fault; the timeline then stays at the entry before.
 */
export class Timeline {
  readonly index = new EntryIndex();
  readonly failures: RecentFailures;
  readonly #readTexts: ReadTexts;
  readonly #past = new PastStates();
  readonly #folds = new SharedWork<State>();
  /** In the heap, for what answers take: whoever gathers much claims it on the way. */
  readonly room: Room;
  #state: State = initialState();
  #running: Promise<void> | undefined;
  /** The entry up to which somebody waits; Infinity for the end of the source. */
  #wanted = 0;
  #limit: number = readLimits.first;

  constructor(readTexts: ReadTexts, failures = new RecentFailures(), heap?: Heap) {
    this.#readTexts = readTexts;
    this.failures = failures;
    this.room = new Room(heap, () => this.#past.forget());
  }

  /** The newest state that is folded. */
  get state(): State {
    return this.#state;
  }

  /** How many past states are at hand. */
  get checkpoints(): number {
    return this.#past.size;
  }

  /**
   * Folds what the source has beyond the present state. Calls at the same time share the work.
   * @param toIndex an entry that the source is known to have or will have in a moment; what is behind it is not waited for, since
   *   the end of a log that is written to all the time may never be met. 0: to the end.
   * @throws HistoryRefused NOT_CAUGHT_UP when the source ends before `toIndex`.
   */
  async catchUp(toIndex = 0): Promise<void> {
    if (toIndex > 0 && this.#state.index >= toIndex) return; // There is nothing to wait for, above all no read.
    for (let tries = 0; ; tries += 1) {
      this.#wanted = Math.max(this.#wanted, toIndex === 0 ? Number.POSITIVE_INFINITY : toIndex);
      this.#running ??= this.#foldOn().finally(() => {
        this.#running = undefined;
        this.#wanted = 0;
      });
      await this.#running;
      if (this.#state.index >= toIndex) return;
      if (tries === patience.tries)
        throw new HistoryRefused(
          'NOT_CAUGHT_UP',
          `the history ends at entry ${this.#state.index}, entry ${toIndex} was not there to read yet`,
          'Try again in a moment.',
        );
      await pause(patience.ms * 2 ** tries);
    }
  }

  async #foldOn(): Promise<void> {
    for (;;) {
      const texts = await this.#read(this.#state.index, this.#limit);
      if (texts.length === 0) return;
      await this.#foldTexts(texts);
      this.room.make(); // The newest state comes first: nothing else can be answered without it.
      if (this.#state.index >= this.#wanted) return;
    }
  }

  async #foldTexts(texts: readonly string[]): Promise<void> {
    let fold = bulkFold(this.#state);
    const entries: Entry[] = [];
    try {
      for await (const entry of decoded(texts)) {
        fold.add([entry]);
        entries.push(entry);
      }
    } catch (error) {
      fold = bulkFold(this.#state); // The other one may have stopped half-way through an event.
      fold.add(entries);
      throw error;
    } finally {
      for (const entry of entries) {
        this.index.add(entry);
        this.failures.add(entry);
      }
      this.#state = fold.finish();
      this.#past.climb(this.#state);
    }
  }

  /** @throws HistoryRefused UNKNOWN_POSITION for one beyond the newest */
  positionOf(moment: Moment | undefined): number {
    if (moment === undefined) return this.index.position;
    if ('at' in moment) return this.positionAt(moment.at);
    if (!Number.isSafeInteger(moment.position) || moment.position < 0)
      throw new HistoryRefused('MALFORMED_REQUEST', `${moment.position} is not a position`, 'Positions are whole numbers from 0.');
    if (moment.position > this.index.position)
      throw new HistoryRefused(
        'UNKNOWN_POSITION',
        `position ${moment.position} has not happened yet, the newest is ${this.index.position}`,
        `Ask for a position from 0 to ${this.index.position}.`,
      );
    return moment.position;
  }

  /** The last event at or before a time in epoch milliseconds, 0 when there is none. @throws HistoryRefused for what is no time */
  positionAt(time: number): number {
    if (!Number.isFinite(time)) throw new HistoryRefused('MALFORMED_REQUEST', `${time} is not a time`, 'Give epoch milliseconds.');
    return this.index.positionAt(time);
  }

  /** When a position happened, epoch milliseconds; 0 for position 0. */
  timeOf(position: number): number {
    return this.index.timeOf(this.index.entryOf(position));
  }

  /**
   * The state right after a moment's event, folded forward from the nearest state at hand. Position 0 is the state before the first.
   * A fold may take as much memory as the newest state does: there is one at a time, in turns of callers, and those who ask for the same
   * position share it.
   * @throws HistoryRefused for a position beyond the newest, BUSY when there is no memory for it
   */
  async stateAt(moment: Moment | undefined, signal?: AbortSignal, caller: Wish['caller'] = ''): Promise<State> {
    const position = this.positionOf(moment);
    const nearest = this.#nearest(position);
    if (nearest.position === position) return nearest;
    return await this.#folds.of(position, { caller, signal }, async (stop) => await this.#foldTo(position, stop));
  }

  /** The newest state is there also when the past was forgotten. */
  #nearest(position: number): State {
    return position >= this.#state.position ? this.#state : this.#past.nearest(position);
  }

  async #foldTo(position: number, signal: AbortSignal): Promise<State> {
    const nearest = this.#nearest(position); // Those before it may have left a nearer one.
    if (nearest.position === position) return nearest;
    let state = nearest;
    let fold = bulkFold(state);
    try {
      for await (const entry of this.entries(nearest.index + 1, this.index.entryOf(position), signal)) {
        this.room.claim();
        if (entry.firstPosition === fold.position + 1 && lastPositionIn(entry) <= position) fold.add([entry]);
        else {
          state = foldUpTo(fold.finish(), entry, Math.min(position, lastPositionIn(entry)));
          fold = bulkFold(state);
        }
      }
    } catch (error) {
      // The signal ends it between two entries: what is folded is whole, and whoever asks again goes on from there.
      if (error === signal.reason && fold.position > nearest.position) this.#past.remember(fold.finish());
      throw error;
    }
    state = fold.finish();
    this.#past.remember(state);
    return state;
  }

  /** Keeps a state that the caller has folded itself: the next question may go on from there. */
  remember(state: State): void {
    this.#past.remember(state);
  }

  /** One page of what happened. @throws HistoryRefused for a query that makes no sense */
  async events(query: EventQuery, signal?: AbortSignal): Promise<EventPage> {
    return await eventPage(this, query, signal);
  }

  /** Entries that are folded already, in order, both ends included. */
  async *entries(first: number, last: number, signal?: AbortSignal): AsyncGenerator<Entry> {
    let next = first;
    while (next <= last) {
      const texts = await this.texts(next, Math.min(last, next + this.#limit - 1), signal);
      for await (const entry of decoded(texts, signal)) yield entry;
      next += texts.length;
    }
  }

  /**
   * The texts of a run of entries, both ends included; the beginning of it when that is enough to be going on with.
   * @throws HistoryRefused NOT_CAUGHT_UP when the source does not have them
   */
  async texts(first: number, last: number, signal?: AbortSignal): Promise<readonly string[]> {
    for (let tries = 0; tries <= patience.tries; tries += 1) {
      signal?.throwIfAborted();
      const texts = await this.#read(first - 1, last - first + 1);
      if (texts.length > 0) return texts;
      await pause(patience.ms * 2 ** tries);
    }
    throw new HistoryRefused('NOT_CAUGHT_UP', `entry ${first} could not be read again`, 'Try again in a moment.');
  }

  async #read(afterIndex: number, limit: number): Promise<readonly string[]> {
    const texts = await this.#readTexts(afterIndex, limit);
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    if (characters > answerCharacters.many) this.#limit = Math.max(readLimits.least, this.#limit >> 1);
    else if (characters < answerCharacters.few && texts.length === limit) this.#limit = Math.min(readLimits.most, this.#limit << 1);
    return texts;
  }
}

/** Decodes one after the other and gives way in between. @throws UnreadableEntry */
export async function* decoded(texts: readonly string[], signal?: AbortSignal): AsyncGenerator<Entry> {
  let since = performance.now();
  for (const text of texts) {
    if (performance.now() - since > sliceMs) {
      await nextTurn();
      since = performance.now();
    }
    signal?.throwIfAborted();
    yield decodeEntry(text);
  }
}
