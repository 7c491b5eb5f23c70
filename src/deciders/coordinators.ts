import { z } from 'zod';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { nodeId } from '../../events/kit.ts';
import { coordinatorOf, isMember } from '../../projections/coordinators.ts';
import { accept, reject } from '../rejection.ts';
import { defineCommand } from './kit.ts';

/** A node was seen. @returns `CoordinatorJoined` unless the log already says so. */
export const joinCoordinator = defineCommand({
  name: 'joinCoordinator',
  about: 'Record that a node is a member.',
  input: z.strictObject({ nodeId, operatorUrl: z.string().max(512), release: z.string().min(1).max(64) }),
  decide: (state, command) => {
    const row = coordinatorOf(state.coordinators, command.nodeId);
    const isKnown = isMember(row) && row.operatorUrl === command.operatorUrl && row.release === command.release;
    return isKnown ? accept() : accept(coordinatorJoined(command));
  },
});

/** A node is gone. @returns `CoordinatorLost` for a member, nothing for one already lost; or UNKNOWN_COORDINATOR. */
export const loseCoordinator = defineCommand({
  name: 'loseCoordinator',
  about: 'Record that a node stopped or lost its session.',
  input: z.strictObject({ nodeId, forgetAfterMs: z.number().int().min(1) }),
  decide: (state, command) => {
    const row = coordinatorOf(state.coordinators, command.nodeId);
    if (row === undefined) return reject('UNKNOWN_COORDINATOR', 'nodeId', `coordinator '${command.nodeId}' is not known`);
    return isMember(row) ? accept(coordinatorLost(command)) : accept();
  },
});

/**
 * A lost node's time is over: given by the scheduler, or by an operator who does not want to wait.
 * @returns `CoordinatorForgotten`; or UNKNOWN_COORDINATOR, COORDINATOR_IS_MEMBER (it has returned).
 */
export const forgetCoordinator = defineCommand({
  name: 'forgetCoordinator',
  about: 'Take a lost node off the list.',
  input: z.strictObject({ nodeId }),
  decide: (state, command) => {
    const row = coordinatorOf(state.coordinators, command.nodeId);
    if (row === undefined) return reject('UNKNOWN_COORDINATOR', 'nodeId', `coordinator '${command.nodeId}' is not known`);
    if (isMember(row)) return reject('COORDINATOR_IS_MEMBER', 'nodeId', `coordinator '${command.nodeId}' is a member`);
    return accept(coordinatorForgotten({ nodeId: command.nodeId }));
  },
});
