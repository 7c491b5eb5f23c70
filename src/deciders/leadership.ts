import { z } from 'zod';
import { configKey, configValue } from '../../events/configs.ts';
import { nodeId } from '../../events/kit.ts';
import { type LeadershipEvent, leadershipTaken, logCreated } from '../../events/leadership.ts';
import { accept, type Decision, reject } from '../rejection.ts';
import { defineCommand } from './kit.ts';

const input = z.strictObject({
  nodeId,
  epoch: z.number().int().min(1),
  staticConfigs: z.record(configKey, configValue),
});

/**
 * The first act of every leader, and of every log.
 * @returns `LogCreated` when the log is empty, then `LeadershipTaken`; or STALE_LEADERSHIP.
 */
export const takeLeadership = defineCommand({
  name: 'takeLeadership',
  about: 'Take the lead in a new epoch.',
  input,
  decide: (state, command, { commandId }): Decision<LeadershipEvent> => {
    if (command.epoch <= state.epoch) return reject('STALE_LEADERSHIP', 'epoch', `epoch ${command.epoch} is not newer than ${state.epoch}`);
    const taken = leadershipTaken(command);
    return state.position === 0 ? accept<LeadershipEvent>(logCreated({ format: 1, clusterId: commandId }), taken) : accept(taken);
  },
});
