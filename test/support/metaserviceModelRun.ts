/** Draws sequences of operations, sends them, and compares every answer and every read with the model. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { asking } from '../metaservice/support.ts';
import { type Call, Draws, type Fields, type Info, type NodeOf, type Planned, type World } from './metaserviceModel.ts';
import { addNeighbourCluster, clusterPlans } from './metaserviceModelClusters.ts';
import { createFirst, createNeighbour, storagePlans } from './metaserviceModelStorage.ts';
import { indexOf, txnPlans } from './metaserviceModelTxns.ts';

const plans = [...storagePlans, ...clusterPlans, ...txnPlans];
export interface Step {
  readonly name: string;
  /** What its details follow from. */
  readonly seed: number;
}
export interface Sequence {
  readonly mode: Parameters<typeof createFirst>[1];
  readonly steps: readonly Step[];
}
/** @param disturbances names of steps that are no operations, with how often each is drawn beside about 130 operations */
export function sequences(length: number, disturbances: readonly (readonly [weight: number, name: string])[] = []): fc.Arbitrary<Sequence> {
  const name = fc.oneof(...[...plans, ...disturbances].map(([weight, each]) => ({ weight, arbitrary: fc.constant(each) })));
  const seed = fc.noBias(fc.nat(2 ** 31 - 1));
  return fc.record({
    mode: fc.constantFrom('legacy', 'legacy', 's3 vault', 'hdfs vault', 'no storage'),
    steps: fc.noBias(fc.array(fc.record({ name, seed }), { minLength: length, maxLength: length })),
  });
}

export interface Heard {
  readonly http: number;
  readonly text: string;
  readonly body: Fields;
  /** The newest position that the answer knows of; 0 when it says none. */
  readonly position: number;
}
export interface Wish {
  readonly key?: string;
  readonly atLeast?: number;
}
/** Sends a request until it is answered. */
export type Send = (call: Call, wish: Wish) => Promise<Heard>;

/** One request to one node. @returns undefined when nobody answered, or the answer was that it may be sent again */
export async function sendOnce(url: string, call: Call, { atLeast, key }: Wish): Promise<Heard | undefined> {
  const name = atLeast === undefined ? call.name : `${call.name}${call.name.includes('?') ? '&' : '?'}atLeast=${atLeast}`;
  const more = key === undefined ? {} : { headers: { 'idempotency-key': key } };
  const service = asking(url);
  try {
    const reply = await (call.form === 'admin' ? service.post(name, call.body, more) : service.rpc(name, call.body, more));
    const body = reply.json ?? {};
    const heard = { http: reply.status, text: reply.text, body, position: Number(reply.headers['chancery-position'] ?? 0) };
    return mayBeSentAgain(heard) ? undefined : heard;
  } catch {
    return undefined; // The node is down, or went down before it answered.
  }
}
const textOf = ({ body }: Heard): string => {
  const status = body['status'] as { readonly msg?: string } | undefined;
  return String(body['msg'] ?? status?.msg ?? '');
};
function mayBeSentAgain(heard: Heard): boolean {
  const isBareText = heard.http === 500 && heard.text === '\n'; // How get_tablet_stats says anything but "unknown".
  return isBareText || /^(KV_TXN_STORE_\w+_RETRYABLE|UNDEFINED_ERR): /.test(textOf(heard));
}

export interface Figures {
  operations: number;
  accepted: number;
  refused: number;
  reads: number;
  resent: number;
}
export const noFigures = (): Figures => ({ operations: 0, accepted: 0, refused: 0, reads: 0, resent: 0 });

/** An instance under test, and what was heard of it. */
export class Run {
  readonly world: World;
  readonly figures: Figures;
  readonly #send: Send;
  readonly #trail: string[] = [];
  #requests = 0;
  /** The newest position that any answer named. */
  seen = 0;

  constructor(world: World, send: Send, figures: Figures) {
    this.world = world;
    this.#send = send;
    this.figures = figures;
  }

  async begin(mode: Sequence['mode']): Promise<void> {
    await this.#perform('createFirst', createFirst(this.world, mode));
    await this.#perform('createNeighbour', createNeighbour(this.world));
    await this.#perform('addNeighbourCluster', addNeighbourCluster(this.world));
  }

  /** One operation, and a look at something it may have changed. */
  async step({ name, seed }: Step): Promise<void> {
    const draws = new Draws(seed);
    const plan = plans.find(([, each]) => each === name)?.[2];
    if (plan === undefined) throw new Error(`there is no operation ${name}`);
    await this.#perform(name, plan(this.world, draws));
    await this.check(draws.of(viewsOf(this.world)));
  }

