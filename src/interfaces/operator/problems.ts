import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { HistoryRefused } from '../../engine/history/port.ts';
import { LogUnavailable } from '../../log/port.ts';
import { type Rejection, type RejectionCode, type RejectionKind, rejection, rejections } from '../../rejection.ts';
import { SecretUnavailable } from '../../secrets/port.ts';
import { fieldsAt } from './fields.ts';

/** Refusals that only this interface knows, beside those of `src/rejection.ts`. */
export const operatorProblems = {
  OUTCOME_UNKNOWN: { status: 504, remedy: 'Ask again with the same Idempotency-Key: it is done at most once, and the answer tells.' },
  MALFORMED_JSON: { status: 400, remedy: 'Send one JSON value in UTF-8, each key of an object once.' },
  UNKNOWN_ROUTE: { status: 404, remedy: 'GET /openapi.json lists every path.' },
  METHOD_NOT_ALLOWED: { status: 405, remedy: 'Use a method of the Allow header.' },
  UNKNOWN_RESOURCE: { status: 404, remedy: 'GET the list above it to see what there is.' },
  UNKNOWN_CONFIG: { status: 404, remedy: 'GET /v1/configs lists every key that may change.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, remedy: 'Send the body with Content-Type: application/json.' },
  REQUEST_TIMED_OUT: { status: 408, remedy: 'Send the request without pauses.' },
  HEADERS_TOO_LARGE: { status: 431, remedy: 'Send a shorter address and fewer headers: 16 KB together.' },
  TLS_REQUIRED: { status: 400, remedy: 'Use https:// instead of http://.' },
  UNAUTHENTICATED: { status: 401, remedy: 'Give a user and a password (Authorization: Basic) or a token (Authorization: Bearer).' },
  TOO_MANY_STREAMS: { status: 503, remedy: 'Follow the events on another node, or close a stream that is not needed.' },
  LOG_UNAVAILABLE: { status: 503, remedy: 'Try again in a few seconds; GET /v1/status shows what this node still knows.' },
  NOT_READY: { status: 503, remedy: 'Wait, or ask another node.' },
  INTERNAL_ERROR: { status: 500, remedy: 'Nothing that you sent is at fault. The log of this node says more.' },
} as const;
export type OperatorProblemCode = keyof typeof operatorProblems;

/** What a refused request is answered with, before it becomes RFC 9457 problem JSON. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  /** Path into the request, empty when it is about the whole. */
  readonly field: string;
  readonly detail: string;
  readonly remedy: string;
  /** Further members of the JSON. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Carries a problem to the error handler, from places that cannot return one. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'Refused';
    this.problem = problem;
  }
}

export const problem = (code: OperatorProblemCode, detail: string, about: Partial<Problem> = {}): Problem => ({
  field: '',
  ...operatorProblems[code],
  ...(operatorProblems[code].status === 503 ? { headers: retryAfter(1) } : {}),
  ...about,
  code,
  detail,
});

const retryAfter = (seconds: number): Record<string, string> => ({ 'retry-after': String(seconds) });

const statusOfKind: Readonly<Record<RejectionKind, number>> = {
  invalid: 400,
  missing: 404,
  conflict: 409,
  denied: 403,
  unavailable: 503,
};
/** BUSY is 429: the caller should slow down, and a balancer should not take the node out for it. */
const statusOfCode: Readonly<Partial<Record<RejectionCode, number>>> = { BUSY: 429, TOO_LARGE: 413 };
/** Seconds until it may be worth asking again; 1 for what is not listed. */
const retryAfterOf: Readonly<Partial<Record<RejectionCode, number>>> = { DRAINING: 5, NODE_FAULT: 30 };

export function problemOfRejection({ code, field, detail, remedy, facts }: Rejection): Problem {
  const { kind } = rejections[code];
  return {
    status: statusOfCode[code] ?? statusOfKind[kind],
    code,
    field,
    detail,
    remedy,
    ...(facts === undefined ? {} : { more: { facts } }),
    ...(kind === 'unavailable' ? { headers: retryAfter(retryAfterOf[code] ?? 1) } : {}),
  };
}

/** A field of the request that is not what it should be. */
export const malformed = (field: string, detail: string): Problem =>
  problemOfRejection({ code: 'MALFORMED_REQUEST', field, detail, remedy: rejections.MALFORMED_REQUEST.remedy });

const statusOfHistory: Readonly<Record<string, number>> = { HISTORY_UNAVAILABLE: 503, UNKNOWN_POSITION: 404 };

/** Codes of the rejection catalogue keep their status; of the others, those of SQL are the query's own fault. */
export function problemOfHistory({ code, facts, message, offset, remedy }: HistoryRefused): Problem {
  const known = { ...(offset === undefined ? {} : { offset }), ...(facts === undefined ? {} : { facts }) };
  const more = Object.keys(known).length === 0 ? {} : { more: known };
  if (Object.hasOwn(rejections, code))
    return { ...problemOfRejection({ code: code as RejectionCode, field: '', detail: message, remedy }), ...more };
  const status = statusOfHistory[code] ?? 400;
  return { status, code, field: '', detail: message, remedy, ...more, ...(status === 503 ? { headers: retryAfter(1) } : {}) };
}

/** The problem behind an error that an adapter met, or undefined when it is none that a caller could do anything about. */
export function problemOfError(error: unknown): Problem | undefined {
  if (error instanceof Refused) return error.problem;
  if (error instanceof HistoryRefused) return problemOfHistory(error);
  if (error instanceof LogUnavailable) return problem('LOG_UNAVAILABLE', error.message);
  if (error instanceof SecretUnavailable) return problemOfRejection(rejection('SECRETS_UNAVAILABLE', '', error.message));
  return undefined;
}

/** @returns e.g. `changes[0].key`: the path that zod gives, as one would write it. */
export const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`),
    '',
  );

/**
 * The first thing that zod objects to; the others follow from it more often than not.
 * @param schema that objects, when it should be told which fields there are
 */
export function problemOfZod(error: z.core.$ZodError, schema?: z.core.$ZodType): Problem {
  const issue = error.issues[0];
  if (issue === undefined) return malformed('', 'the request does not have the right form');
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
  if (issue.code !== 'unrecognized_keys')
    return malformed(
      cut(fieldPath(path)),
      issue.message.replace(ofMissing, (_, type: string) => `it is missing: ${wordOfType[type] ?? `a ${type}`} belongs there`),
    );
  const names = schema === undefined ? undefined : fieldsAt(schema, issue.path);
  const known = names === undefined ? '' : `; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
  return malformed(cut(fieldPath(path)), `there is no field '${cut(issue.keys[0] ?? '')}' here${known}`);
}

