import type { AclOperation } from '../../events/acls.ts';
import type { Act } from '../../events/envelope.ts';
import type { State } from '../../projections/state.ts';
import { type Asker, denialOf, isAuthorizing } from '../deciders/authorizer.ts';
import { type Access, describeCluster, needsOfAccess } from '../deciders/permissions.ts';
import type { Clock } from '../ports/clock.ts';
import type { Rejection } from '../rejection.ts';

/** `kept`: the most that a node can be told to keep, about 300 bytes each. */
export const denialLimits = { kept: 100_000, whatLength: 200 } as const;

/** Something that somebody was not allowed to do, as one node saw it. */
export interface Denial {
  /** Epoch milliseconds of this node's clock. */
  readonly at: number;
  readonly principal: string;
  readonly host?: string;
  readonly interface: Act['interface'];
  /** A command, `GET /v1/configs`, `sys.events`, `get_instance`: what was asked for. */
  readonly what: string;
  readonly operation: AclOperation;
  /** `cluster`, `shop`, `shop.orders`. */
  readonly resource: string;
  readonly detail: string;
}

/** What was denied on this node since it came up: counted, and the newest kept where an operator wants to see them. */
export class Denials {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #limit: number;
  readonly #ring: Denial[] = [];
  readonly #counts = new Map<Act['interface'], number>();
  #total = 0;

  /** @param limit how many are kept, at most `denialLimits.kept`; 0: none */
  constructor(clock: Pick<Clock, 'now'>, limit: number) {
    this.#clock = clock;
    this.#limit = Math.min(limit, denialLimits.kept);
  }

  get limit(): number {
    return this.#limit;
  }
  /** By the interface that was asked. */
  get counts(): ReadonlyMap<Act['interface'], number> {
    return this.#counts;
  }

  /** Takes note of a rejection, when it is a denial. */
  note(asker: Asker, what: string, { code, detail, facts = {} }: Rejection): void {
    if (code !== 'AUTHORIZATION_DENIED') return;
    this.#counts.set(asker.interface, (this.#counts.get(asker.interface) ?? 0) + 1);
    if (this.#limit === 0) return;
    this.#ring[this.#total % this.#limit] = {
      at: this.#clock.now(),
      principal: asker.principal,
      ...(asker.host === undefined ? {} : { host: asker.host }),
      interface: asker.interface,
      what: what.slice(0, denialLimits.whatLength),
      operation: String(facts['operation'] ?? '') as AclOperation,
      resource: String(facts['resource'] ?? ''),
      detail,
    };
    this.#total += 1;
  }

  /** The newest first. */
  newest(count: number): readonly Denial[] {
    const kept = this.#ring.length;
    return Array.from({ length: Math.min(count, kept) }, (_, i) => this.#ring[(this.#total - 1 - i) % this.#limit]).filter(
      (each) => each !== undefined,
    );
  }
}

/** What a read is judged by: the tables that it is answered from, who asks, and what for. */
export interface Question {
  readonly state: State;
  readonly asker: Asker;
  /** For whoever looks through the denials: `GET /v1/configs`. */
  readonly what: string;
}

/** @returns why the asker may not read it, which is then noted; undefined when they may */
export function denialOfRead(denials: Denials, { asker, state, what }: Question, access: Access): Rejection | undefined {
  if (!isAuthorizing(state)) return undefined;
  const denial = denialOf(state, asker, needsOfAccess(access, asker));
  if (denial !== undefined) denials.note(asker, what, denial);
  return denial;
}

/** Whoever asks about somebody else must be allowed to look at the cluster. */
export function denialOfQuestionAbout(denials: Denials, question: Question, principal: string): Rejection | undefined {
  if (principal === question.asker.principal) return undefined;
  return denialOfRead(denials, question, { kind: 'needs', needs: [describeCluster] });
}
