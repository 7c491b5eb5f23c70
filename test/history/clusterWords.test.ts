/**
 * Goal: what happened to clusters and nodes reads well for an operator who knows the cluster.
 * Method: examples of each event, and of what its parts may lack.
 */
import { describe, expect, test } from 'vitest';
import {
  clusterAdded,
  clusterDropped,
  clusterEndpointChanged,
  clusterPropertiesChanged,
  clusterRenamed,
  clusterStatusChanged,
  mysqlUsersReplaced,
  virtualClusterAltered,
} from '../../events/clusters.ts';
import { nodeStatusChanged, nodesAdded, nodesDropped } from '../../events/computeNodes.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { wordsOf } from '../../src/engine/history/words.ts';

const key = { instanceId: 'i1', clusterId: 'c1' };
const policy = { type: 'ActiveStandby', activeClusterName: 'b', standbyClusterNames: ['a'] } as const;
const address = (n: number) => ({ address: `10.0.0.${n}:9050` });

describe('as an operator reads it', () => {
  test.each<[string, ChanceryEvent]>([
    ["COMPUTE cluster c1 'etl' added to i1", clusterAdded({ ...key, clusterName: 'etl', type: 'COMPUTE' })],
    ["SQL cluster 'etl' added to i1", clusterAdded({ instanceId: 'i1', clusterId: '', clusterName: 'etl', type: 'SQL' })],
    ["cluster c1 'etl' of i1 dropped", clusterDropped({ ...key, clusterName: 'etl' })],
    ['cluster c1 of i1 dropped', clusterDropped(key)],
    ['cluster c1 of i1 renamed   etl → elt', clusterRenamed({ ...key, previous: 'etl', name: 'elt' })],
    ['cluster c1 of i1 is the default of dana, eva', mysqlUsersReplaced({ ...key, previous: [], userNames: ['dana', 'eva'] })],
    ['cluster c1 of i1 is reached at vpc:9030', clusterEndpointChanged({ ...key, publicEndpoint: '', privateEndpoint: 'vpc:9030' })],
    ['cluster c1 of i1   NORMAL → SUSPENDED', clusterStatusChanged({ ...key, from: 'NORMAL', to: 'SUSPENDED' })],
    [
      'cluster c1 of i1 groups a, b; b is active',
      virtualClusterAltered({ ...key, clusterNames: ['a', 'b'], policy: { ...policy, standbyClusterNames: ['a'] } }),
    ],
    ['cluster c1 of i1 has other properties: a, b', clusterPropertiesChanged({ ...key, properties: { b: '1', a: '2' } })],
    ['cluster c1 of i1 has no properties any more', clusterPropertiesChanged({ ...key, properties: {} })],
    [
      'node h1:9050 added to cluster c1 of i1',
      nodesAdded({ ...key, type: 'COMPUTE', nodes: [{ host: 'h1', ip: '10.0.0.1', heartbeatPort: 9050 }] }),
    ],
    [
      '2 nodes added to cluster c1 of i1: 10.0.0.1:9010, 10.0.0.2:9010',
      nodesAdded({ ...key, type: 'SQL', nodes: [1, 2].map((n) => ({ ip: `10.0.0.${n}`, editLogPort: 9010 })) }),
    ],
    ['node 10.0.0.1:9050 taken out of cluster c1 of i1', nodesDropped({ ...key, nodes: [address(1)] })],
    [
      '7 nodes taken out of cluster c1 of i1: 10.0.0.1:9050, 10.0.0.2:9050, 10.0.0.3:9050, 10.0.0.4:9050, 10.0.0.5:9050 and 2 more',
      nodesDropped({ ...key, nodes: [1, 2, 3, 4, 5, 6, 7].map(address) }),
    ],
    [
      'node 10.0.0.1:9050 of cluster c1 of i1   → DECOMMISSIONED',
      nodeStatusChanged({ ...key, nodes: [address(1)], to: 'NODE_STATUS_DECOMMISSIONED' }),
    ],
  ])('%s', (words, event) => expect(wordsOf(event)).toBe(words));
});
