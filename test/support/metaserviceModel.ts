/**
 * What a client of the Meta Service may expect of one instance, from the contract alone: a few plain lists, and for each operation
 * the request, the answer and the change. It shares nothing with the program; where the two differ, the contract decides.
 */

export type Fields = Readonly<Record<string, unknown>>;

/** A request: an admin route with its query, or an RPC. */
export interface Call {
  readonly form: 'admin' | 'rpc';
  readonly name: string;
  readonly body?: Fields;
}
/** An operation that is about to be sent. */
export interface Planned {
  readonly call: Call;
  /** HTTP status of an admin route; internal code of an RPC, or one of several where the contract leaves it open. */
  readonly answer: number | string | readonly string[];
  /** The text: whole, or a pattern where the contract gives a part. Absent: any. */
  readonly msg?: string | RegExp;
  /** What an answer as expected means for the model. */
  readonly effect?: (reply: Fields) => void;
}
/** A refusal of an admin route; nothing when an operation is accepted. */
export type Refusal = readonly [http: number, msg: string | RegExp] | undefined;

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
export const starts = (text: string): RegExp => new RegExp(`^${literal(text)}`);
export const contains = (text: string): RegExp => new RegExp(literal(text));

export const admin = (name: string, body: Fields, refusal: Refusal, effect: () => void): Planned => ({
  call: { form: 'admin', name, body },
  ...(refusal === undefined ? { answer: 200, msg: '', effect } : { answer: refusal[0], msg: refusal[1] }),
});
export const rpc = (
  name: string,
  body: Fields,
  refusal: readonly [code: string | readonly string[], msg?: string | RegExp, effect?: Planned['effect']] | undefined,
  effect: (reply: Fields) => void,
): Planned => {
  const call = { form: 'rpc', name, body } as const;
  if (refusal === undefined) return { call, answer: 'OK', msg: '', effect };
  const [answer, msg, after] = refusal;
  return { call, answer, ...(msg === undefined ? {} : { msg }), ...(after === undefined ? {} : { effect: after }) };
};

/** Small numbers that follow from a seed, so that a step is short to print and the same when it is run again. */
export class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator.
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  percent(share: number): boolean {
    return this.below(100) < share;
  }

  of<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new Error('a draw from nothing');
    return found;
  }

  /** @returns one that is left when there is one, mostly; else any. Keeps about half of what is drawn acceptable. */
  fresh<T>(all: readonly T[], used: readonly T[]): T {
    const left = all.filter((each) => !used.includes(each));
    return left.length > 0 && this.percent(75) ? this.of(left) : this.of(all);
  }
}

export type Status = 'NORMAL' | 'OVERDUE' | 'DELETED';
export type ClusterStatus = 'NORMAL' | 'SUSPENDED' | 'TO_RESUME' | 'MANUAL_SHUTDOWN';
export interface RamUser {
  readonly user_id: string;
  readonly ak: string;
  readonly sk: string;
}
/** An object info, or the storage of a vault. */
export interface Info {
  readonly id: string;
  ak: string;
  sk: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  readonly provider: string;
  readonly external_endpoint: string;
  user_id?: string;
  sse_enabled?: boolean;
}
export interface Vault {
  readonly id: string;
  name: string;
  /** Absent: it is an HDFS vault. */
  readonly info?: Info;
}
export interface NodeOf {
  readonly cloud_unique_id?: string;
  readonly ip?: string;
  readonly host?: string;
  readonly heartbeat_port?: number;
  readonly edit_log_port?: number;
  readonly node_type?: string;
  readonly status?: string;
  /** Added within the last five minutes, which protects a frontend. */
  readonly isYoung: boolean;
}
export interface Cluster {
  readonly id: string;
  name: string;
  readonly type: 'SQL' | 'COMPUTE';
  nodes: NodeOf[];
  users: readonly string[];
  endpoints?: { readonly public_endpoint: string; readonly private_endpoint: string };
  status: ClusterStatus;
}
export interface Txn {
  readonly id: number;
  readonly db: number;
  readonly label: string;
  readonly table: number;
  readonly request: number;
  status: 'PREPARED' | 'PRECOMMITTED' | 'VISIBLE' | 'ABORTED';
  reason?: string;
  readonly rowsets: { readonly tablet: number; readonly id: string; readonly rows: number }[];
}
export interface Job {
  readonly id: string;
  readonly type: string;
  readonly expiration: number;
  lease: number;
}
export interface Tablet {
  readonly id: number;
  readonly db: number;
  readonly counts: {
    data_size: number;
    num_rows: number;
    num_rowsets: number;
    num_segments: number;
    base_compaction_cnt: number;
    cumulative_compaction_cnt: number;
    cumulative_point: number;
    full_compaction_cnt: number;
    index_size: number;
    segment_size: number;
  };
  jobs: Job[];
  hasJobRecord: boolean;
}

/** One instance and all that is below it, and a neighbour whose one node is in the way of its ids. */
export class World {
  readonly id: string;
  name = 'first';
  status: Status = 'NORMAL';
  hasVaults = false;
  sse = false;
  ramUser: RamUser | undefined;
  infos: Info[] = [];
  vaults: Vault[] = [];
  /** The name of the default vault; undefined while the contract does not say which it is. */
  defaultVault: string | undefined;
  clusters: Cluster[] = [];
  readonly txns: Txn[] = [];
  readonly tablets: Tablet[] = [];

  constructor(id: string) {
    this.id = id;
  }

  get degraded(): string {
    return `1:${this.id}:x`;
  }

  get neighbour(): { readonly instance: string; readonly node: NodeOf & { readonly cloud_unique_id: string } } {
    const node = { cloud_unique_id: `${this.id}-taken`, ip: '10.9.9.9', heartbeat_port: 9050, isYoung: true };
    return { instance: `${this.id}-neighbour`, node };
  }

  get nodes(): readonly NodeOf[] {
    return this.clusters.flatMap(({ nodes }) => nodes);
  }

  /** The largest number among the ids of object infos and vaults, plus 1. */
  nextStorageId(): string {
    return String(Math.max(0, ...[...this.infos, ...this.vaults].map(({ id }) => Number(id))) + 1);
  }
}

export type Plan = (world: World, draws: Draws) => Planned;
