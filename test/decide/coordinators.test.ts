/**
 * Goal: the list of nodes changes only when something did, and a node that came back is not forgotten.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, test } from 'vitest';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { given } from '../support/given.ts';

const n2 = { nodeId: 'n2', operatorUrl: 'http://n2:8480', release: '0.1.0' };
const joined = coordinatorJoined(n2);
const lost = coordinatorLost({ nodeId: 'n2', forgetAfterMs: 5000 });
const forgotten = coordinatorForgotten({ nodeId: 'n2' });

describe('joinCoordinator', () => {
  const join = { name: 'joinCoordinator', ...n2 } as const;
  test('a new node joins', () => given().when(join).gives(joined));
  test('a member that says the same joins once', () => given(joined).when(join).gives());
  test('a member that moved joins again', () => {
    const moved = { ...n2, operatorUrl: 'http://n2:9000' };
    given(joined)
      .when({ name: 'joinCoordinator', ...moved })
      .gives(coordinatorJoined(moved));
  });
  test('a member with another release joins again', () => {
    const newer = { ...n2, release: '0.2.0' };
    given(joined)
      .when({ name: 'joinCoordinator', ...newer })
      .gives(coordinatorJoined(newer));
  });
  test('a lost node joins again', () => given(joined, lost).when(join).gives(joined));
  test('a forgotten node joins again', () => given(joined, lost, forgotten).when(join).gives(joined));
});

describe('loseCoordinator', () => {
  const lose = { name: 'loseCoordinator', nodeId: 'n2', forgetAfterMs: 5000 } as const;
  test('a member is lost', () => given(joined).when(lose).gives(lost));
  test('a lost node is lost once', () =>
    given(joined, lost)
      .when({ ...lose, forgetAfterMs: 9000 })
      .gives());
  test('an unknown node cannot be lost', () => {
    given().when(lose).isRefused('UNKNOWN_COORDINATOR', 'nodeId', "coordinator 'n2' is not known");
  });
  test('a forgotten node cannot be lost', () => {
    given(joined, lost, forgotten).when(lose).isRefused('UNKNOWN_COORDINATOR', 'nodeId', "coordinator 'n2' is not known");
  });
});

describe('forgetCoordinator', () => {
  const forget = { name: 'forgetCoordinator', nodeId: 'n2' } as const;
  test('a lost node is forgotten', () => given(joined, lost).when(forget).gives(forgotten));
  test('a member is not', () => given(joined).when(forget).isRefused('COORDINATOR_IS_MEMBER', 'nodeId', "coordinator 'n2' is a member"));
  test('nor is one that came back', () => {
    given(joined, lost, joined).when(forget).isRefused('COORDINATOR_IS_MEMBER', 'nodeId', "coordinator 'n2' is a member");
  });
  test('nor one that nobody knows', () => {
    given().when(forget).isRefused('UNKNOWN_COORDINATOR', 'nodeId', "coordinator 'n2' is not known");
  });
});
