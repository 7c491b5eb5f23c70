/** What a conformance case is written in: requests of the Meta Service, and the answers that its contract asks for. */

export const token = 'greedisgood9999';

export interface Request {
  readonly method: string;
  /** As it stands in the request line. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
/** A text in full, or the part of it that the contract fixes. */
export type Text = string | { readonly starts: string } | { readonly contains: string };
export const starts = (text: string): Text => ({ starts: text });
export const contains = (text: string): Text => ({ contains: text });

/** What must come back; what is absent is not looked at. */
export interface Expected {
  readonly http: number;
  /** The envelope's word. */
  readonly code?: string;
  /** The envelope's `msg`. */
  readonly msg?: Text;
  /** Part of the envelope's `result`: objects may hold more members, lists not more elements. */
  readonly result?: unknown;
  /** The whole of the envelope's `result`, the order of its members included. */
  readonly resultIs?: unknown;
  /** Part of a body that is no envelope. */
  readonly json?: unknown;
  /** The body, as it is. */
  readonly text?: Text;
  /** Header fields by lower case name; null: absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Any other statement on the answer; throws when it does not hold. */
  readonly holds?: (answer: Answer) => void;
}
export interface Answer {
  readonly http: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; undefined when it is not JSON. */
  readonly json: unknown;
}

export interface Exchange {
  readonly send: Request;
  readonly expect: Expected;
}
/** An exchange that depends on earlier answers of its case, such as one that names a transaction. */
export type Step = Exchange | ((answers: readonly Answer[]) => Exchange);

/** Steps in order against one node, on an instance id that no other case uses. */
export interface Case {
  /** Begins with the section of the contract. */
  readonly name: string;
  readonly steps: (i: string) => readonly Step[];
  /** Afterwards, whatever came of the steps: what leaves the node as it was. */
  readonly always?: readonly Exchange[];
  /** The node's log must not have grown when the steps from this one on are over. */
  readonly unchangedFrom?: number;
}
export const on = (name: string, steps: Case['steps'], more: Omit<Case, 'name' | 'steps'> = {}): Case => ({ name, steps, ...more });
/** A case of a single request that needs no instance. */
export const one = (name: string, exchange: Exchange): Case => on(name, () => [exchange]);

/** `POST /MetaService/http/<route>` with the token; a body that is no text is sent as JSON. */
export const admin = (route: string, body: unknown, expect: Expected): Exchange => ({
  send: {
    method: 'POST',
    path: `/MetaService/http/${route}?token=${token}`,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  },
  expect,
});
/** `GET /MetaService/http/<route>?token=…&…`. */
export const query = (route: string, parameters: Readonly<Record<string, string>>, expect: Expected): Exchange => ({
  send: {
    method: 'GET',
    path: `/MetaService/http/${route}?${Object.entries({ token, ...parameters })
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .join('&')}`,
  },
  expect,
});
/** `POST /MetaService/<method>`. */
export const rpc = (method: string, body: unknown, expect: Expected): Exchange => ({
  send: {
    method: 'POST',
    path: `/MetaService/${method}`,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  },
  expect,
});
export const raw = (send: Request, expect: Expected): Exchange => ({ send, expect });

export const ok: Expected = { http: 200, code: 'OK', msg: '' };
export const okWith = (result: unknown): Expected => ({ ...ok, result });
export const okIs = (resultIs: unknown): Expected => ({ ...ok, resultIs });
export const invalid = (msg?: Text): Expected => refusal(400, 'INVALID_ARGUMENT', msg);
export const notFound = (msg?: Text): Expected => refusal(404, 'NOT_FOUND', msg);
export const existed = (msg?: Text): Expected => refusal(409, 'ALREADY_EXISTED', msg);
export const internal = (msg?: Text): Expected => refusal(500, 'INTERNAL_ERROR', msg);
const refusal = (http: number, code: string, msg: Text | undefined): Expected => ({ http, code, ...(msg === undefined ? {} : { msg }) });

/** A reply of the plain RPC form: its status, and part of the rest. */
export const reply = (code: string, msg?: string, more: Readonly<Record<string, unknown>> = {}): Expected => ({
  http: 200,
  json: { status: { code, ...(msg === undefined ? {} : { msg }) }, ...more },
});
export const replied = (more: Readonly<Record<string, unknown>> = {}): Expected => reply('OK', undefined, more);
/** A reply whose message is known in part. */
export const replySays = (code: string, text: Text): Expected => ({
  http: 200,
  json: { status: { code } },
  holds: ({ json }) => {
    const said = (json as { status?: { msg?: string } }).status?.msg ?? '';
    if (!matches(said, text)) throw new Error(`the reply says ${JSON.stringify(said)}, not ${JSON.stringify(text)}`);
  },
});

export function matches(said: string, text: Text): boolean {
  if (typeof text === 'string') return said === text;
  return 'starts' in text ? said.startsWith(text.starts) : said.includes(text.contains);
}

/** A member of a reply of the plain RPC form, or of an envelope; @param path `txn_info.status` */
export function member(answer: Answer | undefined, path: string): unknown {
  let at: unknown = answer?.json;
  for (const name of path.split('.')) at = (at as Record<string, unknown> | undefined)?.[name];
  return at;
}
/** The latest of these answers that has such a member. */
export const latest = (answers: readonly Answer[], path: string): unknown =>
  member(
    answers.findLast((answer) => member(answer, path) !== undefined),
    path,
  );

// What many cases begin with.

/** An instance in vault mode, without storage. */
export const instance = (i: string, more: Readonly<Record<string, unknown>> = {}): Exchange =>
  admin('create_instance', { instance_id: i, user_id: 'user', ...more }, ok);
/** All that a legacy object info needs. */
export const objInfo = {
  ak: 'ak-first',
  sk: 'sk-first',
  bucket: 'bucket',
  prefix: 'prefix',
  endpoint: 'cos.example.com',
  external_endpoint: 'cos.example.com',
  region: 'region',
  provider: 'COS',
} as const;
/** An instance in legacy mode, with one object info. */
export const legacyInstance = (i: string, more: Readonly<Record<string, unknown>> = {}): Exchange =>
  admin('create_instance', { instance_id: i, user_id: 'user', obj_info: objInfo, ...more }, ok);
/** In degraded form. */
export const uid = (i: string, name = 'node'): string => `1:${i}:${name}`;

export const be = (i: string, n: number, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  cloud_unique_id: uid(i, `be${n}`),
  ip: `10.0.0.${n}`,
  heartbeat_port: 9050,
  ...more,
});
export const fe = (
  i: string,
  n: number,
  nodeType: 'FE_MASTER' | 'FE_FOLLOWER' | 'FE_OBSERVER',
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  cloud_unique_id: uid(i, `fe${n}`),
  ip: `10.1.0.${n}`,
  edit_log_port: 9010,
  node_type: nodeType,
  ...more,
});
/** A compute cluster of id and name `c<n>`. */
export const compute = (n: number, nodes: readonly unknown[] = [], more: Readonly<Record<string, unknown>> = {}) => ({
  cluster_id: `c${n}`,
  cluster_name: `c${n}`,
  type: 'COMPUTE',
  nodes,
  ...more,
});
/** The frontends' cluster. */
export const sql = (nodes: readonly unknown[], more: Readonly<Record<string, unknown>> = {}) => ({
  cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER',
  cluster_name: 'RESERVED_CLUSTER_NAME_FOR_SQL_SERVER',
  type: 'SQL',
  nodes,
  ...more,
});
export const addCluster = (i: string, cluster: unknown, expect: Expected = ok): Exchange =>
  admin('add_cluster', { instance_id: i, cluster }, expect);
/** What get_instance says of an instance. */
export const shown = (i: string, expect: Expected): Exchange => query('get_instance', { instance_id: i }, expect);
/** `get_cluster` by cluster id. */
export const clusterShown = (i: string, clusterId: string, expect: Expected): Exchange =>
  admin('get_cluster', { cloud_unique_id: uid(i), cluster_id: clusterId }, expect);
