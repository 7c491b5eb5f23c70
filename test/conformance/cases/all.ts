/** Every case, in the order in which they run. */
import type { Case } from '../vocabulary.ts';
import { clusterChangeCases } from './clusterChanges.ts';
import { clusterStatusCases } from './clusterStatus.ts';
import { clusterCases } from './clusters.ts';
import { instanceCases } from './instances.ts';
import { jsonCases } from './json.ts';
import { keyToolCases } from './keyTools.ts';
import { nodeCases } from './nodes.ts';
import { otherCases } from './others.ts';
import { resolutionCases } from './resolution.ts';
import { storageCases } from './storage.ts';
import { tabletCases } from './tablets.ts';
import { transactionCases } from './transactions.ts';
import { transportCases } from './transport.ts';

export const groups: Readonly<Record<string, readonly Case[]>> = {
  transport: transportCases,
  json: jsonCases,
  resolution: resolutionCases,
  instances: instanceCases,
  storage: storageCases,
  clusters: [...clusterCases, ...clusterChangeCases],
  nodes: nodeCases,
  'cluster status': clusterStatusCases,
  'key tools': keyToolCases,
  transactions: transactionCases,
  tablets: tabletCases,
  others: otherCases,
};
