/** Clusters, nodes and cluster status: sections 8 to 10 of the contract. */
import {
  admin,
  type Cluster,
  type ClusterStatus,
  contains,
  type Draws,
  type Fields,
  type NodeOf,
  type Plan,
  type Planned,
  type Refusal,
  starts,
  type World,
} from './metaserviceModel.ts';

const deletedText = 'instance status has been set delete, plz check it';
const invalidInstance: Refusal = [400, 'instance invalid, cant modify, plz check'];
const firstOf = (refusals: readonly Refusal[]): Refusal => refusals.find((each) => each !== undefined);

/** Whose clusters a request is about. `instance` is what the service makes of it; `refusal` when it makes nothing of it. */
interface Target {
  readonly given: Fields;
  readonly instance: string;
  readonly refusal: Refusal;
}
function target(world: World, draws: Draws): Target {
  const own = { instance: world.id, refusal: undefined };
  const nobody = (given: Fields, text: string): Target => ({ given, instance: '', refusal: [400, text] });
  const roll = draws.below(40);
  const unknown = `1:${world.id}-none:x`;
  if (roll === 0) return nobody({ cloud_unique_id: `${world.id}-ghost` }, 'empty instance_id');
  if (roll === 1)
    return nobody({ cloud_unique_id: unknown }, `use degrade cloud_unique_id, but instance_id invalid, cloud_unique_id=${unknown}`);
  if (roll === 2) return nobody({}, 'invalid request instance_id or cluster not given');
  if (roll === 3) return { given: { instance_id: `${world.id}-none` }, instance: `${world.id}-none`, refusal: undefined };
  if (roll < 10) return { given: { cloud_unique_id: world.degraded }, ...own };
  const registered = world.nodes.flatMap(({ cloud_unique_id }) => cloud_unique_id ?? []);
  if (roll < 16 && registered.length > 0) return { given: { cloud_unique_id: draws.of(registered) }, ...own };
  return { given: { instance_id: world.id }, ...own };
}
/** Unknown and deleted instances, as most calls of the family name them. */
const absent = (world: World, { instance }: Target, http: number): Refusal =>
  instance === world.id
    ? world.status === 'DELETED'
      ? [http, deletedText]
      : undefined
    : [http, `failed to get instance, instance_id=${instance} err=KeyNotFound`];

const address = ({ host, ip }: NodeOf): string => host ?? ip ?? '';
const portOf = (node: NodeOf): number | undefined => node.heartbeat_port ?? node.edit_log_port;
const isSame = (a: NodeOf, b: NodeOf): boolean => a.ip === b.ip && a.host === b.host && portOf(a) === portOf(b);
const wire = ({ isYoung, ...node }: NodeOf): Fields => (isYoung ? node : { ...node, ctime: 1000 });

const uniqueId = (world: World, draws: Draws): { readonly cloud_unique_id?: string } =>
  draws.percent(12)
    ? {}
    : { cloud_unique_id: draws.of([`${world.id}-u1`, `${world.id}-u2`, `${world.id}-u3`, `1:${world.id}:n1`, `1:${world.id}:n2`]) };
const at = (machine: number): { readonly host: string } | { readonly ip: string } =>
  machine % 4 === 3 ? { host: `h${machine}` } : { ip: `10.0.0.${machine}` };
/** Nodes on machines of their own, mostly on such as are free. */
function newNodes(world: World, draws: Draws, type: Cluster['type'], count: number): NodeOf[] {
  const port = type === 'SQL' ? { edit_log_port: 9010 } : { heartbeat_port: 9050 };
  const machines = [1, 2, 3, 4, 5, 6, 7, 8];
  const used = machines.filter((machine) => world.nodes.some((node) => isSame(node, { ...at(machine), ...port, isYoung: true })));
  const chosen: number[] = [];
  for (let i = 0; i < count; i += 1) chosen.push(draws.fresh(machines, [...used, ...chosen]));
  return [...new Set(chosen)].map((machine) => ({ ...uniqueId(world, draws), ...at(machine), ...port, isYoung: true }));
}
const typed = (nodes: readonly NodeOf[], types: readonly string[]): NodeOf[] =>
  nodes.map((node, index) => ({ ...node, node_type: types[index] ?? 'FE_OBSERVER' }));

