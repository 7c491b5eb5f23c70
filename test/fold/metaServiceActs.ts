/** Acts of the Meta Service that fit together in many orders, and a way to have them decided one after the other. */
import fc from 'fast-check';
import type { LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import type { ComparableSecret } from '../../events/kit.ts';
import { draftState, finishState, foldEvent, initialState } from '../../projections/state.ts';
import { type Command, decide } from '../../src/deciders/commands.ts';
import { actOf, type Chapter } from '../support/given.ts';
import { dataKeyActs } from './dataKeyActs.ts';

const key = (text: string): ComparableSecret => ({ keyId: 'k1', nonce: 'bm9uY2U=', ciphertext: `sealed ${text}`, fingerprint: text });
const keys = (text: string) => ({ ak: key(`ak ${text}`), sk: key(`sk ${text}`) });
const place = { bucket: 'b', prefix: 'p', endpoint: 'e', region: 'r', externalEndpoint: 'x', userId: 'u1' } as const;
const store = (text: string) => ({ ...place, ...keys(text), provider: 'S3' as const });
const account = (text: string) => ({ userId: 'ram', ...keys(text) });

const ofInstance = (instanceId: string): readonly Command[] => {
  const cloudUniqueId = `1:${instanceId}:x`;
  const caller = { cloudUniqueId };
  return [
    {
      name: 'createInstance',
      instanceId,
      userId: 'u',
      ramUser: account('ram'),
      vault: { hdfsInfo: { buildConf: { fsName: 'hdfs://h' } } },
    },
    { name: 'createInstance', instanceId, instanceName: 'first', objInfo: store('one'), ramUser: account('ram') },
    { name: 'renameInstance', instanceId, instanceName: 'other' },
    { name: 'setInstanceStatus', instanceId, op: 'SET_OVERDUE' },
    { name: 'setInstanceStatus', instanceId, op: 'SET_NORMAL' },
    { name: 'setInstanceEncryption', instanceId, enabled: true },
    { name: 'setInstanceEncryption', instanceId, enabled: false },
    { name: 'setRamUser', instanceId, ramUser: account('new') },
    { name: 'dropInstance', instanceId },
    { name: 'addObjectStore', ...caller, obj: store('two') },
    { name: 'rotateObjectStoreKeys', ...caller, obj: { id: '1', ...keys('three') } },
    { name: 'rotateObjectStoreKeys', ...caller, obj: { id: '1', roleArn: 'arn' } },
    { name: 'rotateKeys', instanceId, internalBucketUser: [{ userId: 'u1', ...keys('four') }], ramUser: account('four') },
    { name: 'rotateKeys', instanceId, ramUser: account('five') },
    { name: 'addStorageVault', ...caller, kind: 'S3', vault: { name: 'v1', objInfo: store('six') }, setAsDefaultStorageVault: true },
    {
      name: 'addStorageVault',
      ...caller,
      kind: 'HDFS',
      vault: { name: 'v2', hdfsInfo: { buildConf: { fsName: 'hdfs://h' }, prefix: 'q' } },
    },
    { name: 'alterStorageVault', ...caller, kind: 'S3', vault: { name: 'v1', objInfo: keys('seven') } },
    { name: 'setDefaultVault', ...caller, vault: { name: 'v2' } },
    { name: 'unsetDefaultVault', ...caller },
    { name: 'dropStorageVault', ...caller, vault: { name: 'v2' } },
    { name: 'createStage', ...caller, stage: { type: 'EXTERNAL', name: 's1', stageId: 's1', objInfo: store('eight') } },
    { name: 'dropStage', ...caller, type: 'EXTERNAL', stageName: 's1' },
    ...['c1', 'c2', 'c3'].flatMap((clusterId, n) => ofCluster(instanceId, clusterId, n)),
    { name: 'addCluster', instanceId, cluster: { clusterId: 'v', clusterName: 'v', type: 'VIRTUAL' } },
    {
      name: 'alterVirtualCluster',
      instanceId,
      cluster: {
        clusterId: 'v',
        clusterNames: ['c1', 'c2'],
        clusterPolicy: { type: 'ActiveStandby', activeClusterName: 'c1', standbyClusterNames: ['c2'] },
      },
    },
    ...ofTablets(cloudUniqueId),
  ];
};

const ofCluster = (instanceId: string, clusterId: string, n: number): readonly Command[] => {
  const node = (host: number) => ({ cloudUniqueId: `1:${instanceId}:n${host}`, ip: `10.0.${n}.${host}`, heartbeatPort: 9050 });
  const cluster = { clusterId, clusterName: clusterId, type: 'COMPUTE' } as const;
  return [
    { name: 'addCluster', instanceId, cluster: { ...cluster, nodes: [node(1), node(2)] } },
    { name: 'addNodes', instanceId, cluster: { ...cluster, nodes: [node(3)] } },
    { name: 'dropNodes', instanceId, cluster: { ...cluster, nodes: [node(1)] } },
    { name: 'setNodeStatus', instanceId, cluster: { ...cluster, nodes: [node(2)] }, to: 'NODE_STATUS_DECOMMISSIONING' },
    { name: 'setClusterStatus', instanceId, cluster: { clusterId, clusterStatus: 'SUSPENDED' } },
    { name: 'setClusterStatus', instanceId, cluster: { clusterId, clusterStatus: 'NORMAL' } },
    { name: 'renameCluster', instanceId, cluster: { clusterId, clusterName: `${clusterId}_renamed` } },
    { name: 'replaceMysqlUsers', instanceId, cluster: { clusterId, mysqlUserName: ['root', `u${n}`] } },
    { name: 'setClusterEndpoint', instanceId, cluster: { clusterId, publicEndpoint: 'p', privateEndpoint: 'q' } },
    { name: 'setClusterProperties', instanceId, cluster: { clusterId, properties: { a: `${n}`, __proto__: 'x' } } },
    { name: 'dropCluster', instanceId, cluster: { clusterId } },
  ];
};

const ofTablets = (cloudUniqueId: string): readonly Command[] => {
  const idx = { tableId: 1, indexId: 2, partitionId: 3, tabletId: 4 };
  const counters = { baseCompactionCnt: 1000, cumulativeCompactionCnt: 1000 };
  const compaction = { type: 'CUMULATIVE', expiration: 4e9, lease: 4e9, ...counters, numOutputRows: 5, sizeOutputRowsets: 50 } as const;
  const job = (id: string, more: object = {}) => ({ idx, compaction: [{ ...compaction, ...more, id }] });
  const labels = ['a', 'b'].flatMap((label): readonly Command[] => [
    {
      name: 'beginTransaction',
      cloudUniqueId,
      txnInfo: { dbId: 1, label, tableIds: [1], timeoutMs: 1000, requestId: { hi: '1', lo: '2' } },
    },
    { name: 'abortTransaction', cloudUniqueId, dbId: 1, label, reason: 'enough' },
  ]);
  return [
    ...labels,
    { name: 'createTablets', cloudUniqueId, dbId: 1, tabletMetas: [{ ...idx, schema: { schemaVersion: 0 } }] },
    { name: 'startTabletJob', cloudUniqueId, job: job('j1') },
    { name: 'finishTabletJob', cloudUniqueId, action: 'LEASE', job: job('j1', { lease: 4_000_000_001 }) },
    { name: 'finishTabletJob', cloudUniqueId, action: 'COMMIT', job: job('j1', { outputCumulativePoint: 3 }) },
    { name: 'finishTabletJob', cloudUniqueId, action: 'ABORT', job: job('j1') },
    { name: 'fixTabletStats', cloudUniqueId, tableId: 1, tabletId: 4 },
    { name: 'fixTabletDatabase', instanceId: cloudUniqueId.split(':')[1] ?? '', tabletId: 4, dbId: 2 },
  ];
};

export const acts: readonly Command[] = [
  ...ofInstance('i1'),
  ...ofInstance('i2'),
  // One that never has clusters can be dropped.
  { name: 'createInstance', instanceId: 'i3' },
  { name: 'dropInstance', instanceId: 'i3' },
  { name: 'setServiceIdentity', accountId: 'a', ...keys('nine') },
  ...dataKeyActs,
];
const named = (name: Command['name'], holds: (act: Command) => boolean = () => true): readonly Command[] =>
  acts.filter((act) => act.name === name && holds(act));
const ofStores = (act: Command): boolean => act.name === 'createInstance' && act.objInfo !== undefined;
const ofVaults = (act: Command): boolean => act.name === 'createInstance' && act.objInfo === undefined && act.instanceId !== 'i1';
/** What most acts rest on: an instance of each storage mode, with clusters, tablets, vaults, a stage, a job and running transactions. */
export const foundation: readonly Command[] = [
  ...named('createInstance', ofVaults),
  ...named('createInstance', ofStores),
  ...named('addCluster', (act) => act.name === 'addCluster' && act.cluster?.clusterId !== 'c3'),
  ...named('addStorageVault'),
  ...named('createStage'),
  ...named('createTablets'),
  ...named('startTabletJob'),
  ...named('finishTabletJob', (act) => act.name === 'finishTabletJob' && act.action === 'COMMIT'),
  ...named('startTabletJob'),
  ...named('fixTabletStats', (act) => act.name === 'fixTabletStats' && act.cloudUniqueId === '1:i1:x'),
  ...named('beginTransaction'),
];
/** Acts of which about half can be done, in the order drawn. */
export const anyAct: fc.Arbitrary<Command> = fc.constantFrom(...acts);

/** Decides acts and folds what happened, an event at a time, as a leader does: for stories in which one thing follows from another. */
export class Teller {
  readonly #state = draftState(initialState());
  #epoch = 1;

  /** Takes notice of an event of the story. */
  tell(event: ChanceryEvent, at: number): ChanceryEvent {
    if (event.type === 'LeadershipTaken') this.#epoch = event.data.epoch;
    const logged: LoggedEvent = { ...event, id: `event-${this.#state.position}`, act: actOf('teller') };
    foldEvent(this.#state, { position: this.#state.position + 1, at, epoch: this.#epoch, event: logged });
    return event;
  }

  /** @returns the events of an act, none when it was refused */
  act(command: Command, at: number): readonly ChanceryEvent[] {
    const decision = decide(this.#state, command, { now: at, timeOfDay: at, commandId: `act-${this.#state.position}` });
    return decision.kind === 'rejected' ? [] : decision.events.map((event) => this.tell(event, at));
  }

  /** Goes on with the newest transaction: what it is called is known only here. */
  transact(step: 'write' | 'precommit' | 'commit' | 'commit2pc', at: number): readonly ChanceryEvent[] {
    const [, newest] = [...this.#state.transactions.byId.rows()].sort(([, a], [, b]) => b.transactionId - a.transactionId)[0] ?? [];
    if (newest === undefined) return [];
    const cloudUniqueId = `1:${newest.instanceId}:x`;
    const txnId = newest.transactionId;
    const sizes = { numRows: 10, totalDiskSize: 300, dataDiskSize: 200, indexDiskSize: 100, numSegments: 1 };
    const rowsetMeta = { rowsetId: 0, rowsetIdV2: `r${txnId}`, tabletId: 4, partitionId: 3, txnId, ...sizes };
    if (step === 'write') return this.act({ name: 'commitRowset', cloudUniqueId, rowsetMeta }, at);
    if (step === 'precommit') return this.act({ name: 'precommitTransaction', cloudUniqueId, txnId, dbId: 1 }, at);
    return this.act({ name: 'commitTransaction', cloudUniqueId, txnId, dbId: 1, is2pc: step === 'commit2pc' }, at);
  }

  /** The tables of the story belong to nobody from here on. */
  end(): void {
    finishState(this.#state);
  }
}

/** A story in which every type of event occurs: chapters a minute apart, told behind those events. @param begins epoch milliseconds */
export function metaServiceStory(before: readonly ChanceryEvent[], begins: number): readonly (Chapter & { readonly command: string })[] {
  const teller = new Teller();
  const chapters: (Chapter & { readonly command: string })[] = [];
  let at = begins;
  for (const event of before) teller.tell(event, at);
  const take = (command: string, events: readonly ChanceryEvent[]): void => {
    at += 60_000;
    if (events.length > 0) chapters.push({ events, at, command });
  };
  // What later acts would make impossible comes first.
  const early = acts.filter((act) => act.name === 'alterVirtualCluster' || (act.name === 'finishTabletJob' && act.action === 'ABORT'));
  for (const act of [...foundation, ...early]) take(act.name, teller.act(act, at + 60_000));
  for (const step of ['write', 'precommit', 'commit2pc'] as const) take('transact', teller.transact(step, at + 60_000));
  for (const act of acts) take(act.name, teller.act(act, at + 60_000));
  teller.end();
  return chapters;
}
