/**
 * Goal: after a write was acknowledged on one node, a linearizable read, and a read with `atLeast`, on any other sees it or says that it
 *   cannot; never an old value.
 * Method: fast-check draws who writes and how the others are asked, on three real nodes and a real ZooKeeper, beside writers that keep the
 *   followers busy; then followers are stopped in the middle of it.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { replay } from '../support/replay.ts';
import { Writers } from '../support/writers.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, get, Nodes, put, written } from './harness.ts';

let zookeeper: ZooKeeper;
let members: readonly NodeProcess[];
const nodes = new Nodes();
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
  const settings = { LOG: `zookeeper://${zookeeper.connect}/chancery`, SESSION_TIMEOUT: '10s' };
  members = await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => nodes.start(nodeId, settings)));
  await nodes.settled();
});
afterAll(async () => {
  await nodes.stop();
  await zookeeper?.stop();
});

/** How a node is asked for what was written at a position. */
const ways: Readonly<Record<string, (url: string, name: string, position: number) => Promise<unknown>>> = {
  linearizable: async (url, name) => (await get(url, name, '?consistency=linearizable')).value,
  atLeast: async (url, name, position) => (await get(url, name, `?atLeast=${position}`)).value,
  'SELECT, linearizable': (url, name) => select(url, name, { consistency: 'linearizable' }),
  'SELECT, atLeast': (url, name, position) => select(url, name, { atLeast: position }),
};
async function select(url: string, name: string, more: object): Promise<unknown> {
  const statement = `SELECT config_value FROM sys.cluster_configs WHERE config_key = 'datalake.test.${name}'`;
  const { body } = await ask(url, '/v1/sql', { body: { statement, ...more } });
  return (body['results'] as readonly { readonly rows: readonly unknown[][] }[] | undefined)?.[0]?.rows[0]?.[0];
}

const node = fc.integer({ min: 0, max: 2 });
// A SELECT first brings the history's own process up to date, which takes a second where others write.
const weighted = Object.keys(ways).map((way) => ({ weight: way.startsWith('SELECT') ? 1 : 4, arbitrary: fc.constant(way) }));
const step = fc.record({ writer: node, reader: node, way: fc.oneof(...weighted) });

test('an acknowledged write is seen everywhere by whoever asks for it', async () => {
  const busy = new Writers(nodes.urls, 2, 'busy');
  let chains = 0;
  const { params } = replay({ numRuns: 8 });
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), async (steps) => {
        chains += 1;
        const name = `chain${chains}`;
        for (const [i, { way, writer, reader }] of steps.entries()) {
          const position = await written(put(members[writer]?.url ?? '', name, `${i}`));
          const seen = await ways[way]?.(members[reader]?.url ?? '', name, position);
          expect(seen, `${way} on ${members[reader]?.nodeId} after a write on ${members[writer]?.nodeId}`).toBe(`${i}`);
        }
      }),
      params,
    );
  } finally {
    await busy.stop();
  }
});

test('a follower that stood still answers with the new value or not at all', async () => {
  const leader = await nodes.leader();
  const followers = members.filter((member) => member !== leader);
  for (let round = 0; round < 6; round += 1) {
    const follower = followers[round % 2];
    if (follower === undefined) throw new Error('there is no follower');
    await written(put(leader.url, 'still', `old ${round}`));
    follower.pause();
    const position = await written(put(leader.url, 'still', `new ${round}`));
    const asked = Promise.all([
      get(follower.url, 'still', '?consistency=linearizable'),
      get(follower.url, 'still', `?atLeast=${position}`),
    ]);
    await written(put(leader.url, 'beside', `${round}`)); // The questions wait in its kernel meanwhile.
    follower.resume();
    const [linearizable, atLeast] = await asked;
    expect(linearizable, JSON.stringify(linearizable.body)).toMatchObject({ status: 200, value: `new ${round}` });
    expect(atLeast, JSON.stringify(atLeast.body)).toMatchObject({ status: 200, value: `new ${round}` });
  }
});

test('without a quorum nothing old is passed off as new, and the answer comes in time', async () => {
  const leader = await nodes.leader();
  const position = await written(put(leader.url, 'quorum', 'x'));
  await nodes.settled();
  zookeeper.pause(0);
  const queries = [
    ['?consistency=linearizable', 'linearizable'],
    [`?atLeast=${position + 1}`, 'atLeast'],
  ] as const;
  const asked = queries.flatMap(([query, field]) => members.map(async ({ url }) => ({ field, answer: await get(url, 'quorum', query) })));
  for (const { answer, field } of await Promise.all(asked)) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'NOT_CAUGHT_UP', field } });
    expect(answer.value).toBeUndefined();
    expect(answer.headers.get('retry-after')).not.toBeNull();
  }
  zookeeper.resume(0);
  await until('all serve again', 30_000, async () => {
    const again = await Promise.all(members.map(({ url }) => get(url, 'quorum', '?consistency=linearizable')));
    return again.every(({ value }) => value === 'x') ? true : undefined;
  });
});
