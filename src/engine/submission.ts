import { hash } from 'node:crypto';
import { canonicalJson } from '../../events/canonicalJson.ts';
import type { Act } from '../../events/envelope.ts';
import { isRemembered } from '../../projections/commands.ts';
import type { Command } from '../deciders/commands.ts';
import type { Rejection } from '../rejection.ts';

/** Who asks, through what, and how long they wait. */
export interface Caller {
  readonly principal: string;
  readonly interface: Act['interface'];
  /** IP address as text, when there is one. */
  readonly host?: string;
  /** Same key, same body: same answer, for 24 hours. Without one the node makes one. At most 128 characters. */
  readonly idempotencyKey?: string;
  readonly reason?: string;
  /** Default `defaultTimeoutMs`. */
  readonly timeoutMs?: number;
  /** This is a later piece of a request that was let in: the rate limit counts it no more. */
  readonly isLetIn?: boolean;
}

/** A command on its way to the leader. `deadline` is epoch milliseconds of the clock of the node that holds it. */
export interface Request {
  readonly command: Command;
  readonly act: Act;
  readonly deadline: number;
}

export type Outcome =
  /**
   * `position` is that of the command's last event, or, when it changed nothing, one at which that was true. `answer` is what its decider
   * says beside that; a duplicate has none.
   */
  | {
      readonly kind: 'done';
      readonly position: number;
      readonly changed: boolean;
      readonly duplicate: boolean;
      readonly answer?: unknown;
    }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** Neither done nor refused as far as is known: ask again with the same key. */
  | { readonly kind: 'unknown'; readonly commandId: string; readonly detail: string };

/** A leader's answer: an outcome, or word that another leader must be asked with the same key. */
export type Reply = Outcome | { readonly kind: 'retry'; readonly mayHaveHappened: boolean; readonly detail: string };

/**
 * SHA-256 of a command's canonical form, 32 hex digits: tells whether an idempotency key came back with another body. Of its name alone
 * when its key is not remembered: nobody compares those, and there are thousands of heartbeats per second.
 */
export const digestOfCommand = (command: Command): string =>
  hash('sha256', isRemembered(command.name) ? canonicalJson(command) : command.name).slice(0, 32);
