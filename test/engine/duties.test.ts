/**
 * Goal: deadlines become commands once, at their time, whatever the clock does; the list of nodes follows the membership.
 * Method: the scheduler over a hand-made state and a virtual clock; `census` as the pure function it is.
 */
import { expect, test } from 'vitest';
import { coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { tokenExpired, tokenIssued } from '../../events/tokens.ts';
import { draftState, finishState, foldEvent, initialState, type State } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { census, startScheduler } from '../../src/engine/duties.ts';
import { LogTime } from '../../src/engine/logTime.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import type { Member } from '../../src/ports/membership.ts';
import { rejection } from '../../src/rejection.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const act = {
  principal: 'chancery',
  interface: 'chancery',
  command: 'test',
  commandId: 'c',
  digest: '0'.repeat(32),
  node: 'n1',
} as const;
const after = (state: State, at: number, ...events: readonly ChanceryEvent[]): State => {
  const draft = draftState(state);
  for (const [i, event] of events.entries())
    foldEvent(draft, {
      position: state.position + i + 1,
      at,
      epoch: 1,
      event: { ...event, id: `e${state.position + i}`, act },
    });
  return finishState(draft);
};
const joined = (nodeId: string) => coordinatorJoined({ nodeId, operatorUrl: `http://${nodeId}`, release: '1' });
const lost = (nodeId: string, forgetAfterMs: number) => coordinatorLost({ nodeId, forgetAfterMs });
const done: Outcome = {
  kind: 'done',
  position: 1,
  changed: true,
  duplicate: false,
};

function scheduled(clock: VirtualClock, start: State, answer: (command: Command) => Outcome = () => done, newestAt = 0) {
  let state = start;
  const submitted: { command: Command; key: string; at: number }[] = [];
  const scheduler = startScheduler({
    clock,
    logTime: new LogTime(clock, newestAt),
    state: () => state,
    submit: async (command, key) => {
      submitted.push({ command, key, at: clock.now() });
      const outcome = answer(command);
      if (outcome.kind === 'done' && command.name === 'forgetCoordinator')
        state = after(state, clock.now(), {
          type: 'CoordinatorForgotten',
          version: 1,
          data: { nodeId: command.nodeId },
        });
      if (outcome.kind === 'done' && command.name === 'expireToken')
        state = after(state, clock.now(), tokenExpired({ principal: 'User:a', tokenId: command.tokenId }));
      return outcome;
    },
  });
  const become = (next: State) => {
    state = next;
    scheduler.wake();
  };
  return { submitted, scheduler, become };
}

test('a deadline is submitted once, not before its time', async () => {
  const clock = new VirtualClock();
  const started = clock.now();
  const state = after(initialState(), started, joined('n1'), joined('n2'), lost('n2', 5_000));
  const { submitted } = scheduled(clock, state);
  await clock.advance(4_999);
  expect(submitted).toEqual([]);
  await clock.advance(1);
  expect(submitted).toEqual([
    {
      command: { name: 'forgetCoordinator', nodeId: 'n2' },
      key: `deadline/coordinator/n2/${started + 5_000}`,
      at: started + 5_000,
    },
  ]);
  await clock.advance(1_000_000);
  expect(submitted).toHaveLength(1);
});

test('one that appears later and is due earlier wakes the scheduler', async () => {
  const clock = new VirtualClock();
  const state = after(initialState(), clock.now(), joined('n2'), joined('n3'), lost('n2', 500_000));
  const { submitted, become } = scheduled(clock, state);
  become(after(state, clock.now(), lost('n3', 2_000)));
  await clock.advance(2_000);
  expect(submitted.map(({ command }) => command)).toEqual([{ name: 'forgetCoordinator', nodeId: 'n3' }]);
});

test('a node that returns takes its deadline away', async () => {
  const clock = new VirtualClock();
  const state = after(initialState(), clock.now(), joined('n2'), lost('n2', 2_000));
  const { submitted, become } = scheduled(clock, state);
  become(after(state, clock.now(), joined('n2')));
  await clock.advance(10_000);
  expect(submitted).toEqual([]);
});

