import type { Member, Membership, Standing } from '../../ports/membership.ts';

const away: Standing = { kind: 'follower', leaderId: undefined };

/** The membership of a log that one process holds: it is the only member, and the leader from `join` to `leave`. */
export class SoleMembership implements Membership {
  readonly #mayLead: boolean;
  readonly #listeners = new Set<() => void>();
  #self: Member | undefined;
  #standing: Standing = away;

  /** @param mayLead false for a process that only reads the log: it never leads. */
  constructor(mayLead: boolean) {
    this.#mayLead = mayLead;
  }

  async join(self: Member): Promise<void> {
    this.#change(self, this.#mayLead ? { kind: 'leader' } : away);
  }

  publish(self: Member): void {
    if (this.#self !== undefined) this.#change(self, this.#standing);
  }

  members(): readonly Member[] {
    return this.#self === undefined ? [] : [this.#self];
  }

  standing(): Standing {
    return this.#standing;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async leave(): Promise<void> {
    this.#change(undefined, away);
  }

  #change(self: Member | undefined, standing: Standing): void {
    const before = JSON.stringify([this.#self, this.#standing]);
    this.#self = self;
    this.#standing = standing;
    if (JSON.stringify([self, standing]) !== before) for (const listener of [...this.#listeners]) listener();
  }
}
