import type { Reason, Step } from './moves.ts';
import type { Limits, Stage } from './stage.ts';

/** Nine tenths of the ten percent by which a server may differ from the average, in hundredths. */
const marginHundredths = 9;

/** @param total of replicas or leaders on the open servers */
export const limitsOf = (total: number, openServers: number): Limits => ({
  lower: Math.floor((total * (100 - marginHundredths)) / (100 * openServers)),
  upper: Math.ceil((total * (100 + marginHundredths)) / (100 * openServers)),
});

/** Every open server, by id, once: gives replicas away while it has too many, or is given some while it has too few. */
export function distributeReplicas(stage: Stage, limits: Limits): void {
  for (const server of stage.model.openServers()) {
    if (stage.count(server) > limits.upper) pushReplicas(stage, server, limits, 'REPLICA_DISTRIBUTION');
    else if (stage.count(server) < limits.lower) pullReplicas(stage, server, limits, 'REPLICA_DISTRIBUTION');
  }
}

/** The same for leaders: leadership first, which costs nothing; replicas that lead only when that is not enough. */
export function distributeLeaders(stage: Stage, limits: Limits): void {
  for (const server of stage.model.openServers()) {
    if (stage.count(server) > limits.upper) {
      pushLeadership(stage, server, limits);
      pushReplicas(stage, server, limits, 'LEADER_DISTRIBUTION');
    } else if (stage.count(server) < limits.lower) {
      pullLeadership(stage, server, limits);
      pullReplicas(stage, server, limits, 'LEADER_DISTRIBUTION');
    }
  }
}

type Asking = Extract<Step['askedBy'], `${string}_DISTRIBUTION`>;

const above = (count: number, { upper }: Limits): Reason => ({ because: 'ABOVE_LIMIT', count, limit: upper });
const below = (count: number, { lower }: Limits): Reason => ({ because: 'BELOW_LIMIT', count, limit: lower });

/** Whether a replica is of the kind that is counted. */
const isCounted = ({ counted, model }: Stage, slot: number): boolean => counted === 'replicas' || model.isLeading(slot);

function pushReplicas(stage: Stage, from: number, limits: Limits, askedBy: Asking): void {
  const { model } = stage;
  if (stage.count(from) <= limits.upper) return;
  for (const bucket of model.held(from)) {
    const slot = model.slotOn(bucket, from);
    if (slot === -1 || !isCounted(stage, slot)) continue;
    const to = stage.takerOf(slot);
    if (to === -1) continue;
    stage.moveReplica(slot, to, { askedBy, reason: above(stage.count(from), limits) });
    if (stage.count(from) <= limits.upper) return;
  }
}

/**
 * Takes from whoever has most, until another has more. A server that was read to its end has nothing to give: what was refused once stays
 * refused while nothing but `to` gains.
 */
function pullReplicas(stage: Stage, to: number, limits: Limits, askedBy: Asking): void {
  const readings = new Map<number, Reading>();
  const dismissed: number[] = [];
  let from = stage.giver();
  while (stage.count(to) < limits.lower && from !== -1) {
    const reading = readings.get(from) ?? { buckets: stage.model.held(from), next: 0, areAllInRack: true };
    readings.set(from, reading);
    const slot = nextFor(stage, to, from, reading);
    if (slot === -1) {
      stage.dismissGiver(from);
      dismissed.push(from);
      from = stage.giver();
      continue;
    }
    stage.moveReplica(slot, to, { askedBy, reason: below(stage.count(to), limits) });
    const most = stage.giver();
    if (most !== -1 && stage.count(from) < stage.count(most)) from = most;
  }
  for (const server of dismissed) stage.restoreGiver(server);
}

/** How far a giver's buckets were read for one taker. */
interface Reading {
  readonly buckets: readonly number[];
  next: number;
  /** Whether the taker's rack holds all that was read so far. */
  areAllInRack: boolean;
}

/** The next replica of a server that may go to `to`; -1 when there is none. What bars all of them is looked at before any of them. */
function nextFor(stage: Stage, to: number, from: number, reading: Reading): number {
  const { counted, model } = stage;
  const rack = model.rackOf(to);
  const mayLead = stage.mayExchange(from, to, true);
  if (!mayLead && (counted === 'leaders' || !stage.mayExchange(from, to, false))) return -1;
  const mustNotMeet = stage.rules.areRacksApart && model.rackOf(from) !== rack;
  if (mustNotMeet && stage.holdsAllOf(rack, from)) return -1;
  while (reading.next < reading.buckets.length) {
    const bucket = reading.buckets[reading.next++] ?? -1;
    if (mustNotMeet && model.isInRack(bucket, rack)) continue;
    reading.areAllInRack = false;
    const slot = model.slotOn(bucket, from);
    if (slot !== -1 && isCounted(stage, slot) && stage.mayMoveReplica(slot, to)) return slot;
  }
  if (mustNotMeet && reading.areAllInRack) stage.noteHoldsAllOf(rack, from);
  return -1;
}

function pushLeadership(stage: Stage, from: number, limits: Limits): void {
  const { model } = stage;
  for (const bucket of model.held(from)) {
    if (stage.count(from) <= limits.upper) return;
    if (model.serverAt(model.leaderSlot(bucket)) !== from) continue;
    const successor = successorOf(stage, bucket);
    if (successor !== -1) stage.moveLeadership(successor, { askedBy: 'LEADER_DISTRIBUTION', reason: above(stage.count(from), limits) });
  }
}

function pullLeadership(stage: Stage, to: number, limits: Limits): void {
  for (const bucket of stage.model.held(to)) {
    if (stage.count(to) >= limits.lower) return;
    const slot = stage.model.slotOn(bucket, to);
    if (slot !== -1 && stage.mayMoveLeadership(slot))
      stage.moveLeadership(slot, { askedBy: 'LEADER_DISTRIBUTION', reason: below(stage.count(to), limits) });
  }
}

/** @returns the slot of the replica that may lead a bucket instead: its server leads fewest, then has the smallest id; -1 when none may */
export function successorOf(stage: Stage, bucket: number): number {
  const { model } = stage;
  let [best, bestRank] = [-1, Number.POSITIVE_INFINITY];
  for (let slot = model.firstSlot(bucket); slot < model.endSlot(bucket); slot += 1) {
    const server = model.serverAt(slot);
    const rank = model.leaders(server) * model.servers.length + server;
    if (rank < bestRank && stage.mayMoveLeadership(slot)) [best, bestRank] = [slot, rank];
  }
  return best;
}
