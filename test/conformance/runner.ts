import { request as httpRequest } from 'node:http';
import { expect } from 'vitest';
import { statusOf } from '../support/nodeProcesses.ts';
import { type Answer, type Case, type Exchange, matches, type Request, type Text } from './vocabulary.ts';

/** Where a case runs. */
export interface Target {
  /** http://host:port of the Meta Service. */
  readonly metaService: string;
  /** http://host:port of the same node's operator API. */
  readonly operator: string;
}

/** One request as it is: `fetch` would tidy the path and refuse a GET with a body. */
export function exchange(base: string, { method, path, body, headers = {} }: Request): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers }, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ http: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
    request.on('error', reject);
    request.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Runs the steps of a case. @param i an instance id of its own @throws what vitest throws, after a line that names the step */
export async function runCase({ steps, always = [], unchangedFrom }: Case, i: string, target: Target): Promise<void> {
  const answers: Answer[] = [];
  let before: number | undefined;
  try {
    const all = steps(i);
    for (const [index, step] of all.entries()) {
      if (index === unchangedFrom) before = (await statusOf(target.operator))?.position;
      const made: Exchange = typeof step === 'function' ? step(answers) : step;
      const answer = await exchange(target.metaService, made.send);
      answers.push(answer);
      check(made, answer, `step ${index + 1} of ${all.length}: ${made.send.method} ${made.send.path} ${shortened(made.send.body)}`);
    }
    if (unchangedFrom === undefined) return;
    expect(before, 'the position before').toBeTypeOf('number');
    expect((await statusOf(target.operator))?.position, 'the position afterwards').toBe(before);
  } finally {
    for (const { send } of always) await exchange(target.metaService, send);
  }
}

function check({ expect: wanted }: Exchange, answer: Answer, where: string): void {
  const what = `${where}\nanswered ${answer.http} ${shortened(answer.text)}\n`;
  expect(answer.http, what).toBe(wanted.http);
  const envelope = answer.json as { code?: string; msg?: string; result?: unknown } | undefined;
  if (wanted.code !== undefined) expect(envelope?.code, what).toBe(wanted.code);
  if (wanted.msg !== undefined) said(envelope?.msg, wanted.msg, what);
  if (wanted.result !== undefined) expect(envelope?.result, what).toMatchObject(wanted.result as object);
  if (wanted.resultIs !== undefined) expect(JSON.stringify(envelope?.result), what).toBe(JSON.stringify(wanted.resultIs));
  if (wanted.json !== undefined) expect(answer.json, what).toMatchObject(wanted.json as object);
  if (wanted.text !== undefined) said(answer.text, wanted.text, what);
  for (const [name, value] of Object.entries(wanted.headers ?? {})) expect(answer.headers[name] ?? null, `${what}${name}`).toBe(value);
  wanted.holds?.(answer);
}

function said(text: string | undefined, wanted: Text, what: string): void {
  if (typeof wanted === 'string') expect(text, what).toBe(wanted);
  else expect(text !== undefined && matches(text, wanted), `${what}wanted ${JSON.stringify(wanted)}`).toBe(true);
}

const shortened = (text = ''): string => (text.length > 600 ? `${text.slice(0, 600)}… (${text.length} characters)` : text);