/** What zod says of a field that is not there. */
const ofMissing = /^Invalid input: expected (string|number|boolean|array|object), received undefined$/;
const wordOfType: Readonly<Record<string, string>> = { array: 'a list', object: 'an object' };
const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** RFC 9457, with what every Chancery answer to a refusal has besides. */
export const problemJson = z
  .looseObject({
    type: z.string().describe('urn:chancery:error: and the code.'),
    title: z.string().describe('The code in words.'),
    status: z.number().int(),
    detail: z.string().describe('What was wrong this time.'),
    code: z.string().describe('For programs: stays the same when words change.'),
    field: z.string().describe('Path to the part of the request at fault; empty when it is about the whole.'),
    remedy: z.string().describe('What to do now.'),
  })
  .describe('Why a request was refused.');

/** The body of a problem's answer. */
export function bodyOf({ status, code, field, detail, remedy, more }: Problem): z.infer<typeof problemJson> {
  const title = code.charAt(0) + code.slice(1).toLowerCase().replaceAll('_', ' ');
  return { ...more, type: `urn:chancery:error:${code}`, title, status, detail, code, field, remedy };
}

export function sendProblem(reply: Pick<FastifyReply, 'code' | 'headers' | 'type' | 'serializer' | 'send'>, refused: Problem): unknown {
  return reply
    .code(refused.status)
    .headers(refused.headers ?? {})
    .type('application/problem+json; charset=utf-8')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(bodyOf(refused));
}

/** An answer for a connection whose request could not even be read. */
export function rawAnswer(refused: Problem): string {
  const body = JSON.stringify(bodyOf(refused));
  const status = `${refused.status} ${STATUS_CODES[refused.status] ?? ''}`;
  const type = 'Content-Type: application/problem+json; charset=utf-8';
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [`HTTP/1.1 ${status}`, type, length, 'Connection: close', '', body].join('\r\n');
}
