/**
 * What waits, and for whom. Callers take turns, so whoever asks much holds up others by one thing at a time; what one caller waits for
 * stays in order. Its bounds are its owner's business.
 */
export class FairQueue<T> {
  /** In the order of turns; nobody is in it who waits for nothing. */
  readonly #callers = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(caller: string): number {
    return this.#callers.get(caller)?.length ?? 0;
  }

  add(caller: string, item: T): void {
    const items = this.#callers.get(caller);
    if (items === undefined) this.#callers.set(caller, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** What was taken too early, before everything else of its caller. */
  putBack(caller: string, item: T): void {
    this.#callers.set(caller, [item, ...(this.#callers.get(caller) ?? [])]);
    this.#size += 1;
  }

  /** The first thing of whoever's turn it is, passing over those who may not have a turn now; theirs comes when they may. */
  next(mayHaveTurn: (caller: string) => boolean = () => true): T | undefined {
    for (const [caller, items] of this.#callers) {
      if (!mayHaveTurn(caller)) continue;
      const item = items.shift();
      this.#callers.delete(caller);
      if (items.length > 0) this.#callers.set(caller, items);
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** @returns whether it was waiting */
  remove(caller: string, item: T): boolean {
    const items = this.#callers.get(caller);
    const at = items?.indexOf(item) ?? -1;
    if (items === undefined || at < 0) return false;
    items.splice(at, 1);
    if (items.length === 0) this.#callers.delete(caller);
    this.#size -= 1;
    return true;
  }

  /** Everything, which is taken out. */
  drain(): readonly T[] {
    const items = [...this.#callers.values()].flat();
    this.#callers.clear();
    this.#size = 0;
    return items;
  }
}