/** A mistake in the last node of a list. @returns the list and what it is refused with before any look at the tables */
function spoiled(world: World, draws: Draws, nodes: readonly NodeOf[]): { readonly nodes: readonly NodeOf[]; readonly refusal: Refusal } {
  const last = nodes.at(-1);
  const rest = nodes.slice(0, -1);
  const roll = draws.below(25);
  if (last === undefined) return { nodes, refusal: undefined };
  if (roll === 0) {
    const cloud_unique_id = `1:${world.id}-none:x`;
    const refusal: Refusal = [400, contains('cloud_unique_id use degrade format, but check instance failed')];
    return { nodes: [...rest, { ...last, cloud_unique_id }], refusal };
  }
  if (roll === 1) {
    const { edit_log_port: _edit, heartbeat_port: _beat, ...portless } = last;
    const text =
      'check cluster params failed, edit_log_port is required for frontends while heatbeat_port is required for banckends, node : ';
    return { nodes: [...rest, portless], refusal: [400, starts(text)] };
  }
  if (roll === 2) return { nodes: [...rest, { ...last, cloud_unique_id: world.neighbour.node.cloud_unique_id }], refusal: undefined };
  if (roll === 3) {
    const { host: _host, ip: _ip, ...nowhere } = last;
    return { nodes: [...rest, nowhere], refusal: undefined };
  }
  return { nodes, refusal: undefined };
}

/** The first node whose id another instance holds: the neighbour's, or the world's own when the request names nobody that exists. */
function occupied(world: World, instance: string, nodes: readonly NodeOf[], http: number): Refusal {
  const { instance: holder, node: held } = world.neighbour;
  const text = 'cloud_unique_id is already occupied by an instance, instance_id=';
  for (const { cloud_unique_id: id } of nodes) {
    if (id === held.cloud_unique_id) return [http, `${text}${holder} cluster_name=other cluster_id=other cloud_unique_id=${id}`];
    const isOwn = id !== undefined && world.nodes.some((node) => node.cloud_unique_id === id);
    if (isOwn && instance !== world.id) return [http, starts(`${text}${world.id} cluster_name=`)];
  }
  return undefined;
}
/** The first node without an address, or with the endpoint of another of its kind. */
function endpoints(world: World, type: Cluster['type'], nodes: readonly NodeOf[], http: number): Refusal {
  const kin = world.clusters.filter((cluster) => cluster.type === type).flatMap((cluster) => cluster.nodes);
  const [word, short] = type === 'SQL' ? ['sql', 'fe'] : ['compute', 'be'];
  for (const node of nodes) {
    const where = `${address(node)}:${portOf(node)}`;
    // The text without an address has no status of its own: it is 400 on both routes.
    if (address(node) === '') return [400, starts('add node input args node invalid, cluster=')];
    if (kin.some((each) => `${address(each)}:${portOf(each)}` === where))
      return [http, `${word} node endpoint has been added, registered ${short} node=${where}`];
  }
  return undefined;
}
function isInvalid(clusters: readonly Cluster[]): boolean {
  const nodes = clusters.find(({ type }) => type === 'SQL')?.nodes;
  if (nodes === undefined) return false;
  const count = (type: string): number => nodes.filter(({ node_type }) => node_type === type).length;
  return count('FE_MASTER') > 1 || (count('FE_MASTER') === 0 && count('FE_FOLLOWER') === 0);
}

