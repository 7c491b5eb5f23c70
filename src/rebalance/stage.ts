import type { Model } from './model.ts';
import type { Step } from './moves.ts';
import { Tournament } from './tournament.ts';

/** How many replicas or leaders an open server should have, both included. */
export interface Limits {
  readonly lower: number;
  readonly upper: number;
}
/** What a step must not spoil: the limits of the goal that asks and of all before it, and whether a rack may hold a bucket twice. */
export interface Rules {
  readonly replicas?: Limits;
  readonly leaders?: Limits;
  readonly areRacksApart: boolean;
}
type Counted = 'replicas' | 'leaders';

/** One goal's turn: what it may do, and whom it should ask first. All questions here cost the logarithm of the number of servers. */
export class Stage {
  readonly model: Model;
  readonly rules: Rules;
  readonly counted: Counted;
  readonly #byRack: RackOrder;
  /** Who may be given a follower, or a leader, by rank: fewest first, then the smallest id. Places are those of `#byRack`. */
  readonly #takers: { readonly follower: Tournament; readonly leader: Tournament };
  /** Who can spare one of what is counted, by rank: most first, then the smallest id. */
  readonly #givers: Tournament;
  /** By rack and server: when the rack was found to hold a replica of every bucket of the server. */
  readonly #held = new Map<number, number>();

  /** @param counted what ranks the servers */
  constructor(model: Model, rules: Rules, counted: Counted) {
    this.model = model;
    this.rules = rules;
    this.counted = counted;
    this.#byRack = rackOrder(model);
    const count = model.servers.length;
    this.#takers = { follower: new Tournament(count), leader: new Tournament(count) };
    this.#givers = new Tournament(count);
    for (const server of model.servers.keys()) this.#rank(server);
  }

  count(server: number): number {
    return this.counted === 'replicas' ? this.model.replicas(server) : this.model.leaders(server);
  }

  #rank(server: number): void {
    const { model } = this;
    const [servers, place, count] = [model.servers.length, this.#byRack.placeOf[server] ?? 0, this.count(server)];
    const never = Number.POSITIVE_INFINITY;
    const rank = count * servers + server;
    this.#takers.follower.set(place, model.isOpen(server) && this.#mayGain(server, false) ? rank : never);
    this.#takers.leader.set(place, model.isOpen(server) && this.#mayGain(server, true) ? rank : never);
    const lower = this.rules[this.counted]?.lower ?? 0;
    this.#givers.set(server, model.isOpen(server) && count > lower ? server - count * servers : never);
  }

