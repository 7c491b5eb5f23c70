/** What an answer to a hostile request may be. */
import { operatorProblems } from '../../src/interfaces/operator/problems.ts';
import { rejections } from '../../src/rejection.ts';
import { type Heard, type HostileRequest, marker } from './hostile.ts';

const isCode = (code: string): boolean =>
  Object.hasOwn(rejections, code) || Object.hasOwn(operatorProblems, code) || code.startsWith('SQL_');
/** That this node cannot do a thing just now may be said, and only in these words. */
const passing = new Set(['NOT_CAUGHT_UP', 'TOO_MANY_STREAMS', 'BUSY']);
// What a secret is for can be torn out of a text of SQL, and then it is any other text.
const mayRepeat = ({ body, path }: HostileRequest): boolean =>
  path.includes('/v1/sql') && !/credential|sasl/i.test(Buffer.from(body ?? []).toString());
/** A query that cannot be stopped costs the history process (decision 0007): those beside it are told to ask again. */
const isLost = (path: string, code: string, detail: string): boolean =>
  path.includes('/v1/sql') && code === 'HISTORY_UNAVAILABLE' && /^(?:the history process|no answer within) /.test(detail);

/** @returns what is wrong with an answer of the operator interface; undefined for a good one, whatever it says */
export function operatorFault(asked: HostileRequest, { headers, status, text }: Heard): string | undefined {
  if (text.includes(marker) && !mayRepeat(asked)) return `the answer holds a secret: ${text.slice(0, 800)}`;
  if (status < 400 || asked.method === 'HEAD') return status < 500 ? undefined : `HEAD answered ${status}`;
  if (headers['content-type'] !== 'application/problem+json; charset=utf-8') return `${status} is no problem JSON: ${text.slice(0, 300)}`;
  const { code, detail, remedy, status: said } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const isDeclared = typeof code === 'string' && isCode(code) && code !== 'INTERNAL_ERROR';
  if (!isDeclared || said !== status || !/\S/.test(String(detail)) || !/\S/.test(String(remedy)))
    return `${status} says ${text.slice(0, 500)}`;
  if (/\bat \S+ \(|node_modules|\.ts:\d/.test(text)) return `a stack trace: ${text.slice(0, 500)}`;
  const isFine = status < 500 || passing.has(code) || isLost(asked.path, code, String(detail));
  return isFine ? undefined : `${status} ${code}: ${String(detail)}`;
}
