import { defineProjection, invariant } from './kit.ts';

/** Who leads, and the cluster's identity. `clusterId` is absent before position 1, the rest before the first leadership. */
export interface Leadership {
  readonly clusterId?: string;
  readonly leader?: { readonly nodeId: string; readonly epoch: number; readonly position: number; readonly at: number };
  /** How often the lead was taken since the log began. */
  readonly taken: number;
}

export const leadership = defineProjection<Leadership>({
  name: 'leadership',
  version: 1,
  initial: () => ({ taken: 0 }),
  on: {
    LogCreated: (state, { event: { data }, position }) => {
      invariant(position === 1, 'a log is created once, at position 1');
      state.clusterId = data.clusterId;
    },
    LeadershipTaken: (state, { event: { data }, position, at, epoch }) => {
      invariant(data.epoch === epoch, `leadership of epoch ${data.epoch} was written in epoch ${epoch}`);
      invariant(data.epoch > (state.leader?.epoch ?? 0), `epoch ${data.epoch} does not follow ${state.leader?.epoch ?? 0}`);
      state.leader = { nodeId: data.nodeId, epoch: data.epoch, position, at };
      state.taken += 1;
    },
  },
});