const computeIds = ['c1', 'c2', 'c3', 'c4'];
const computeNames = ['n1', 'n2', 'n3', 'n4', 'n5'];
const add = (world: World, given: Target, cluster: Fields, nodes: readonly NodeOf[], early: Refusal): Planned => {
  const { cluster_id: id, cluster_name: name, type } = cluster as { cluster_id: string; cluster_name: string; type: Cluster['type'] };
  const existing = world.clusters.flatMap((each): readonly Refusal[] => [
    each.id === id ? [409, `try to add a existing cluster id, existing_cluster_id=${id}`] : undefined,
    each.name === name ? [409, `try to add a existing cluster name, existing_cluster_name=${name}`] : undefined,
  ]);
  const refusal = firstOf([
    given.refusal,
    early,
    occupied(world, given.instance, nodes, 409),
    given.instance === world.id
      ? undefined
      : [500, `failed to get instance, info failed to get instance, instance_id=${given.instance} err=KeyNotFound`],
    world.status === 'DELETED' ? [404, deletedText] : undefined,
    ...existing,
    endpoints(world, type, nodes, 409),
  ]);
  return admin('add_cluster', { ...given.given, cluster: { ...cluster, nodes: nodes.map(wire) } }, refusal, () => {
    // Whatever a node was given, its time is that of its cluster.
    world.clusters.push({ id, name, type, nodes: nodes.map((node) => ({ ...node, isYoung: true })), users: ['u1'], status: 'NORMAL' });
  });
};
const addCluster: Plan = (world, draws) => {
  const ids = world.clusters.map(({ id }) => id);
  const names = world.clusters.map(({ name }) => name);
  const id = draws.fresh(computeIds, ids);
  const name = draws.fresh(computeNames, names);
  const whole = { cluster_id: id, cluster_name: name, type: 'COMPUTE', cluster_status: 'SUSPENDED', mysql_user_name: ['u1'] };
  const { nodes, refusal } = spoiled(world, draws, newNodes(world, draws, 'COMPUTE', draws.below(3)));
  const roll = draws.below(20);
  const { type: _type, ...untyped } = whole;
  if (roll === 0) return admin('add_cluster', { instance_id: world.id, cluster: untyped }, [400, 'cluster must have type arg'], () => {});
  if (roll === 1) return add(world, target(world, draws), { ...whole, cluster_name: '' }, nodes, [400, 'not have cluster name']);
  return add(world, target(world, draws), whole, nodes, refusal);
};
const addSqlCluster: Plan = (world, draws) => {
  const cluster = { cluster_id: 'fe', cluster_name: draws.of(['front', 'front', 'n1']), type: 'SQL', mysql_user_name: ['u1'] };
  const types = draws.of([
    ['FE_MASTER'],
    ['FE_MASTER', 'FE_OBSERVER'],
    ['FE_FOLLOWER', 'FE_FOLLOWER'],
    ['FE_MASTER', 'FE_FOLLOWER'],
    ['FE_OBSERVER'],
  ]);
  const plain = typed(newNodes(world, draws, 'SQL', types.length), types);
  const count = (type: string): number => plain.filter(({ node_type }) => node_type === type).length;
  const [masters, followers] = [count('FE_MASTER'), count('FE_FOLLOWER')];
  const mode: Refusal =
    masters > 0 && followers > 0
      ? [
          400,
          `cluster is SQL type, and use multi follower mode, cant set master node, master count: ${masters} follower count: ${followers}`,
        ]
      : followers === 0 && masters !== 1
        ? [400, `cluster is SQL type, must have only one master node, now master count: ${masters}`]
        : undefined;
  const { nodes, refusal } = spoiled(world, draws, plain);
  return add(world, target(world, draws), cluster, nodes, refusal ?? mode);
};
export const addNeighbourCluster = ({ neighbour: { instance, node } }: World): Planned => {
  const cluster = { cluster_id: 'other', cluster_name: 'other', type: 'COMPUTE', nodes: [wire(node)] };
  return admin('add_cluster', { instance_id: instance, cluster }, undefined, () => {});
};

/** A cluster of the world, mostly; one that does not exist otherwise. */
const existing = (world: World, draws: Draws, share = 90): Cluster | undefined =>
  world.clusters.length > 0 && draws.percent(share) ? draws.of(world.clusters) : undefined;

const dropCluster: Plan = (world, draws) => {
  const given = target(world, draws);
  const cluster = existing(world, draws, 70);
  const id = cluster?.id ?? draws.of(['', 'c9']);
  const refusal = firstOf([
    given.refusal,
    id === '' ? [400, 'missing cluster_id='] : undefined,
    absent(world, given, 404),
    cluster?.type === 'SQL' && cluster.nodes.some(({ isYoung }) => isYoung)
      ? [404, starts('drop fe cluster not in safe time, try later, cluster=')]
      : undefined,
    cluster === undefined
      ? [404, starts(`failed to find cluster to drop, instance_id=${world.id} cluster_id=${id} cluster_name=any`)]
      : undefined,
  ]);
  return admin('drop_cluster', { ...given.given, cluster: { cluster_id: id, cluster_name: 'any', type: 'COMPUTE' } }, refusal, () => {
    world.clusters = world.clusters.filter((each) => each !== cluster);
  });
};

