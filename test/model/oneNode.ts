/** A node under a model: every request is sent until it is answered, through kills and lost replies. */
import fc from 'fast-check';
import { expect, vi } from 'vitest';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { NodeParts } from '../../src/engine/node.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import { lostReply } from '../../src/log/faulty.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { inAMoment } from '../support/waits.ts';

export class OneNode {
  readonly cluster = new TestCluster();
  readonly #file: NodeParts['staticConfigs'];
  #asked = 0;

  /** @param file the cluster configs of the node's file */
  constructor(file: NodeParts['staticConfigs']) {
    this.#file = file;
  }

  async start(): Promise<void> {
    await this.cluster.start('n1', { staticConfigs: this.#file });
  }

  /** Asks until there is an answer, each time under the same key. */
  async ask(command: Command): Promise<Extract<Outcome, { readonly kind: 'done' | 'rejected' }>> {
    this.#asked += 1;
    const idempotencyKey = `request-${this.#asked}`;
    return await vi.waitFor(
      async () => {
        const outcome = await this.cluster.node('n1').submit(command, { ...caller, idempotencyKey, timeoutMs: 300 });
        if (outcome.kind === 'done' || (outcome.kind === 'rejected' && outcome.rejection.code !== 'NO_LEADER')) return outcome;
        throw new Error('not answered yet');
      },
      { timeout: 30_000, interval: 1 },
    );
  }
}

export interface Disturbed {
  readonly node: OneNode;
}
type Disturbance = fc.AsyncCommand<object, Disturbed>;
/** What happens to the node between requests. */
export const disturbances: fc.Arbitrary<Disturbance> = fc.constantFrom<Disturbance>(
  {
    check: () => true,
    toString: () => 'restart',
    run: async (_, { node }) => {
      const { cluster } = node;
      cluster.kill('n1');
      await node.start();
      await vi.waitFor(() => expect(cluster.node('n1').state.position).toBe(cluster.hub.head.position), { timeout: 30_000, interval: 1 });
    },
  },
  {
    check: () => true,
    toString: () => 'loseReply',
    run: async (_, { node: { cluster } }) => cluster.log('n1').script(lostReply),
  },
);

/** Runs a story on a new node; at its end the log, folded in bulk, must give the tables of the node. */
export async function onOneNode(run: (node: OneNode) => Promise<void>, file: NodeParts['staticConfigs'] = {}): Promise<void> {
  const node = new OneNode(file);
  await node.start();
  await run(node);
  await node.cluster.log('n1').heal();
  const fold = bulkFold();
  fold.add(node.cluster.entries());
  await vi.waitFor(() => expect(node.cluster.node('n1').state.position).toBe(fold.position), inAMoment);
  expect(stateHash(fold.finish())).toBe(stateHash(node.cluster.node('n1').state));
  await node.cluster.stop();
}
