import { failed, ok, type Status } from './codes.ts';
import { type AdminRoutes, envelope } from './method.ts';

/** `instances`: how many (RPC, instance) pairs may have a limit of their own. `perSecond`: what counts while nobody has said anything. */
export const rateLimits = { instances: 10_000, perSecond: 1_000_000 } as const;

interface Limit {
  perSecond: number;
  readonly byInstance: Map<string, number>;
}
/** Requests of one (RPC, instance) in the second that began at `from`. */
interface Count {
  from: number;
  requests: number;
}

/**
 * How many requests per second each instance may make of each RPC: soft state of one node. Nothing is counted before the first change:
 * no process answers a million requests a second.
 */
export class RateLimits {
  readonly #limits: ReadonlyMap<string, Limit>;
  readonly #now: () => number;
  #counts = new Map<string, Count>();
  #isChanged = false;

  /** @param now milliseconds of any clock that does not go back */
  constructor(methods: readonly string[], now: () => number) {
    this.#limits = new Map(methods.map((method) => [method, { perSecond: rateLimits.perSecond, byInstance: new Map<string, number>() }]));
    this.#now = now;
  }

  /** Whether any limit was changed: if not, nobody need ask whose request it is. */
  get areActive(): boolean {
    return this.#isChanged;
  }

  /** Counts one request. @returns whether it may run */
  take(method: string, instanceId: string): boolean {
    const limit = this.#limits.get(method);
    if (limit === undefined) return true;
    const most = limit.byInstance.get(instanceId) ?? limit.perSecond;
    if (most >= rateLimits.perSecond) return true;
    const now = this.#now();
    const key = `${method}\n${instanceId}`;
    const count = this.#counts.get(key);
    if (count === undefined || now - count.from >= 1000) {
      if (this.#counts.size >= rateLimits.instances) this.#counts = new Map(); // Callers that made up instances: all begin anew.
      this.#counts.set(key, { from: now, requests: 1 });
      return most > 0;
    }
    count.requests += 1;
    return count.requests <= most;
  }

  /** One request of `adjust_rate_limit`. */
  adjust(query: URLSearchParams): Status {
    const [given, method, instanceId] = ['qps_limit', 'rpc_name', 'instance_id'].map((name) => (query.get(name) ?? '').slice(0, 1024));
    if (given === undefined || method === undefined || instanceId === undefined || given === '')
      return invalid(`invalid argument: qps_limit(required)=${given}, rpc_name(optional)=${method}, instance_id(optional)=${instanceId}`);
    if (!/^[+-]?\d{1,15}$/.test(given)) return invalid(`param \`qps_limit\` is not a legal int64 type:${given}`);
    const perSecond = Number(given);
    if (perSecond < 0) return invalid('`qps_limit` should not be less than 0');
    const limits = method === '' ? [...this.#limits.values()] : [this.#limits.get(method)];
    const fault = `failed to adjust rate limit for qps_limit=${given}, rpc_name=${method}, instance_id=${instanceId}, `;
    if (limits.includes(undefined)) return invalid(`${fault}plz ensure correct rpc/instance name`);
    if (instanceId !== '' && this.#pairs() + limits.length > rateLimits.instances)
      return invalid(`${fault}at most ${rateLimits.instances} limits of single instances are kept`);
    for (const limit of limits) {
      if (limit === undefined) continue;
      if (instanceId === '') limit.perSecond = perSecond;
      else limit.byInstance.set(instanceId, perSecond);
    }
    this.#isChanged = true;
    return ok;
  }

  #pairs(): number {
    let pairs = 0;
    for (const { byInstance } of this.#limits.values()) pairs += byInstance.size;
    return pairs;
  }

  /** What `list_rate_limit` shows. */
  shown(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      [...this.#limits].map(([method, { byInstance, perSecond }]) => [
        method,
        { 'RPC qps limit': perSecond, 'instance specific qps limit': Object.fromEntries(byInstance) },
      ]),
    );
  }
}

const invalid = (text: string): Status => failed('INVALID_ARGUMENT', text);

export const rateLimitRoutes = (limits: RateLimits): AdminRoutes => ({
  adjust_rate_limit: { kind: 'query', call: (query) => Promise.resolve(envelope(limits.adjust(query))) },
  list_rate_limit: { kind: 'query', call: () => Promise.resolve({ kind: 'envelope', status: ok, json: limits.shown() }) },
});