  async #perform(name: string, planned: Planned): Promise<void> {
    this.#requests += 1;
    const heard = await this.#send(planned.call, { key: `${this.world.id}-${this.#requests}` });
    this.seen = Math.max(this.seen, heard.position);
    this.#trail.push(`${this.#requests} ${name} ${planned.call.name} ${JSON.stringify(planned.call.body)} -> ${textOf(heard)}`);
    const isRpc = planned.call.form === 'rpc';
    const answered = isRpc ? String((heard.body['status'] as Fields | undefined)?.['code']) : heard.http;
    const wanted = [planned.answer].flat();
    if (isRpc && heard.http !== 200) this.#fail(`HTTP ${heard.http}`, heard);
    if (!wanted.includes(answered)) this.#fail(`it was to be ${wanted.join(' or ')} ${String(planned.msg ?? '')}`, heard);
    const { msg } = planned;
    if (msg !== undefined && !(typeof msg === 'string' ? textOf(heard) === msg : msg.test(textOf(heard))))
      this.#fail(`its text was to be ${String(msg)}`, heard);
    if (!isRpc && heard.body['code'] !== wordOf(heard.http)) this.#fail(`its word was to be ${wordOf(heard.http)}`, heard);
    planned.effect?.(heard.body);
    this.figures.operations += 1;
    if (answered === 200 || answered === 'OK') this.figures.accepted += 1;
    else this.figures.refused += 1;
  }

  /** @param send whom to ask; default: whom operations are sent to */
  async check({ call, shows, what }: View, send = this.#send): Promise<void> {
    const heard = await send(call, { atLeast: this.seen });
    this.figures.reads += 1;
    try {
      expect(what(heard)).toMatchObject(shows);
    } catch (error) {
      this.#fail(`${call.name} ${JSON.stringify(call.body)} shows something else: ${String(error)}`, heard);
    }
  }
  /** Everything there is to see. */
  async checkAll(send = this.#send): Promise<void> {
    for (const view of viewsOf(this.world)) await this.check(view, send);
  }

  #fail(why: string, heard: Heard): never {
    const recent = this.#trail.slice(-12).join('\n  ');
    throw new Error(`${this.world.id}: ${why}\nanswered: HTTP ${heard.http} ${heard.text}\nafter the operations\n  ${recent}`);
  }
}
const wordOf = (http: number): string =>
  ({ 200: 'OK', 400: 'INVALID_ARGUMENT', 404: 'NOT_FOUND', 409: 'ALREADY_EXISTED' })[http] ?? 'INTERNAL_ERROR';

/** A read and what it must show; times, ids of the service's own making and the like are left open. */
interface View {
  readonly call: Call;
  readonly what: (heard: Heard) => object;
  readonly shows: object;
}
const listIn = (from: unknown, name: string): readonly Fields[] => ((from as Fields | undefined)?.[name] ?? []) as readonly Fields[];
const resultOf = ({ body }: Heard): Fields => (body['result'] ?? {}) as Fields;
const clustersOf = (list: readonly Fields[]): readonly Fields[] =>
  list.map((each) => ({ ...each, nodes: each['nodes'] ?? [], mysql_user_name: each['mysql_user_name'] ?? [] }));

const nodeShown = ({ isYoung: _isYoung, ...node }: NodeOf): Fields => node;
function clustersShown({ clusters }: World): readonly Fields[] {
  return clusters.map(({ endpoints, id, name, nodes, status, type, users }) => ({
    cluster_id: id,
    cluster_name: name,
    type,
    nodes: nodes.map(nodeShown),
    mysql_user_name: users,
    ...(type === 'COMPUTE' ? { cluster_status: status } : {}),
    ...endpoints,
  }));
}
const placeShown = ({ id: _id, ...info }: Info): Fields => info;

