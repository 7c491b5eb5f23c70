import type { State } from '../../../projections/state.ts';
import type { Command } from '../../deciders/commands.ts';
import type { Node } from '../../engine/node.ts';
import type { Rejection } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import type { Overrides, Status } from './codes.ts';
import type { MessageType } from './message.ts';

/** What became of a command, in the service's words. `state` is one in which it is folded. */
export type Submitted =
  | { readonly kind: 'done'; readonly position: number; readonly changed: boolean; readonly state: State }
  | { readonly kind: 'refused'; readonly status: Status; readonly facts: NonNullable<Rejection['facts']> };

/** What a handler is given beside its request. */
export interface Context {
  readonly node: Node;
  /** Seals under this request's idempotency key: the same request, sent again, makes the same command. */
  readonly sealer: Sealer;
  /** The tables as this request sees them. */
  readonly state: State;
  /** Epoch milliseconds. */
  readonly now: number;
  /** What the injection point of that name makes of its arguments, while it is set and points are enabled. */
  readonly injected: (point: string) => readonly unknown[] | undefined;
  /** A new id, 32 hex digits, for what a command must name; the same ids in the same order when the request is sent again with its key. */
  newId(): string;
  /**
   * Checks a command, has it decided and waits until this node has folded it. One for each request, whose idempotency key it has.
   * Never rejects.
   */
  submit(command: Command, overrides?: Overrides): Promise<Submitted>;
}

/** An RPC, offered as `POST /MetaService/<name>`; most admin routes are one of them with another face. */
export interface Method<Request extends object = object, Reply extends object = object> {
  readonly request: MessageType<Request>;
  /** Its `status` included. */
  readonly reply: MessageType<Reply>;
  call(request: Request, context: Context): Promise<Reply & { readonly status: Status }>;
}
/** Keeps the types of a method's request and reply. */
export const defineMethod = <Request extends object, Reply extends object>(method: Method<Request, Reply>): Method =>
  method as unknown as Method;

/** What an admin route answers with. */
export type Answer =
  | {
      readonly kind: 'envelope';
      readonly status: Status;
      /** The third member, whatever the status is. */
      readonly result?: { readonly type: MessageType; readonly value: object };
      /** The third member of routes whose result is no message: plain JSON data. */
      readonly json?: unknown;
    }
  /** One newline is added to the text. */
  | { readonly kind: 'text'; readonly http: number; readonly text: string };
export const envelope = (status: Status): Answer => ({ kind: 'envelope', status });

/** A route below `/MetaService/http/`, with and without `v1/`. */
export type AdminRoute =
  | {
      readonly kind: 'json';
      readonly method: Method;
      /** Fields that the route sets, whatever the body says: `{ op: 'ADD_CLUSTER' }`. */
      readonly sets?: Readonly<Record<string, unknown>>;
      /** What becomes of the reply; default: the envelope with its status alone. */
      readonly answer?: (reply: Reply, request: object) => Answer;
    }
  | {
      readonly kind: 'query';
      call(query: URLSearchParams, context: Context, body: Buffer): Promise<Answer>;
    };
export type Reply = { readonly status: Status } & object;
/** For an `answer` that shows the whole reply. */
export const wholeReply =
  (type: MessageType): NonNullable<Extract<AdminRoute, { kind: 'json' }>['answer']> =>
  (reply) => ({ kind: 'envelope', status: reply.status, result: { type, value: reply } });
export type AdminRoutes = Readonly<Record<string, AdminRoute>>;
export type Methods = Readonly<Record<string, Method>>;
