import { defaultRack } from './cluster.ts';
import { successorOf } from './distribution.ts';
import type { Stage } from './stage.ts';

/** Every replica whose rack holds another one of its bucket goes to a rack that holds none; visits the open servers by id. */
export function separateRacks(stage: Stage): void {
  const { model } = stage;
  for (const [server, { rack = defaultRack }] of model.servers.entries()) {
    if (!model.isOpen(server)) continue;
    for (const bucket of model.held(server)) {
      const slot = model.slotOn(bucket, server);
      const companion = slot === -1 ? -1 : model.companionIn(model.rackOf(server), slot);
      const to = companion === -1 ? -1 : stage.takerOf(slot);
      if (to === -1) continue;
      const withServer = model.servers[companion]?.id ?? -1;
      stage.moveReplica(slot, to, { askedBy: 'RACK_AWARE', reason: { because: 'RACK_SHARED', rack, with: withServer } });
    }
  }
}

/** Empties the servers with a tag, live or dead: leadership goes to another replica's server where there is one, then the replica goes. */
export function drain(stage: Stage): void {
  const { model } = stage;
  for (const [server, { tag }] of model.servers.entries()) {
    if (tag === undefined) continue;
    const why = { askedBy: 'SERVER_TAG', reason: { because: 'TAGGED', tag } } as const;
    for (const bucket of model.held(server)) {
      const slot = model.slotOn(bucket, server);
      const successor = model.isLeading(slot) ? successorOf(stage, bucket) : -1;
      if (successor !== -1) stage.moveLeadership(successor, why);
      const to = stage.takerOf(slot);
      if (to !== -1) stage.moveReplica(slot, to, why);
    }
  }
}
