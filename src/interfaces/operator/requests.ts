import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Node, Reading, ReadOptions } from '../../engine/node.ts';
import type { Caller } from '../../engine/submission.ts';
import { problemOfRejection, Refused } from './problems.ts';

/** A count or a position in an address: digits alone. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'a whole number, 0 or more')
  .transform(Number);

/** `true` or `false` would not say more: local reads are the rule. */
const consistency = z.enum(['local', 'linearizable']).optional();
/** What every read may carry. */
export const readQuery = {
  atLeast: wholeNumber.optional().describe('Answer at or after this position: what a write returned.'),
  consistency: consistency.describe('linearizable: see every write that was acknowledged anywhere before this request. Default local.'),
};

export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'between 1 and 128 visible ASCII characters')
  .describe('Same key, same request: done once, answered alike, for 24 hours.');
/** Headers are many, and only these are looked at. */
export const writeHeaders = z.looseObject({ 'idempotency-key': idempotencyKey.optional() });

export const reason = z.string().max(1000).describe("Why, in the operator's words; the history keeps it.");

/** Who asks, and under which key. */
export function callerOf({ headers, identity }: Pick<FastifyRequest, 'headers' | 'identity'>, why: string | undefined): Caller {
  const key = headers['idempotency-key'];
  return {
    ...identity,
    interface: 'operator',
    ...(typeof key === 'string' ? { idempotencyKey: key } : {}),
    ...(why === undefined || why === '' ? {} : { reason: why }),
  };
}

/** What `readQuery` makes of a query. */
export interface ReadQuery {
  readonly atLeast?: number | undefined;
  readonly consistency?: 'local' | 'linearizable' | undefined;
}
/** The tables as a read asks for them. @returns or why there are none to be had: NOT_CAUGHT_UP, NODE_FAULT */
export async function readingOf(node: Node, { atLeast, consistency }: ReadQuery): Promise<Reading> {
  const options: ReadOptions = {
    ...(atLeast === undefined ? {} : { atLeast }),
    ...(consistency === 'linearizable' ? { linearizable: true } : {}),
  };
  return await node.read(options);
}
type Tables = Extract<Reading, { kind: 'read' }>;
/** @throws Refused with NOT_CAUGHT_UP or NODE_FAULT */
export const readState = async (node: Node, query: ReadQuery): Promise<Tables> => tablesIn(await readingOf(node, query));

/** The tables on which a read was judged, to be answered from them. @throws Refused with NODE_FAULT */
export function tablesOf({ reading }: Pick<FastifyRequest, 'reading'>): Tables {
  if (reading === null) throw new Error('this route is not judged as a whole: it has no tables yet');
  return tablesIn(reading);
}

function tablesIn(reading: Reading): Tables {
  if (reading.kind === 'rejected') throw new Refused(problemOfRejection(reading.rejection));
  return reading;
}

/** From here on a bare number is a time: 1973 in milliseconds, and more positions than a log can hold. */
const firstTime = 100_000_000_000;
const isoTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+ -]\d\d:\d\d)?)?$/;

/** @returns epoch milliseconds of ISO 8601 text (UTC where it names no zone) or of digits; undefined when it is neither. */
export function timeOf(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (!isoTime.test(text)) return undefined;
  // A plus that was not escaped in an address arrives as a blank.
  const withZone = text.replace(/ (\d\d:\d\d)$/, (zone, offset: string, at: number) => (at > 10 ? `+${offset}` : zone)).replace(' ', 'T');
  const hasZone = !withZone.includes('T') || /(?:Z|[+-]\d\d:\d\d)$/.test(withZone);
  const ms = Date.parse(hasZone ? withZone : `${withZone}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

const timeText = 'ISO 8601 (2026-11-20T14:00:00Z, UTC where no zone is named) or epoch milliseconds';
export const time = z
  .string()
  .max(40)
  .transform((text, context) => {
    const ms = timeOf(text);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: timeText });
    return z.NEVER;
  });

/** A position, or a time: a bare number below 100,000,000,000 is a position. */
export const moment = z
  .string()
  .max(40)
  .transform((text, context) => {
    const number = timeOf(text);
    if (number === undefined) {
      context.addIssue({ code: 'custom', message: `a position, ${timeText}` });
      return z.NEVER;
    }
    return /^\d+$/.test(text) && number < firstTime ? { position: number } : { at: number };
  });
