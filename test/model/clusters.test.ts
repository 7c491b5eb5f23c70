/**
 * Goal: after any mix of all operations on clusters and nodes, with kills and lost replies in between, every answer and every table is
 * what a small model says, and what is looked up by id or address is what a search of all nodes would find.
 * Method: fast-check draws the operations over two instances, few names and few addresses, so that they collide; the model
 * (`clusterModel.ts`) is written from the contract and knows nothing of the deciders.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { clustersOf } from '../../projections/clusters.ts';
import { isEndpointTaken, nodesOf, registrationOf } from '../../projections/computeNodes.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold, type State } from '../../projections/state.ts';
import type { GivenCluster, GivenNode } from '../../src/deciders/clusterRules.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { lostReply } from '../../src/log/faulty.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';
import { ClusterModel, endpointOf, type ModelCluster, type ModelNode, type Verdict } from './clusterModel.ts';

interface Real {
  readonly cluster: TestCluster;
  asked: number;
}
type Step = fc.AsyncCommand<ClusterModel, Real>;
const instanceIds = ['i1', 'i2', 'i3'] as const; // The third never exists.

/** One request, sent again under its key until it is answered. */
async function submit(real: Real, command: Command): Promise<Verdict> {
  real.asked += 1;
  const idempotencyKey = `request-${real.asked}`;
  return await vi.waitFor(
    async () => {
      const outcome = await real.cluster.node('n1').submit(command, { ...caller, idempotencyKey, timeoutMs: 300 });
      if (outcome.kind === 'done') return 'ok';
      if (outcome.kind === 'rejected' && outcome.rejection.code !== 'NO_LEADER') return outcome.rejection.code;
      throw new Error('not answered yet');
    },
    { timeout: 30_000, interval: 1 },
  );
}
const step = (name: string, run: (model: ClusterModel, real: Real) => Promise<void>): Step => ({
  check: () => true,
  toString: () => name,
  run: async (model, real) => {
    await run(model, real);
    compare(model, real.cluster.node('n1').state);
  },
});
const operation = (predict: (model: ClusterModel) => Verdict, command: Command): Step =>
  step(JSON.stringify(command), async (model, real) => {
    const verdict = await submit(real, command);
    expect(verdict).toBe(predict(model));
  });

const given = ({ host, id, ip, port, role }: ModelNode): GivenNode => ({
  ...(id === undefined ? {} : { cloudUniqueId: id }),
  ...(ip === undefined ? {} : { ip }),
  ...(host === undefined ? {} : { host }),
  ...(role === undefined ? { heartbeatPort: port } : { editLogPort: port, nodeType: role }),
});

const i = fc.constantFrom(...instanceIds, 'i1', 'i1');
type Type = ModelCluster['type'];
/** What clusters of a type may be called; the types keep apart, so that no request mistakes the type of the cluster that it names. */
const ids: Readonly<Record<Type, readonly string[]>> = { COMPUTE: ['c1', 'c2', 'c3'], SQL: ['f1', 'f2'], VIRTUAL: ['v1', 'v2'] };
const names: Readonly<Record<Type, readonly string[]>> = { COMPUTE: ['n1', 'n2', 'n3'], SQL: ['m1', 'm2'], VIRTUAL: ['g1', 'g2'] };
const typed = (...types: readonly Type[]) =>
  fc
    .constantFrom(...types)
    .chain((type) => fc.record({ type: fc.constant(type), id: fc.constantFrom(...ids[type]), name: fc.constantFrom(...names[type]) }));
const anyone = typed('COMPUTE', 'COMPUTE', 'SQL', 'VIRTUAL');
const address = fc.constantFrom<Pick<ModelNode, 'ip' | 'host'>>(
  { ip: 'a' },
  { ip: 'b' },
  { ip: 'c' },
  { ip: 'a', host: 'h' },
  { host: 'h' },
  { host: 'b' },
);
const nodeId = fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined, freq: 4 });
const withId = (cloudId: string | undefined): Pick<ModelNode, 'id'> => (cloudId === undefined ? {} : { id: cloudId });
const backend = fc
  .tuple(nodeId, address, fc.constantFrom(1, 2))
  .map(([cloudId, at, port]): ModelNode => ({ ...withId(cloudId), ...at, port }));
