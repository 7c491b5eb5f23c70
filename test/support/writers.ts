import { decodeEntry, type Entry } from '../../events/envelope.ts';

/** A write that a node acknowledged: its idempotency key, the position it was given, and when the answer came (performance.now()). */
export interface Acknowledged {
  readonly writer: number;
  readonly number: number;
  readonly key: string;
  readonly position: number;
  readonly at: number;
}

/**
 * Writers that keep on writing, one write at a time each, until `stop`: every write goes on with the same idempotency key, at
 * another node, until it is acknowledged.
 */
export class Writers {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers other than success, by status or error code. */
  readonly refusals = new Map<string, number>();
  readonly #urls: readonly string[];
  readonly #run: string;
  readonly #loops: Promise<void>[];
  #isStopped = false;

  constructor(urls: readonly string[], count: number, run: string) {
    this.#urls = urls;
    this.#run = run;
    this.#loops = Array.from({ length: count }, (_, writer) => this.#loop(writer));
  }

  /** Lets every write under way be acknowledged, then ends. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(writer: number): Promise<void> {
    for (let number = 1; !this.#isStopped; number += 1) {
      const key = `${this.#run}-${writer}-${number}`;
      for (let attempt = writer; ; attempt += 1) {
        const position = await this.#write(this.#urls[attempt % this.#urls.length] ?? '', writer, key);
        if (position === undefined) continue;
        this.acknowledged.push({ writer, number, key, position, at: performance.now() });
        break;
      }
    }
  }

  async #write(url: string, writer: number, key: string): Promise<number | undefined> {
    try {
      const response = await fetch(`${url}/v1/configs/datalake.${this.#run}.w${writer}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ value: key }),
        signal: AbortSignal.timeout(3_000),
      });
      const body = (await response.json()) as { position?: number; code?: string };
      if (response.ok && body.position !== undefined) return body.position;
      this.#count(`${response.status} ${body.code}`);
    } catch (error) {
      this.#count(error instanceof Error ? error.name : 'error');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    return undefined;
  }

  #count(what: string): void {
    this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
  }
}

/** All entries of a node's log. */
export async function readLog(url: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const response = await fetch(`${url}/v1/log?after=${entries.length}&limit=1000`);
    const lines = (await response.text()).split('\n').filter((line) => line !== '');
    if (!response.ok) throw new Error(`GET /v1/log answered ${response.status}: ${lines[0]}`);
    if (lines.length === 0) return entries;
    for (const line of lines) entries.push(decodeEntry(line));
  }
}

/** What is wrong between what was acknowledged and what the log holds: empty when nothing is. */
export function faults(acknowledged: readonly Acknowledged[], entries: readonly Entry[]): readonly string[] {
  const places = new Map<string, number[]>();
  for (const entry of entries)
    for (const [i, event] of entry.events.entries())
      places.set(event.act.commandId, [...(places.get(event.act.commandId) ?? []), entry.firstPosition + i]);
  const found: string[] = [];
  const newest = new Map<number, number>();
  for (const { key, position, writer } of acknowledged) {
    const at = places.get(key);
    if (at === undefined) found.push(`lost: ${key}, acknowledged at ${position}`);
    else if (at.length > 1) found.push(`doubled: ${key} at ${at.join(', ')}`);
    else if (at[0] !== position) found.push(`moved: ${key}, acknowledged at ${position}, is at ${at[0]}`);
    if (position <= (newest.get(writer) ?? 0)) found.push(`reordered: ${key} at ${position}, after ${newest.get(writer)}`);
    newest.set(writer, position);
  }
  return found;
}

/** The longest time between one acknowledgement and the next one at or after `since`, milliseconds. */
export function longestGap(acknowledged: readonly Acknowledged[], since: number): number {
  let previous = since;
  let longest = 0;
  for (const { at } of acknowledged) {
    if (at < since) continue;
    longest = Math.max(longest, at - previous);
    previous = at;
  }
  return longest;
}
