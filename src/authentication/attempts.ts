/** Bounds of wrong credentials: `perWindow` from one address within `windowMs`. */
export const attemptLimits = { perWindow: 10, windowMs: 60_000, addresses: 10_000 } as const;

/**
 * Counts wrong credentials by address, and those that are still being looked at as wrong ones: many at once are no way around.
 * An IPv6 address counts with all others of its /64, which belong to one household. When there are too many addresses the oldest
 * is forgotten.
 */
export class Attempts {
  readonly #now: () => number;
  /** The oldest window first. */
  readonly #byAddress = new Map<string, { readonly since: number; failures: number; underWay: number }>();

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** For metrics and tests. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** @returns milliseconds until this address may try again; 0 when it may now */
  waitMs(host: string): number {
    const row = this.#rowOf(addressOf(host));
    if (row === undefined || row.failures + row.underWay < attemptLimits.perWindow) return 0;
    return Math.max(1, row.since + attemptLimits.windowMs - this.#now());
  }

  /** An attempt begins. @returns what to call with its outcome, once */
  begin(host: string): (wasRight: boolean) => void {
    const address = addressOf(host);
    const row = this.#rowOf(address) ?? { since: this.#now(), failures: 0, underWay: 0 };
    row.underWay += 1;
    this.#keep(address, row);
    return (wasRight) => {
      row.underWay -= 1;
      if (!wasRight) row.failures += 1;
      if (row.failures === 0 && row.underWay === 0 && this.#byAddress.get(address) === row) this.#byAddress.delete(address);
    };
  }

  #rowOf(address: string) {
    const row = this.#byAddress.get(address);
    if (row === undefined || this.#now() < row.since + attemptLimits.windowMs || row.underWay > 0) return row;
    this.#byAddress.delete(address);
    return undefined;
  }

  #keep(address: string, row: { readonly since: number; failures: number; underWay: number }): void {
    if (!this.#byAddress.has(address) && this.#byAddress.size >= attemptLimits.addresses) {
      const [oldest] = this.#byAddress.keys();
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    this.#byAddress.set(address, row);
  }
}

/** What is counted together: an IPv4 address, the first 64 bits of an IPv6 one. */
export function addressOf(host: string): string {
  if (!host.includes(':')) return host;
  const [text = ''] = host.split('%');
  const [before = '', after] = text.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  // An IPv4 address at the end stands for two groups.
  const groups = head.length + tail.length + (text.includes('.') ? 1 : 0);
  const all = after === undefined ? head : [...head, ...Array.from({ length: Math.max(0, 8 - groups) }, () => '0'), ...tail];
  return `${all.slice(0, 4).join(':')}::/64`;
}
