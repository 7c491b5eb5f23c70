import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeProcess, nodeProcess, statusOf, until } from './nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from './zookeeper.ts';

/** Session timeout of the nodes in tests, milliseconds. */
export const sessionTimeoutMs = 2_000;

/** Three real ZooKeepers and three real nodes. */
export interface ProcessCluster {
  readonly zookeeper: ZooKeeper;
  readonly nodes: readonly NodeProcess[];
  /** The node that leads, as soon as one does and the others say so too (those that answer). */
  leader(): Promise<NodeProcess>;
  /** Waits until all nodes answer, one leads, and all have folded the same position. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<ProcessCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-cluster-'));
  const zookeeper = await startZooKeeper(3);
  const settings = {
    LOG: `zookeeper://${zookeeper.connect}/chancery`,
    CLUSTER_SECRET: 'a secret for tests only',
    SESSION_TIMEOUT: `${sessionTimeoutMs}ms`,
  };
  const nodes = await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => nodeProcess(nodeId, folder, settings)));
  const leader = () =>
    until('one node leads', 30_000, async () => {
      const answers = await Promise.all(nodes.map(async (node) => ({ node, status: await statusOf(node.url) })));
      const leading = answers.filter(({ status }) => status?.role === 'leader');
      const agree = answers.every(({ status }) => status === undefined || status.leaderId === leading[0]?.node.nodeId);
      return leading.length === 1 && agree ? leading[0]?.node : undefined;
    });
  return {
    zookeeper,
    nodes,
    leader,
    settled: async () => {
      await leader();
      await until('all nodes are at the same position', 30_000, async () => {
        const positions = await Promise.all(nodes.map(async (node) => (await statusOf(node.url))?.position));
        return positions.every((position) => position !== undefined && position === positions[0]) ? true : undefined;
      });
    },
    stop: async () => {
      for (const node of nodes) node.resume();
      await Promise.all(nodes.map((node) => node.kill()));
      await zookeeper.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
