import { z } from 'zod';
import { configKey, configValue } from './configs.ts';
import { defineEvent, type EventOf, nodeId } from './kit.ts';

/** Raised by `takeLeadership` on an empty log; folded by `projections/leadership.ts`. */
export const logCreated = defineEvent('LogCreated', {
  about: 'The log began.',
  version: 1,
  data: z.strictObject({
    format: z.literal(1).describe('The log format.'),
    clusterId: z.string().min(1).max(64).describe("The cluster's id for good; an import keeps it."),
  }),
  subjects: () => ['leadership'],
});

/** Raised by `takeLeadership`; folded by `projections/leadership.ts` and `projections/configs.ts`. */
export const leadershipTaken = defineEvent('LeadershipTaken', {
  about: 'A node took the lead; from here on only its epoch may append.',
  version: 1,
  data: z.strictObject({
    nodeId,
    epoch: z.number().int().min(1).describe('Grows with every leadership; the log refuses older ones.'),
    staticConfigs: z
      .record(configKey, configValue)
      .describe("The cluster configs of the leader's file: what the dynamic map overrides while it leads."),
  }),
  subjects: ({ nodeId }) => ['leadership', `coordinator/${nodeId}`],
});

export type LeadershipEvent = EventOf<typeof logCreated> | EventOf<typeof leadershipTaken>;