function instanceView(world: World): View {
  return {
    call: { form: 'admin', name: `get_instance?instance_id=${world.id}` },
    what: (heard) => {
      const result = resultOf(heard);
      const lists = { obj_info: listIn(result, 'obj_info'), clusters: clustersOf(listIn(result, 'clusters')) };
      return { ...result, ...lists, names: listIn(result, 'storage_vault_names'), ids: listIn(result, 'resource_ids') };
    },
    shows: {
      instance_id: world.id,
      name: world.name,
      status: world.status,
      sse_enabled: world.sse,
      obj_info: world.infos,
      clusters: clustersShown(world),
      names: world.vaults.map(({ name }) => name),
      ids: world.vaults.map(({ id }) => id),
      enable_storage_vault: world.hasVaults,
      iam_user: { external_id: world.id },
      ...(world.ramUser === undefined ? {} : { ram_user: world.ramUser }),
      ...(world.defaultVault === undefined ? {} : { default_storage_vault_name: world.defaultVault }),
    },
  };
}
function storageView(world: World): View {
  const vaults = world.vaults
    .toSorted((a, b) => Number(a.id) - Number(b.id))
    .map(({ id, info, name }) => ({ id, name, ...(info === undefined ? { hdfs_info: {} } : { obj_info: placeShown(info) }) }));
  return {
    call: { form: 'admin', name: 'get_obj_store_info', body: { cloud_unique_id: world.degraded } },
    what: (heard) => ({ infos: listIn(resultOf(heard), 'obj_info'), vaults: listIn(resultOf(heard), 'storage_vault') }),
    shows: { infos: world.infos, vaults },
  };
}
const clusterCall = (world: World, by: Fields): Call => ({
  form: 'admin',
  name: 'get_cluster',
  body: { cloud_unique_id: world.degraded, ...by },
});
function clusterViews(world: World): readonly View[] {
  const shown = clustersShown(world);
  const none = (by: Fields, text: string): View => ({
    call: clusterCall(world, by),
    what: ({ body, http }) => ({ http, msg: body['msg'] }),
    shows: { http: 404, msg: `fail to get cluster with cloud_unique_id: "${world.degraded}"${text}` },
  });
  const one = (by: Fields, cluster: Fields): View => ({
    call: clusterCall(world, by),
    what: (heard) => clustersOf([resultOf(heard)])[0] ?? {},
    shows: cluster,
  });
  const all: View = { call: clusterCall(world, {}), what: (heard) => clustersOf(listIn(resultOf(heard), 'cluster')), shows: shown };
  const user = shown.find(({ mysql_user_name: names }) => (names as readonly string[]).includes('u2'));
  return [
    shown.length === 0 ? none({}, '') : all,
    none({ cluster_id: 'c9' }, ' cluster_id: "c9"'),
    ...shown.slice(-1).map((cluster) => one({ cluster_id: cluster['cluster_id'], cluster_name: 'ignored' }, cluster)),
    ...shown.slice(0, 1).map((cluster) => one({ cluster_name: cluster['cluster_name'] }, cluster)),
    user === undefined ? none({ mysql_user_name: 'u2' }, ' mysql_user_name: "u2"') : one({ mysql_user_name: 'u2' }, user),
  ];
}
function statusView(world: World): View {
  const shown = world.clusters.filter(({ type }) => type === 'COMPUTE').map(({ id, name, status }) => [id, name, status]);
  return {
    call: { form: 'admin', name: 'get_cluster_status', body: { instance_ids: [world.id, `${world.id}-none`] } },
    what: (heard) => {
      const details = listIn(resultOf(heard), 'details');
      const triples = (detail: Fields) =>
        listIn(detail, 'clusters').map((each) => [each['cluster_id'], each['cluster_name'], each['cluster_status']]);
      return details.map((detail) => [detail['instance_id'], triples(detail)]);
    },
    shows: shown.length === 0 ? [] : [[world.id, shown]],
  };
}
function txnViews(world: World): readonly View[] {
  return world.txns.map(({ db, id, label, reason, status, table }) => ({
    call: { form: 'rpc', name: 'get_txn', body: { cloud_unique_id: world.degraded, txn_id: id } },
    what: ({ body }) => (body['txn_info'] ?? {}) as object,
    shows: {
      txn_id: id,
      db_id: db,
      label,
      table_ids: [table],
      status: `TXN_STATUS_${status}`,
      ...(reason === undefined ? {} : { reason }),
    },
  }));
}
function statsView(world: World): View {
  const wanted = world.tablets.map(({ counts, id }) => {
    const { full_compaction_cnt: full, index_size, segment_size, ...most } = counts;
    const shown = { ...most, ...(full > 0 ? { full_compaction_cnt: full } : {}), index_size, segment_size };
    const index = Object.entries(indexOf(id)).map(([name, value]) => `    ${name}: ${value}`);
    return ['tablet_stats {', '  idx {', ...index, '  }', ...Object.entries(shown).map(([name, value]) => `  ${name}: ${value}`), '}'];
  });
  const text = ['status {', '  code: OK', '  msg: ""', '}', ...wanted.flat(), '', ''].join('\n');
  return {
    call: {
      form: 'admin',
      name: 'get_tablet_stats',
      body: { cloud_unique_id: world.degraded, tablet_idx: world.tablets.map(({ id }) => ({ tablet_id: id })) },
    },
    // When something was compacted last is left open, and whether the database is known.
    what: (heard) => ({ http: heard.http, text: heard.text.replace(/^ *(last_\w+_time_ms|db_id): \d+\n/gm, '') }),
    shows: { http: 200, text },
  };
}
const viewsOf = (world: World): readonly View[] => [
  instanceView(world),
  storageView(world),
  ...clusterViews(world),
  statusView(world),
  statsView(world),
  ...txnViews(world),
];