test('a refused command is tried again, once a second and not in a loop', async () => {
  const clock = new VirtualClock();
  const state = after(initialState(), clock.now(), joined('n2'), lost('n2', 1_000));
  const { submitted } = scheduled(clock, state, () => ({
    kind: 'rejected',
    rejection: rejection('NO_LEADER', '', 'none'),
  }));
  await clock.advance(5_000);
  expect(submitted.length).toBeGreaterThanOrEqual(4);
  expect(submitted.length).toBeLessThanOrEqual(5);
  expect(new Set(submitted.map(({ key }) => key)).size).toBe(1);
});

test('a stopped scheduler submits nothing', async () => {
  const clock = new VirtualClock();
  const { submitted, scheduler } = scheduled(clock, after(initialState(), clock.now(), joined('n2'), lost('n2', 1_000)));
  scheduler.stop();
  scheduler.wake();
  await clock.advance(5_000);
  expect(submitted).toEqual([]);
});

test('a clock set forward makes everything due at once', async () => {
  const clock = new VirtualClock();
  const state = after(initialState(), clock.now(), joined('n2'), joined('n3'), lost('n2', 60_000), lost('n3', 7_200_000));
  const { submitted } = scheduled(clock, state);
  await clock.advance(10_000_000);
  expect(submitted.map(({ command }) => command)).toEqual([
    { name: 'forgetCoordinator', nodeId: 'n2' },
    { name: 'forgetCoordinator', nodeId: 'n3' },
  ]);
});

test('while the log is ahead, deadlines are due in its time, and expiries, which come first there, in time of day', async () => {
  const clock = new VirtualClock();
  const started = clock.now();
  const ahead = 3_600_000;
  const tokens = [20_000, 60_000, 600_000, ahead + 1].map((ms) => {
    const token = { tokenId: `t${ms}`, principal: 'User:a', hash: '0'.repeat(64), about: '' };
    return tokenIssued({ ...token, expiresAt: started + ms });
  });
  const issued = after(initialState(), started, joined('n2'), joined('n3'), ...tokens);
  const state = after(issued, started + ahead, lost('n2', 5_000), lost('n3', 50_000));
  const { submitted } = scheduled(clock, state, undefined, started + ahead);
  await clock.advance(700_000);
  expect(submitted.map(({ at, command }) => [at - started, Object.values(command).join(' ')])).toEqual([
    [10_000, 'forgetCoordinator n2'],
    [20_000, 'expireToken t20000'],
    [60_000, 'expireToken t60000'],
    [100_000, 'forgetCoordinator n3'],
    [600_000, 'expireToken t600000'],
  ]);
});

const member = (nodeId: string, operatorUrl = `http://${nodeId}`): Member => ({
  nodeId,
  operatorUrl,
  release: '1',
  position: 0,
  checkpoints: [],
});

test('census: new, moved and missing nodes, and nothing when all is known', () => {
  const state = after(initialState(), 1, joined('n1'), joined('n2'), joined('n3'), lost('n3', 1));
  expect(census(state, [member('n1'), member('n2')], 9)).toEqual([]);
  expect(census(state, [member('n1', 'http://elsewhere'), member('n4')], 9)).toEqual([
    {
      command: {
        name: 'joinCoordinator',
        nodeId: 'n1',
        operatorUrl: 'http://elsewhere',
        release: '1',
      },
      key: 'join/n1/1',
    },
    {
      command: {
        name: 'joinCoordinator',
        nodeId: 'n4',
        operatorUrl: 'http://n4',
        release: '1',
      },
      key: 'join/n4/0',
    },
    {
      command: { name: 'loseCoordinator', nodeId: 'n2', forgetAfterMs: 9 },
      key: 'lose/n2/2',
    },
  ]);
  expect(census(state, [member('n1'), member('n2'), member('n3')], 9)).toEqual([
    {
      command: {
        name: 'joinCoordinator',
        nodeId: 'n3',
        operatorUrl: 'http://n3',
        release: '1',
      },
      key: 'join/n3/4',
    },
  ]);
});
