/** The thread that plans: threadPlanner.ts starts it, sends it one cluster after the other and ends it. */
import { parentPort } from 'node:worker_threads';
import { attempt } from './attempt.ts';
import type { FromThread, ToThread } from './messages.ts';
import { packPlan, unpackCluster } from './packed.ts';

parentPort?.on('message', ({ cluster, goals }: ToThread) => {
  const planning = attempt(unpackCluster(cluster), goals);
  const reply: FromThread = planning.kind === 'planned' ? { kind: 'planned', plan: packPlan(planning.plan) } : planning;
  parentPort?.postMessage(reply, reply.kind === 'planned' ? [reply.plan.numbers.buffer] : []);
});