/** What rename and its like refuse before their own checks. */
const common = (world: World, given: Target, id: string, name: string, cluster: Cluster | undefined): readonly Refusal[] => [
  given.refusal,
  id === '' ? [400, 'missing cluster_id='] : undefined,
  absent(world, given, 400),
  cluster === undefined
    ? [400, `failed to find cluster to update, instance_id=${world.id} cluster_id=${id} cluster_name=${name}`]
    : undefined,
];
const idOf = (cluster: Cluster | undefined, draws: Draws): string => cluster?.id ?? draws.of(['', 'c9', 'c9']);

const renameCluster: Plan = (world, draws) => {
  const given = target(world, draws);
  const cluster = existing(world, draws);
  const id = idOf(cluster, draws);
  const name = draws.fresh(
    computeNames,
    world.clusters.map((each) => each.name),
  );
  const holder = world.clusters.find((each) => each.name === name);
  const isReplacing = holder !== cluster && draws.percent(30);
  const isReplaced = isReplacing && holder?.nodes.length === 0;
  const same: Refusal = [
    400,
    /^failed to rename cluster, (a cluster with the same name already exists in this instance|name eq original name, original cluster is)/,
  ];
  const refusal = firstOf([...common(world, given, id, name, cluster), holder !== undefined && !isReplaced ? same : undefined]);
  const replace = isReplacing ? { replace_if_existing_empty_target_cluster: true } : {};
  return admin('rename_cluster', { ...given.given, cluster: { cluster_id: id, cluster_name: name }, ...replace }, refusal, () => {
    if (isReplaced) world.clusters = world.clusters.filter((each) => each !== holder);
    if (cluster !== undefined) cluster.name = name;
  });
};
const updateUsers: Plan = (world, draws) => {
  const given = target(world, draws);
  const cluster = existing(world, draws);
  const id = idOf(cluster, draws);
  const users = cluster === undefined ? ['u1'] : draws.of([[], ['u2'], ['u1', 'u3'], ['u3', 'u2', 'u1']]);
  const empty: Refusal = users.length === 0 ? [400, 'no mysql user name to change'] : undefined;
  // The contract does not say whether an absent instance or an empty list is named first.
  const target_ = users.length === 0 ? { given: { instance_id: world.id }, instance: world.id, refusal: undefined } : given;
  const refusal = firstOf([...common(world, target_, id, '', cluster), empty]);
  const body = { ...target_.given, cluster: { cluster_id: id, mysql_user_name: users } };
  return admin('update_cluster_mysql_user_name', body, refusal, () => {
    if (cluster !== undefined) cluster.users = users;
  });
};
const updateEndpoint: Plan = (world, draws) => {
  const cluster = existing(world, draws, 100);
  const given: Target = { given: { instance_id: world.id }, instance: world.id, refusal: undefined };
  const id = cluster?.id ?? 'c9';
  const ends = { public_endpoint: `p${draws.below(3)}`, private_endpoint: cluster !== undefined && draws.percent(20) ? '' : 'q1' };
  const missing: Refusal = ends.private_endpoint === '' ? [500, 'missing private endpoint'] : undefined;
  const refusal = firstOf([...common(world, given, id, '', cluster), missing]);
  return admin('update_cluster_endpoint', { ...given.given, cluster: { cluster_id: id, ...ends } }, refusal, () => {
    if (cluster !== undefined) cluster.endpoints = ends;
  });
};

