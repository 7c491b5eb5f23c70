import { envelopeOf } from './codes.ts';
import { printEnvelope, printStrict } from './jsonText.ts';
import type { MessageType } from './message.ts';
import type { Answer, Reply } from './method.ts';

/** What is sent back, but for the headers that every answer has. */
export interface Payload {
  readonly http: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An admin route's answer in bytes. */
export function payloadOf(answer: Answer): Payload {
  if (answer.kind === 'text') return { http: answer.http, text: `${answer.text}\n` };
  const { status } = answer;
  const { http, word } = envelopeOf(status.code);
  if (answer.json === undefined) return { http, text: printEnvelope(word, status.msg, answer.result) };
  return { http, text: `${JSON.stringify({ code: word, msg: status.msg, result: answer.json }, undefined, 4)}\n` };
}

/** A reply of the plain RPC form: its status says what became of it. */
export const rpcPayload = (type: MessageType, reply: Reply): Payload => ({ http: 200, text: printStrict(type, reply) });

/** What the framework under the service answers by itself. */
export function rpcRefusal(kind: 'unknownMethod' | 'badBody', about: string): Payload {
  return kind === 'unknownMethod'
    ? { http: 404, text: `[E1002]Fail to find method on \`${about.slice(0, 1024)}'`, headers: { 'x-bd-error-code': '1002' } }
    : { http: 400, text: about, headers: { 'x-bd-error-code': '1003' } };
}