const frontend = fc
  .tuple(nodeId, address, fc.constantFrom('FE_MASTER' as const, 'FE_OBSERVER' as const, 'FE_FOLLOWER' as const))
  .map(([cloudId, at, role]): ModelNode => ({ ...withId(cloudId), ...at, port: 1, role }));
const nodes = (type: Type) => (type === 'VIRTUAL' ? fc.constant([]) : fc.array(type === 'SQL' ? frontend : backend, { maxLength: 3 }));
const members = fc.oneof(
  { weight: 3, arbitrary: fc.shuffledSubarray(['n1', 'n2', 'n3'], { minLength: 2, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom('n1', 'n2', 'm1'), { maxLength: 3 }) },
);
const group = (names: readonly string[]): Pick<GivenCluster, 'clusterNames' | 'clusterPolicy'> =>
  names.length === 0
    ? {}
    : {
        clusterNames: [...names],
        clusterPolicy: { type: 'ActiveStandby', activeClusterName: names[0] ?? '', standbyClusterNames: [names[1] ?? names[0] ?? ''] },
      };

const adds = typed('COMPUTE', 'COMPUTE', 'COMPUTE', 'SQL', 'VIRTUAL')
  .chain(({ type, ...rest }) => fc.tuple(i, fc.constant({ ...rest, type }), nodes(type), type === 'VIRTUAL' ? members : fc.constant([])))
  .map(([instanceId, { id, name, type }, list, grouped]) =>
    operation((model) => model.add(instanceId, { id, name, type, nodes: list, members: grouped }), {
      name: 'addCluster',
      instanceId,
      cluster: { clusterId: id, clusterName: name, type, nodes: list.map(given), ...group(grouped) },
    }),
  );
const isYoung = fc.boolean();
const safe = (young: boolean) => (young ? {} : { safeDropSeconds: -1 });
const drops = fc.tuple(i, anyone, isYoung).map(([instanceId, { id: clusterId }, young]) =>
  operation((model) => model.drop(instanceId, clusterId, young), {
    name: 'dropCluster',
    instanceId,
    cluster: { clusterId },
    ...safe(young),
  }),
);
const renames = fc.tuple(i, anyone, fc.boolean()).map(([instanceId, { id: clusterId, name: clusterName }, mayReplace]) =>
  operation((model) => model.rename(instanceId, clusterId, clusterName, mayReplace), {
    name: 'renameCluster',
    instanceId,
    cluster: { clusterId, clusterName },
    replaceIfExistingEmptyTargetCluster: mayReplace,
  }),
);
const users = fc.tuple(i, anyone, fc.array(fc.constantFrom('u', 'v'), { maxLength: 2 })).map(([instanceId, { id: clusterId }, list]) =>
  operation((model) => model.setUsers(instanceId, clusterId, list), {
    name: 'replaceMysqlUsers',
    instanceId,
    cluster: { clusterId, mysqlUserName: list },
  }),
);
const endpoints = fc.tuple(i, anyone, fc.constantFrom('', 'p', 'q')).map(([instanceId, { id: clusterId }, privateEndpoint]) =>
  operation((model) => model.setEndpoint(instanceId, clusterId, privateEndpoint), {
    name: 'setClusterEndpoint',
    instanceId,
    cluster: { clusterId, privateEndpoint },
  }),
);
const statuses = fc
  .tuple(i, anyone, fc.constantFrom('UNKNOWN', 'NORMAL', 'NORMAL', 'SUSPENDED', 'TO_RESUME', 'MANUAL_SHUTDOWN'))
  .map(([instanceId, { id: clusterId }, clusterStatus]) =>
    operation((model) => model.setStatus(instanceId, clusterId, clusterStatus), {
      name: 'setClusterStatus',
      instanceId,
      cluster: { clusterId, clusterStatus },
    } as Command),
  );
const regroups = fc
  .tuple(i, typed('VIRTUAL', 'VIRTUAL', 'VIRTUAL', 'COMPUTE', 'SQL'), members)
  .map(([instanceId, { id: clusterId }, grouped]) => {
    const asked = grouped.length === 0 ? ['n1', 'n2'] : grouped;
    return operation((model) => model.regroup(instanceId, clusterId, asked), {
      name: 'alterVirtualCluster',
      instanceId,
      cluster: { clusterId, ...group(asked) },
    });
  });
/** By id and name, which may lead to two clusters, or to none. */
const ofNodes = typed('COMPUTE', 'COMPUTE', 'SQL').chain(({ type, ...rest }) =>
  fc.record({ instanceId: i, target: fc.constant({ ...rest, type }), list: nodes(type) }),
);
const clusterOf = (
  target: { readonly type: Type; readonly id: string; readonly name: string },
  list: readonly ModelNode[],
): GivenCluster => ({
  type: target.type,
  clusterId: target.id,
  clusterName: target.name,
  nodes: list.map(given),
});
const nodeAdds = ofNodes.map(({ instanceId, list, target }) =>
  operation((model) => model.addNodes(instanceId, target, list), { name: 'addNodes', instanceId, cluster: clusterOf(target, list) }),
);
const nodeDrops = fc.tuple(ofNodes, isYoung).map(([{ instanceId, list, target }, young]) =>
  operation((model) => model.dropNodes(instanceId, target, list, young), {
    name: 'dropNodes',
    instanceId,
    cluster: clusterOf(target, list),
    ...safe(young),
  }),
);
/** Some that are there: drawn blindly, a request rarely names one. */
const presentDrops = fc.tuple(i, anyone, fc.nat(), isYoung).map(([instanceId, { id }, pick, young]) =>
  step(`dropPresent(${instanceId}, ${id}, ${pick}, ${young})`, async (model, real) => {
    const cluster = model.of(instanceId).find((each) => each.id === id);
    const node = cluster?.nodes[pick % Math.max(1, cluster.nodes.length)];
    if (cluster === undefined || node === undefined) return;
    const { name, type } = cluster;
    const target = { id, name, type };
    const command: Command = { name: 'dropNodes', instanceId, cluster: clusterOf(target, [node]), ...safe(young) };
    expect(await submit(real, command)).toBe(model.dropNodes(instanceId, target, [node], young));
  }),
);
const decommissions = fc
  .tuple(ofNodes, fc.constantFrom('NODE_STATUS_DECOMMISSIONING' as const, 'NODE_STATUS_DECOMMISSIONED' as const))
  .map(([{ instanceId, list, target }, to]) =>
    operation((model) => model.decommission(instanceId, list, to), {
      name: 'setNodeStatus',
      instanceId,
      cluster: clusterOf(target, list),
      to,
    }),
  );

/** The node leads, after which it writes nothing by itself, and has folded all that is in the log. */
const caughtUp = (cluster: TestCluster): Promise<void> =>
  vi.waitFor(
    () => {
      expect(cluster.node('n1').role).toBe('leader');
      expect(cluster.node('n1').state.position).toBe(cluster.hub.head.position);
    },
    { timeout: 30_000, interval: 1 },
  );
const restart = step('restart', async (_, { cluster }) => {
  cluster.kill('n1');
  await cluster.start('n1');
  await caughtUp(cluster);
});
const loseReply = step('loseReply', async (_, { cluster }) => cluster.log('n1').script(lostReply));
const steps = [
  adds,
  adds,
  drops,
  renames,
  users,
  endpoints,
  statuses,
  regroups,
  nodeAdds,
  nodeAdds,
  nodeDrops,
  presentDrops,
  decommissions,
  fc.constant(restart),
  fc.constant(loseReply),
];

/** The tables against the model; the indexes against a search of all its nodes. */
function compare(model: ClusterModel, state: State): void {
  const registered = new Map<string, Map<string, number>>();
  const keys = new Set<string>();
  for (const [instanceId, clusters] of model.instances) {
    expect(clustersOf(state.clusters, instanceId).map(shownRow)).toEqual(clusters.map(shownCluster));
    for (const cluster of clusters) {
      expect(nodesOf(state.computeNodes, instanceId, cluster.id).map(shownNode)).toEqual(cluster.nodes.map(({ ...node }) => node));
      for (const node of cluster.nodes) {
        const counts = registered.get(node.id ?? `\n${instanceId}`) ?? new Map<string, number>();
        registered.set(node.id ?? `\n${instanceId}`, counts.set(cluster.id, (counts.get(cluster.id) ?? 0) + 1));
        keys.add(`${instanceId} ${cluster.type === 'SQL'} ${endpointOf(node)}`);
        for (const at of [node.ip === undefined ? [] : ['ip', node.ip], node.host === undefined ? [] : ['host', node.host]])
          if (at.length > 0) keys.add(`${node.id ?? instanceId} ${node.id === undefined} ${at.join(' ')} ${node.port}`);
      }
    }
    for (const type of ['SQL', 'COMPUTE'] as const)
      for (const at of ['a:1', 'a:2', 'b:1', 'b:2', 'h:1', 'h:2'])
        expect(isEndpointTaken(state.computeNodes, instanceId, type, at)).toBe(
          clusters.some(
            (cluster) => (cluster.type === 'SQL') === (type === 'SQL') && cluster.nodes.some((node) => endpointOf(node) === at),
          ),
        );
  }
  for (const cloudId of ['x', 'y', 'z']) {
    const counts = Object.fromEntries(
      (registrationOf(state.computeNodes, cloudId)?.clusters ?? []).map((share) => [share.clusterId, share.count]),
    );
    expect(counts).toEqual(Object.fromEntries(registered.get(cloudId) ?? []));
  }
  expect(state.computeNodes.byCloudUniqueId.size).toBe(registered.size);
  expect(state.computeNodes.byAddress.size).toBe(keys.size);
}

const shownCluster = ({ nodes: _nodes, ...cluster }: ModelCluster): object => cluster;
const shownRow = (row: ReturnType<typeof clustersOf>[number]): object => ({
  id: row.clusterId,
  name: row.clusterName,
  type: row.type,
  users: row.mysqlUserName ?? [],
  members: row.clusterNames ?? [],
  ...(row.status === undefined ? {} : { status: row.status }),
  ...(row.privateEndpoint === undefined ? {} : { endpoint: row.privateEndpoint }),
});
const shownNode = (row: ReturnType<typeof nodesOf>[number]): object => ({
  ...withId(row.cloudUniqueId),
  ...(row.ip === undefined ? {} : { ip: row.ip }),
  ...(row.host === undefined ? {} : { host: row.host }),
  port: row.heartbeatPort ?? row.editLogPort,
  ...(row.nodeType === undefined ? {} : { role: row.nodeType }),
  ...(row.status === undefined ? {} : { status: row.status }),
});

test('clusters and nodes are what a search of plain lists says', { timeout: 120_000 }, async () => {
  const { params, replayPath } = replay({ numRuns: 10 });
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max', ...replayPath }), async (run) => {
      const cluster = new TestCluster();
      const model = new ClusterModel();
      const real: Real = { cluster, asked: 0 };
      await cluster.start('n1');
      for (const instanceId of ['i1', 'i2']) {
        expect(await submit(real, { name: 'createInstance', instanceId })).toBe('ok');
        model.instances.set(instanceId, []);
      }
      await fc.asyncModelRun(() => ({ model, real }), run);
      await caughtUp(cluster);
      const again = bulkFold();
      again.add(cluster.entries());
      expect(stateHash(again.finish()), 'folded in one go').toBe(stateHash(cluster.node('n1').state));
      await cluster.stop();
    }),
    params,
  );
});