/** The edges of section 10. */
const edges: Readonly<Record<ClusterStatus, readonly string[]>> = {
  NORMAL: ['SUSPENDED', 'MANUAL_SHUTDOWN'],
  SUSPENDED: ['NORMAL', 'TO_RESUME'],
  TO_RESUME: ['NORMAL'],
  MANUAL_SHUTDOWN: ['NORMAL'],
};
const setClusterStatus: Plan = (world, draws) => {
  const given = target(world, draws);
  const cluster = existing(world, draws);
  const id = idOf(cluster, draws);
  const from = cluster?.status ?? 'NORMAL';
  const isAllowed = draws.percent(60);
  const to = isAllowed ? draws.of(edges[from]) : draws.of(['NORMAL', 'SUSPENDED', 'TO_RESUME', 'MANUAL_SHUTDOWN', 'STOPPED']);
  const refusal = firstOf([
    ...common(world, given, id, '', cluster),
    cluster?.type === 'SQL' ? [400, 'just support set COMPUTE cluster status'] : undefined,
    from === to ? [400, `failed to set cluster status, status eq original status, original cluster is ${from}`] : undefined,
    edges[from].includes(to)
      ? undefined
      : [400, `failed to set cluster status, original cluster is ${from} and want set ${to === 'STOPPED' ? 'UNKNOWN' : to}`],
  ]);
  return admin('set_cluster_status', { ...given.given, cluster: { cluster_id: id, cluster_status: to } }, refusal, () => {
    if (cluster !== undefined) cluster.status = to as ClusterStatus;
  });
};

const emptyList: Refusal = [400, 'to_add and to_del both empty or both not empty'];
const addNode: Plan = (world, draws) => {
  const given = target(world, draws);
  const cluster = existing(world, draws, 92);
  const type = cluster?.type ?? 'COMPUTE';
  const count = draws.percent(5) ? 0 : 1 + draws.below(2);
  const fresh = newNodes(world, draws, type, count).map((node) => ({ ...node, isYoung: draws.percent(50) }));
  const types = ['FE_OBSERVER', 'FE_FOLLOWER', 'FE_OBSERVER', 'FE_MASTER'];
  const plain =
    type === 'SQL'
      ? typed(
          fresh,
          fresh.map(() => draws.of(types)),
        )
      : fresh;
  const { nodes, refusal: early } = spoiled(world, draws, plain);
  const added = nodes.map((node) => ({ ...node, status: 'NODE_STATUS_RUNNING' }));
  const after = world.clusters.map((each) => (each === cluster ? { ...each, nodes: [...each.nodes, ...added] } : each));
  const refusal = firstOf([
    given.refusal,
    early,
    nodes.length === 0 ? emptyList : undefined,
    absent(world, given, 400),
    endpoints(world, type, nodes, 400),
    occupied(world, given.instance, nodes, 400),
    isInvalid(after) ? invalidInstance : undefined,
  ]);
  const named = cluster === undefined ? { cluster_id: 'c9', cluster_name: 'n9' } : { cluster_id: cluster.id, cluster_name: cluster.name };
  return admin('add_node', { ...given.given, cluster: { ...named, type, nodes: nodes.map(wire) } }, refusal, () => {
    if (cluster !== undefined) cluster.nodes = [...cluster.nodes, ...added];
  });
};

