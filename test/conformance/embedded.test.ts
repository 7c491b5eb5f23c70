/**
 * Goal: the Meta Service answers as its contract says, status by status and text by text.
 * Method: one real node on its embedded log; each case, written from the contract alone, speaks to it over HTTP on instances of its own.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { Nodes } from '../cluster/harness.ts';
import { groups } from './cases/all.ts';
import { runCase, type Target } from './runner.ts';

const nodes = new Nodes();
let target: Target;
beforeAll(async () => {
  const address = `127.0.0.1:${(await freePorts(1))[0]}`;
  const node = await nodes.start('n1', { LOG: 'file:data', META_SERVICE: address });
  await nodes.settled();
  target = { metaService: `http://${address}`, operator: node.url };
});
afterAll(() => nodes.stop());

test('there are as many cases as the contract is long, and each has a name of its own', () => {
  const names = Object.values(groups).flatMap((cases) => cases.map(({ name }) => name));
  expect(names.length).toBeGreaterThan(300);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

for (const [group, cases] of Object.entries(groups))
  describe(group, () => {
    for (const [index, each] of cases.entries()) test(each.name, () => runCase(each, `${group.replace(' ', '-')}-${index}`, target));
  });
