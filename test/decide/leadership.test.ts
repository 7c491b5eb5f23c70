/**
 * Goal: the lead is taken once per epoch, epochs only grow, and an empty log begins with its creation.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { expect, test } from 'vitest';
import type { ConfigValue } from '../../events/configs.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { given } from '../support/given.ts';

const created = logCreated({ format: 1, clusterId: 'cluster-1' });
const staticConfigs: Record<string, ConfigValue> = { 'datalake.format': { kind: 'text', text: 'paimon' } };
const taken = (epoch: number) => leadershipTaken({ nodeId: 'n1', epoch, staticConfigs });
const take = (epoch: number) => ({ name: 'takeLeadership', nodeId: 'n1', epoch, staticConfigs }) as const;

test('the first leader creates the log; the cluster gets its name from the command id', () => {
  given()
    .when(take(1), { commandId: 'abc' })
    .gives(logCreated({ format: 1, clusterId: 'abc' }), taken(1));
});
test('the next leader takes a newer epoch, gaps allowed', () => given(created, taken(1)).when(take(5)).gives(taken(5)));
test.each([1, 5])('epoch %i is not newer than 5', (epoch) => {
  given(created, taken(1), taken(5)).when(take(epoch)).isRefused('STALE_LEADERSHIP', 'epoch', `epoch ${epoch} is not newer than 5`);
});
test('the file of the leader is what the state holds below the dynamic map', () => {
  expect(given(created, taken(1)).state.configs.fromFile).toEqual(staticConfigs);
});