  #mayGain(server: number, withLeadership: boolean): boolean {
    const { leaders, replicas } = this.rules;
    if (replicas !== undefined && this.model.replicas(server) + 1 > replicas.upper) return false;
    return !withLeadership || leaders === undefined || this.model.leaders(server) + 1 <= leaders.upper;
  }

  /** Whether the rules let a server give a replica away. What a tag drives out is outside of all limits. */
  #mayLose(server: number, withLeadership: boolean): boolean {
    if (!this.model.isOpen(server)) return true;
    const { leaders, replicas } = this.rules;
    if (replicas !== undefined && this.model.replicas(server) - 1 < replicas.lower) return false;
    return !withLeadership || leaders === undefined || this.model.leaders(server) - 1 >= leaders.lower;
  }

  /** Whether the limits let one server give another a replica, with or without leadership. */
  mayExchange(from: number, to: number, withLeadership: boolean): boolean {
    return this.model.isOpen(to) && this.#mayLose(from, withLeadership) && this.#mayGain(to, withLeadership);
  }

  /** Whether a replica may go to a server. */
  mayMoveReplica(slot: number, to: number): boolean {
    const { model, rules } = this;
    return (
      this.mayExchange(model.serverAt(slot), to, model.isLeading(slot)) &&
      model.slotOn(model.bucketAt(slot), to) === -1 &&
      (!rules.areRacksApart || model.companionIn(model.rackOf(to), slot) === -1)
    );
  }

  /** @param slot of the replica that would lead */
  mayMoveLeadership(slot: number): boolean {
    const { model, rules } = this;
    const [from, to] = [model.serverAt(model.leaderSlot(model.bucketAt(slot))), model.serverAt(slot)];
    if (from === to || !model.isOpen(to)) return false;
    const limits = rules.leaders;
    if (limits === undefined) return true;
    return model.leaders(to) + 1 <= limits.upper && (!model.isOpen(from) || model.leaders(from) - 1 >= limits.lower);
  }

  /** @returns the server with the fewest of what is counted, then the smallest id, where the replica may go; -1 when there is none */
  takerOf(slot: number): number {
    const { model } = this;
    const isLeading = model.isLeading(slot);
    if (!this.#mayLose(model.serverAt(slot), isLeading)) return -1;
    const takers = isLeading ? this.#takers.leader : this.#takers.follower;
    let [place, least] = [0, Number.POSITIVE_INFINITY];
    for (const [from, to] of this.#placesBarredTo(slot)) {
      if (from > place) least = Math.min(least, takers.least(place, from));
      place = Math.max(place, to);
    }
    least = Math.min(least, takers.least(place, model.servers.length));
    return least === Number.POSITIVE_INFINITY ? -1 : least % model.servers.length;
  }

  /** Where the bucket is already, and its racks where they count: as ranges of places, ascending. */
  #placesBarredTo(slot: number): readonly (readonly [from: number, to: number])[] {
    const { model } = this;
    const bucket = model.bucketAt(slot);
    const barred: (readonly [number, number])[] = [];
    for (let each = model.firstSlot(bucket); each < model.endSlot(bucket); each += 1) {
      const server = model.serverAt(each);
      const [place, rack] = [this.#byRack.placeOf[server] ?? 0, model.rackOf(server)];
      if (!this.rules.areRacksApart || each === slot) barred.push([place, place + 1]);
      else barred.push([this.#byRack.firstOf[rack] ?? 0, this.#byRack.firstOf[rack + 1] ?? 0]);
    }
    return barred.sort((a, b) => a[0] - b[0]);
  }

  /** @returns the open server above the lower limit with the most of what is counted, then the smallest id; -1 when there is none */
  giver(): number {
    const servers = this.model.servers.length;
    const least = this.#givers.least(0, servers);
    return least === Number.POSITIVE_INFINITY ? -1 : ((least % servers) + servers) % servers;
  }
  /** Whether a rack is known to hold a replica of every bucket that a server holds. */
  holdsAllOf(rack: number, server: number): boolean {
    return (this.#held.get(rack * this.model.servers.length + server) ?? -1) >= this.model.changedAt(server);
  }
  noteHoldsAllOf(rack: number, server: number): void {
    this.#held.set(rack * this.model.servers.length + server, this.model.changedAt(server));
  }

  /** Takes a giver out until its counts change or `restoreGiver`. */
  dismissGiver(server: number): void {
    this.#givers.set(server, Number.POSITIVE_INFINITY);
  }
  restoreGiver(server: number): void {
    this.#rank(server);
  }

  moveReplica(slot: number, to: number, why: Pick<Step, 'askedBy' | 'reason'>): void {
    const from = this.model.serverAt(slot);
    this.model.moveReplica(slot, to, why);
    this.#rank(from);
    this.#rank(to);
  }
  moveLeadership(slot: number, why: Pick<Step, 'askedBy' | 'reason'>): void {
    const from = this.model.serverAt(this.model.leaderSlot(this.model.bucketAt(slot)));
    this.model.moveLeadership(slot, why);
    this.#rank(from);
    this.#rank(this.model.serverAt(slot));
  }
}

/** Servers ordered by rack, so that a rack is a range of places. `firstOf` has one place more than there are racks: the end. */
interface RackOrder {
  readonly placeOf: Int32Array;
  readonly firstOf: Int32Array;
}

function rackOrder(model: Model): RackOrder {
  const order = [...model.servers.keys()].sort((a, b) => model.rackOf(a) - model.rackOf(b) || a - b);
  const placeOf = new Int32Array(order.length);
  const firstOf = new Int32Array(model.racks.length + 1).fill(order.length);
  for (let place = order.length - 1; place >= 0; place -= 1) {
    const server = order[place] ?? 0;
    placeOf[server] = place;
    firstOf[model.rackOf(server)] = place;
  }
  return { placeOf, firstOf };
}