/** A node to drop that is not there, one way or another, and what is said to it. */
function stray(world: World, draws: Draws, cluster: Cluster): { readonly node: NodeOf; readonly refusal: Refusal } {
  const where = `instance_id=${world.id} cluster_name=${cluster.name} cluster_id=${cluster.id}`;
  const machine = {
    ip: '10.7.7.7',
    ...(cluster.type === 'SQL' ? { edit_log_port: 9010, node_type: 'FE_OBSERVER' } : { heartbeat_port: 9050 }),
  };
  const registered = world.nodes.flatMap(({ cloud_unique_id }) => cloud_unique_id ?? []);
  if (registered.length > 0 && draws.percent(50)) {
    const text = `not found ,cloud_unique_id can not find to drop node, ${where}`;
    return { node: { ...machine, cloud_unique_id: draws.of(registered), isYoung: true }, refusal: [404, starts(text)] };
  }
  const elsewhere = world.clusters.filter((each) => each !== cluster && each.type === cluster.type).flatMap(({ nodes }) => nodes);
  const known = elsewhere.filter(({ cloud_unique_id }) => cloud_unique_id !== undefined);
  if (known.length > 0 && draws.percent(60)) {
    const text = `not found ,failed to find node to drop, instance_id=${world.id} cluster_id=${cluster.id} cluster_name=${cluster.name}`;
    return { node: draws.of(known), refusal: [404, starts(text)] };
  }
  const cloud_unique_id = `${world.id}-ghost`;
  const text = `not found ,can not find to drop nodes by cloud_unique_id=${cloud_unique_id} ${where}`;
  return { node: { ...machine, cloud_unique_id, isYoung: true }, refusal: [404, starts(text)] };
}
const inCluster = (cluster: Cluster, type: Cluster['type'] = cluster.type) => ({
  cluster_id: cluster.id,
  cluster_name: cluster.name,
  type,
});
const dropNode: Plan = (world, draws) => {
  const cluster = draws.percent(95) && world.clusters.length > 0 ? draws.of(world.clusters) : undefined;
  const given = target(world, draws);
  if (cluster === undefined || cluster.nodes.length === 0) {
    const refusal = firstOf([given.refusal, emptyList]);
    return admin(
      'drop_node',
      { ...given.given, cluster: { cluster_id: 'c1', cluster_name: 'n1', type: 'COMPUTE', nodes: [] } },
      refusal,
      () => {},
    );
  }
  const chosen = new Set([draws.of(cluster.nodes), ...(draws.percent(30) ? [draws.of(cluster.nodes)] : [])]);
  const wrong = draws.percent(25) ? stray(world, draws, cluster) : undefined;
  const nodes = [...chosen, ...(wrong === undefined ? [] : [wrong.node])];
  const isProtected = [...chosen].some(({ isYoung }) => cluster.type === 'SQL' && isYoung);
  const kept = cluster.nodes.filter((node) => !chosen.has(node));
  const refusal = firstOf([
    given.refusal,
    absent(world, given, 400),
    isProtected ? [400, starts('drop fe node not in safe time, try later, node=')] : undefined,
    wrong?.refusal,
    isInvalid(world.clusters.map((each) => (each === cluster ? { ...each, nodes: kept } : each))) ? invalidInstance : undefined,
  ]);
  return admin('drop_node', { ...given.given, cluster: { ...inCluster(cluster), nodes: nodes.map(wire) } }, refusal, () => {
    cluster.nodes = kept;
  });
};
const decommission: Plan = (world, draws) => {
  const [route, status] = draws.percent(60)
    ? ['decommission_node', 'NODE_STATUS_DECOMMISSIONING']
    : ['notify_decommissioned', 'NODE_STATUS_DECOMMISSIONED'];
  const choices = world.clusters.filter(
    ({ nodes, type }) => type === 'COMPUTE' && nodes.some((node) => node.cloud_unique_id !== undefined),
  );
  const ghost = { cloud_unique_id: `${world.id}-ghost`, ip: '10.7.7.7', heartbeat_port: 9050 };
  if (choices.length === 0) {
    const cluster = { cluster_id: 'c1', cluster_name: 'n1', type: 'COMPUTE', nodes: [ghost] };
    return admin(route, { instance_id: world.id, cluster }, [400, 'cloud_unique_id not found'], () => {});
  }
  const cluster = draws.of(choices);
  const node = draws.of(cluster.nodes.filter(({ cloud_unique_id }) => cloud_unique_id !== undefined));
  const roll = draws.below(6);
  const sent = roll === 0 ? ghost : roll === 1 ? { ...ghost, cloud_unique_id: node.cloud_unique_id } : wire(node);
  const refusal: Refusal = roll === 0 ? [400, 'cloud_unique_id not found'] : roll === 1 ? emptyList : undefined;
  return admin(route, { instance_id: world.id, cluster: { ...inCluster(cluster), nodes: [sent] } }, refusal, () => {
    cluster.nodes = [...cluster.nodes.filter((each) => each !== node), { ...node, status }];
  });
};

/** Operations with how often each is drawn. */
export const clusterPlans: readonly (readonly [weight: number, name: string, plan: Plan])[] = [
  [10, 'addCluster', addCluster],
  [3, 'addSqlCluster', addSqlCluster],
  [3, 'dropCluster', dropCluster],
  [4, 'renameCluster', renameCluster],
  [3, 'updateUsers', updateUsers],
  [2, 'updateEndpoint', updateEndpoint],
  [8, 'setClusterStatus', setClusterStatus],
  [10, 'addNode', addNode],
  [6, 'dropNode', dropNode],
  [3, 'decommission', decommission],
];
