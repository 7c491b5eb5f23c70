/** Clusters and nodes as contract sections 8 to 11 tell them, in plain lists: what every operation must answer, and what is there then. */
export interface ModelNode {
  readonly id?: string;
  readonly ip?: string;
  readonly host?: string;
  readonly port: number;
  readonly role?: 'FE_MASTER' | 'FE_OBSERVER' | 'FE_FOLLOWER';
  status?: string;
}
export interface ModelCluster {
  readonly id: string;
  name: string;
  readonly type: 'SQL' | 'COMPUTE' | 'VIRTUAL';
  status?: string;
  nodes: ModelNode[];
  users: readonly string[];
  endpoint?: string;
  /** Members of a group, the active one first. */
  members: readonly string[];
}
export type NewCluster = Pick<ModelCluster, 'id' | 'name' | 'type' | 'members'> & { readonly nodes: readonly ModelNode[] };
/** `ok`, or the code of the refusal. */
export type Verdict = string;

const edges =
  'UNKNOWN>NORMAL NORMAL>SUSPENDED NORMAL>MANUAL_SHUTDOWN SUSPENDED>NORMAL SUSPENDED>TO_RESUME TO_RESUME>NORMAL MANUAL_SHUTDOWN>NORMAL';
export const endpointOf = (node: ModelNode): string => `${node.host ?? node.ip}:${node.port}`;
const kindOf = ({ type }: Pick<ModelCluster, 'type'>): string => (type === 'SQL' ? 'frontend' : 'backend');
const isAt = (a: ModelNode, b: ModelNode): boolean =>
  a.port === b.port && ((a.ip !== undefined && a.ip === b.ip) || (a.host !== undefined && a.host === b.host));
const isValid = (nodes: readonly ModelNode[]): boolean => {
  const count = (role: string): number => nodes.filter((node) => node.role === role).length;
  return count('FE_MASTER') <= 1 && count('FE_MASTER') + count('FE_FOLLOWER') > 0;
};

export class ClusterModel {
  readonly instances = new Map<string, ModelCluster[]>();

  of(i: string): ModelCluster[] {
    return this.instances.get(i) ?? [];
  }

  add(i: string, given: NewCluster): Verdict {
    const { id, members, name, nodes, type } = given;
    const masters = nodes.filter((node) => node.role === 'FE_MASTER').length;
    const followers = nodes.filter((node) => node.role === 'FE_FOLLOWER').length;
    if (type === 'SQL' && (masters > 1 || (masters === 1) === followers > 0)) return 'INVALID_CLUSTER';
    if (type === 'VIRTUAL' && (nodes.length > 0 || (members.length !== 0 && members.length !== 2))) return 'INVALID_CLUSTER';
    if (type === 'VIRTUAL' && members.length === 2 && members[0] === members[1]) return 'INVALID_CLUSTER';
    if (this.#isForeign(i, nodes)) return 'CLOUD_UNIQUE_ID_TAKEN';
    if (!this.instances.has(i)) return 'UNKNOWN_INSTANCE';
    if (this.of(i).some((cluster) => cluster.id === id || cluster.name === name)) return 'CLUSTER_EXISTS';
    if (this.#isTaken(i, type, nodes)) return 'ENDPOINT_TAKEN';
    if (members.some((member) => !this.#mayJoin(i, member))) return 'INVALID_CLUSTER';
    const status = type === 'COMPUTE' ? { status: 'NORMAL' } : {};
    this.of(i).push({ id, name, type, members, users: [], nodes: nodes.map((node) => ({ ...node })), ...status });
    return 'ok';
  }

  drop(i: string, id: string, isYoung: boolean): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    if (found.type === 'SQL' && isYoung && found.nodes.length > 0) return 'YOUNG_FRONTEND';
    if (this.of(i).some((other) => other.members.includes(found.name))) return 'CLUSTER_IN_USE';
    this.#remove(i, found);
    return 'ok';
  }

  rename(i: string, id: string, name: string, mayReplace: boolean): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    const holder = this.of(i).find((other) => other.name === name);
    if (holder !== undefined && (holder === found || !mayReplace || holder.nodes.length > 0)) return 'CLUSTER_EXISTS';
    if (holder !== undefined) this.#remove(i, holder);
    found.name = name;
    return 'ok';
  }

  setUsers(i: string, id: string, users: readonly string[]): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    if (users.length === 0) return 'INVALID_CLUSTER';
    found.users = users;
    return 'ok';
  }

  setEndpoint(i: string, id: string, endpoint: string): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    if (endpoint === '') return 'MISSING_ENDPOINT';
    found.endpoint = endpoint;
    return 'ok';
  }

