/**
 * Goal: /metrics shows how far the newest rebalance is, and what moves copied and how long they took.
 * Method: a rebalance on a real node, first with tablet servers that do nothing, then with ones that copy.
 */
import { expect, test, vi } from 'vitest';
import { rebalanceRows } from '../../projections/rebalance.ts';
import { bytesOfBucket, Fleet, settle } from '../support/fleet.ts';
import { lastingLeases } from '../support/registeredServers.ts';
import { call, ServedCluster, waits } from './support.ts';

test('moves by status, bytes and durations', async () => {
  const cluster = new ServedCluster();
  settle(cluster.hub, { racks: ['a', 'b', 'c'], orders: Array.from({ length: 6 }, () => [0, 1]) });
  const n1 = await cluster.start('n1', { staticConfigs: lastingLeases });
  await cluster.ready(n1);
  const metrics = async () => (await call(`${n1.url}/metrics`)).text;
  expect(await metrics()).toContain('chancery_rebalance_moves{status="moving"} 0\n');
  const fleet = new Fleet(n1.node, { isIdle: true });
  const begun = await call(`${n1.url}/v1/rebalances`, { body: { goals: ['REPLICA_DISTRIBUTION'] } });
  const row = () => rebalanceRows(n1.node.state.rebalance)[0];
  await vi.waitFor(() => expect(row()?.moving).toBeGreaterThan(0), waits);
  expect(await metrics()).toContain(`chancery_rebalance_moves{status="moving"} ${row()?.moving}\n`);
  fleet.work();
  await vi.waitFor(() => expect(row()?.status).toBe('COMPLETED'), waits);
  const moves = Number(begun.json['moveCount']);
  const text = await metrics();
  expect(text).toContain(`chancery_rebalance_moves{status="finished"} ${moves}\n`);
  expect(text).toContain('chancery_rebalance_moves{status="moving"} 0\n');
  expect(text).toContain(`chancery_rebalance_copied_bytes_total ${moves * bytesOfBucket}\n`);
  expect(text).toContain(`chancery_rebalance_move_seconds_count{outcome="finished"} ${moves}\n`);
  await cluster.stop();
});
