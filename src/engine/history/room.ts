import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { HistoryRefused } from './port.ts';

/** Parts of the heap. Between `least` and all of it lies what one stretch of work may take before it looks again. */
const share = { look: 7 / 8, least: 3 / 4 } as const;
/** Looking costs collections of the whole heap: what goes on without room does so only so often, and for a small part of its time. */
const vain = { ms: 1_000, times: 10 } as const;

/** The heap as it is and may be; for tests another one. */
export interface Heap {
  usedBytes(): number;
  readonly limitBytes: number;
  /** Frees what nothing refers to. */
  collect(): void;
  /** Milliseconds that only grow. */
  now(): number;
}

/** The heap of this process; undefined where nobody limited it, or it was started without --expose-gc: then nothing is judged. */
export function limitedHeap(): Heap | undefined {
  const { gc } = globalThis as { readonly gc?: () => void };
  const [, megabytes] = /^--max-old-space-size=(\d+)$/m.exec(process.execArgv.join('\n')) ?? [];
  if (gc === undefined || megabytes === undefined) return undefined;
  const limitBytes = Number(megabytes) * 1024 * 1024;
  return { usedBytes: () => oldBytes(limitBytes * share.look), limitBytes, collect: gc, now: () => performance.now() };
}

/** What counts against the limit: all but the young, which V8 keeps beside it. Below `least` the sum of both will do, which is quick. */
function oldBytes(least: number): number {
  const { used_heap_size: all } = getHeapStatistics();
  if (all < least) return all;
  const young = getHeapSpaceStatistics().filter(({ space_name: name }) => name.startsWith('new_'));
  return young.reduce((bytes, { space_used_size: used }) => bytes - used, all);
}

/**
 * Room in the heap: running out of it ends the process for everybody, so a question that finds too little is refused before.
 * What is kept for speed alone is let go of first.
 */
export class Room {
  readonly #heap: Heap | undefined;
  readonly #forget: () => boolean;
  #vainUntil = 0;

  /** @param forget lets go of something that is kept for speed alone; false when there is nothing left. */
  constructor(heap: Heap | undefined, forget: () => boolean) {
    this.#heap = heap;
    this.#forget = forget;
  }

  /** For work that goes on in any case: makes room as far as it can. */
  make(): void {
    const heap = this.#heap;
    const began = heap?.now() ?? 0;
    if (heap === undefined || began < this.#vainUntil || this.#isMade()) return;
    const now = heap.now();
    this.#vainUntil = now + Math.max(vain.ms, vain.times * (now - began));
  }

  /** @throws HistoryRefused BUSY when there is none: the question that asks for it must end. */
  claim(): void {
    if (this.#isMade()) return;
    throw new HistoryRefused(
      'BUSY',
      'the history process has no memory left for this question beside the others',
      'Ask again when other questions about the past are done, a few at a time; or for less: one table or projection, a narrower filter.',
    );
  }

  #isMade(): boolean {
    const heap = this.#heap;
    if (heap === undefined || heap.usedBytes() < heap.limitBytes * share.look) return true;
    do {
      heap.collect();
      if (heap.usedBytes() < heap.limitBytes * share.least) return true;
    } while (this.#forget());
    return false;
  }
}