  setStatus(i: string, id: string, status: string): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    if (found.type !== 'COMPUTE') return 'INVALID_CLUSTER';
    if (!edges.split(' ').includes(`${found.status}>${status}`)) return 'CLUSTER_STATUS_CONFLICT';
    found.status = status;
    return 'ok';
  }

  /** @param members the active one first; names and policy are always given together here */
  regroup(i: string, id: string, members: readonly string[]): Verdict {
    const found = this.#found(i, id);
    if (typeof found === 'string') return found;
    if (members.some((member) => !this.#mayJoin(i, member, found))) return 'INVALID_CLUSTER';
    if (found.type !== 'VIRTUAL') return 'INVALID_CLUSTER';
    const isPlain = found.nodes.length + found.users.length === 0 && found.endpoint === undefined && found.status === undefined;
    if (!isPlain || members.length !== 2 || members[0] === members[1]) return 'INVALID_CLUSTER';
    found.members = members;
    return 'ok';
  }

  addNodes(i: string, target: Pick<ModelCluster, 'id' | 'name' | 'type'>, nodes: readonly ModelNode[]): Verdict {
    if (nodes.length === 0) return 'INVALID_CLUSTER';
    if (!this.instances.has(i)) return 'UNKNOWN_INSTANCE';
    if (this.#isTaken(i, target.type, nodes)) return 'ENDPOINT_TAKEN';
    if (this.#isForeign(i, nodes)) return 'CLOUD_UNIQUE_ID_TAKEN';
    return this.#change(i, target, (cluster) => {
      for (const node of nodes)
        if (!cluster.nodes.some((present) => isAt(present, node))) cluster.nodes.push({ ...node, status: 'NODE_STATUS_RUNNING' });
    });
  }

  dropNodes(i: string, target: Pick<ModelCluster, 'id' | 'name' | 'type'>, nodes: readonly ModelNode[], isYoung: boolean): Verdict {
    if (nodes.length === 0) return 'INVALID_CLUSTER';
    if (!this.instances.has(i)) return 'UNKNOWN_INSTANCE';
    const left = new Map(this.#targets(i, target).map((cluster) => [cluster, [...cluster.nodes]]));
    for (const node of nodes) {
      let isFound = false;
      for (const [cluster, rest] of left) {
        const at = rest.findIndex((present) => present.id === node.id && isAt(present, node));
        if (at === -1) continue;
        if (cluster.type === 'SQL' && isYoung) return 'YOUNG_FRONTEND';
        rest.splice(at, 1);
        isFound = true;
      }
      if (!isFound) return 'UNKNOWN_NODE';
    }
    return this.#change(i, target, (cluster) => {
      cluster.nodes = left.get(cluster) ?? [];
    });
  }

  decommission(i: string, nodes: readonly ModelNode[], status: string): Verdict {
    const id = nodes[0]?.id;
    const isKnown = [...this.instances].some(
      ([other, clusters]) => (id !== undefined || other === i) && clusters.some((cluster) => cluster.nodes.some((node) => node.id === id)),
    );
    if (nodes.length === 0 || !isKnown) return 'UNKNOWN_NODE';
    const isMeant = (node: ModelNode): boolean =>
      node.id === id && node.role === undefined && nodes.some((given) => given.role === undefined && isAt(node, given));
    if (!this.of(i).some((cluster) => cluster.nodes.some(isMeant))) return 'INVALID_CLUSTER';
    for (const cluster of this.of(i)) {
      const meant = cluster.nodes.filter(isMeant);
      cluster.nodes = [...cluster.nodes.filter((node) => !isMeant(node)), ...meant.map((node) => ({ ...node, status }))];
    }
    return 'ok';
  }

  /** A change of nodes must leave the first frontend cluster fit to work; otherwise it is taken back. */
  #change(i: string, target: Pick<ModelCluster, 'id' | 'name'>, change: (cluster: ModelCluster) => void): Verdict {
    const before = this.#targets(i, target).map((cluster) => ({ cluster, nodes: [...cluster.nodes] }));
    for (const { cluster } of before) change(cluster);
    const frontends = this.of(i).find((cluster) => cluster.type === 'SQL');
    if (frontends === undefined || isValid(frontends.nodes)) return 'ok';
    for (const { cluster, nodes } of before) cluster.nodes = nodes;
    return 'INVALID_FRONTENDS';
  }

  #targets(i: string, { id, name }: Pick<ModelCluster, 'id' | 'name'>): readonly ModelCluster[] {
    return this.of(i).filter((cluster) => cluster.id === id || cluster.name === name);
  }

  #found(i: string, id: string): ModelCluster | string {
    if (id === '') return 'INVALID_CLUSTER';
    if (!this.instances.has(i)) return 'UNKNOWN_INSTANCE';
    return this.of(i).find((cluster) => cluster.id === id) ?? 'UNKNOWN_CLUSTER';
  }

  #remove(i: string, cluster: ModelCluster): void {
    const clusters = this.of(i);
    clusters.splice(clusters.indexOf(cluster), 1);
  }

  #mayJoin(i: string, name: string, except?: ModelCluster): boolean {
    const member = this.of(i).find((cluster) => cluster.name === name);
    return member?.type === 'COMPUTE' && !this.of(i).some((other) => other !== except && other.members.includes(name));
  }

  #isForeign(i: string, nodes: readonly ModelNode[]): boolean {
    const foreign = [...this.instances].flatMap(([other, clusters]) => (other === i ? [] : clusters.flatMap((cluster) => cluster.nodes)));
    return nodes.some((node) => node.id !== undefined && foreign.some((held) => held.id === node.id));
  }

  #isTaken(i: string, type: ModelCluster['type'], nodes: readonly ModelNode[]): boolean {
    const held = this.of(i).filter((cluster) => kindOf(cluster) === kindOf({ type }));
    const taken = new Set(held.flatMap((cluster) => cluster.nodes.map(endpointOf)));
    return nodes.some((node) => taken.has(endpointOf(node)) || !taken.add(endpointOf(node)));
  }
}
