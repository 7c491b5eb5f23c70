import { createHash, randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { State } from '../../../projections/state.ts';
import { type Command, parseCommand } from '../../deciders/commands.ts';
import type { Access } from '../../deciders/permissions.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import type { Node, ReadOptions } from '../../engine/node.ts';
import type { Caller } from '../../engine/submission.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Rejection, rejections } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import { failed, internalCodeOf, type Overrides, type Status } from './codes.ts';
import type { Context, Submitted } from './method.ts';

/** What every request of one server shares. */
export interface ContextParts {
  readonly node: Node;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly injected: Context['injected'];
}

/** Who sent a request: whom those with the token are taken for, the address, and the header Idempotency-Key. */
export type From = Pick<Caller, 'principal' | 'host' | 'idempotencyKey'>;

/** One request's view of the node. What it makes up, ids and ciphertexts, follows from its idempotency key. */
export class RequestContext implements Context {
  readonly node: Node;
  readonly state: State;
  readonly injected: Context['injected'];
  readonly #parts: ContextParts;
  readonly #from: From;
  #key: string | undefined;
  #ids = 0;
  #position: number;
  #hasSubmitted = false;

  /** @param state the tables as the request asked for them */
  constructor(parts: ContextParts, state: State, from: From) {
    this.node = parts.node;
    this.state = state;
    this.injected = parts.injected;
    this.#parts = parts;
    this.#key = from.idempotencyKey;
    this.#from = from;
    this.#position = state.position;
  }

  get now(): number {
    return this.#parts.clock.now();
  }

  /** Of the newest event that the answer knows of. */
  get position(): number {
    return this.#position;
  }

  /** Whether a command went to the leader, who judged it. */
  get hasSubmitted(): boolean {
    return this.#hasSubmitted;
  }

  /** Why whoever sent this may not read what it asks for. @param what the method or route */
  denialOf(what: string, access: Access): Status | undefined {
    const asker = { ...this.#from, interface: 'metaservice' } as const;
    const denial = denialOfRead(this.node.denials, { state: this.state, asker, what }, access);
    return denial === undefined ? undefined : statusOf(denial);
  }

  get sealer(): Sealer {
    const { sealer } = this.#parts;
    return {
      seal: (text, subject, repeatable) => sealer.seal(text, subject, repeatable ?? this.#commandId()),
      sealComparable: (text, subject, repeatable) => sealer.sealComparable(text, subject, repeatable ?? this.#commandId()),
      open: (sealed, subject) => sealer.open(sealed, subject),
    };
  }

  newId(): string {
    this.#ids += 1;
    return createHash('sha256').update(`${this.#commandId()}\n${this.#ids}`).digest('hex').slice(0, 32);
  }

  async submit(command: Command, overrides?: Overrides): Promise<Submitted> {
    const parsed = parseCommand(command);
    if ('error' in parsed) return refused(malformed(parsed.error));
    const idempotencyKey = this.#commandId();
    const caller: Caller = { ...this.#from, interface: 'metaservice', idempotencyKey };
    this.#hasSubmitted = true;
    const outcome = await this.node.submit(parsed.command, caller);
    if (outcome.kind === 'rejected') return refused(statusOf(outcome.rejection, overrides), outcome.rejection.facts);
    if (outcome.kind === 'unknown') return refused(unknown(outcome.detail, idempotencyKey));
    const reading = await this.node.read({ atLeast: outcome.position }); // The node waited already, unless its time was over.
    if (reading.kind === 'rejected') return refused(unknown(reading.rejection.detail, idempotencyKey));
    this.#position = Math.max(this.#position, outcome.position);
    return { kind: 'done', position: outcome.position, changed: outcome.changed, state: reading.state };
  }

  #commandId(): string {
    this.#key ??= randomUUID();
    return this.#key;
  }
}

const refused = (status: Status, facts: Rejection['facts'] = {}): Submitted => ({ kind: 'refused', status, facts });

const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
const snake = (text: string): string => text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A field that is too long or holds what no field may: the only things that are looked at before the decision. */
function malformed(error: z.ZodError | string): Status {
  if (typeof error === 'string') return failed('INVALID_ARGUMENT', error);
  const issue = error.issues[0];
  const path = (issue?.path ?? []).reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${snake(String(part))}`),
    '',
  );
  const what = issue?.message ?? 'the form is wrong';
  return failed('INVALID_ARGUMENT', `invalid ${cut(path)}: ${cut(what)}; change it and send the request again, nothing was changed`);
}

/** Refusals that no contract words: their texts say what to do. */
const isUnworded: ReadonlySet<Rejection['code']> = new Set(['MALFORMED_REQUEST', 'TOO_LARGE', 'IDEMPOTENCY_KEY_REUSED']);

/** What a rejection is answered with. Texts of what passes begin with the code, which the envelope does not show. */
export function statusOf({ code, detail, field, remedy }: Rejection, overrides?: Overrides): Status {
  const internal = internalCodeOf(code, overrides);
  if (rejections[code].kind === 'unavailable' || code === 'AUTHORIZATION_DENIED')
    return failed(internal, `${code === 'AUTHORIZATION_DENIED' ? code : internal}: ${detail}. ${remedy}`);
  const place = code === 'MALFORMED_REQUEST' && field !== '' ? `invalid ${field}: ` : '';
  return failed(internal, isUnworded.has(code) ? `${place}${detail}. ${remedy}` : detail);
}

const unknown = (detail: string, key: string): Status =>
  failed(
    'KV_TXN_STORE_COMMIT_RETRYABLE',
    `KV_TXN_STORE_COMMIT_RETRYABLE: it may have been done or not: ${detail}. ` +
      `Send it again with the header Idempotency-Key: ${key}; it is done at most once`,
  );

/** What the query `consistency=linearizable` and `atLeast=<position>` ask for; neither is known upstream. */
export function readOptionsOf(query: URLSearchParams): ReadOptions | Status {
  const consistency = query.get('consistency');
  const atLeast = query.get('atLeast');
  if (consistency !== null && consistency !== 'linearizable' && consistency !== 'local')
    return failed('INVALID_ARGUMENT', `invalid consistency: ${cut(consistency)}; give linearizable, local or nothing`);
  if (atLeast !== null && !/^\d{1,15}$/.test(atLeast))
    return failed('INVALID_ARGUMENT', `invalid atLeast: ${cut(atLeast)}; give the position that a write was answered with`);
  return {
    ...(consistency === 'linearizable' ? { linearizable: true } : {}),
    ...(atLeast === null ? {} : { atLeast: Number(atLeast) }),
  };
}
