/**
 * Goal: whoever follows a stream misses nothing and hears when it breaks, on whichever node it goes on, until a node refuses it for good.
 * Method: real HTTP servers that answer each request as the test says, one after the other.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { followed } from '../../src/cli/followedStream.ts';
import { OperatorClient } from '../../src/cli/operatorClient.ts';

const terminal = { out: { write: () => true, once: () => {} }, err: { write: () => true, once: () => {} }, env: {} };

type Answer = (response: ServerResponse) => void;
const streams =
  (text: string, then: Answer): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
    then(response);
  };
const refuses =
  (status: number, code: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code, detail: 'no' }));
  };

/** A server that answers one request after the other, and what it was asked. */
async function serverOf(...answers: readonly Answer[]): Promise<{ readonly url: string; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { accept, 'last-event-id': seen } = request.headers;
    asked.push([request.url, accept, seen].join(' '));
    const answer = answers[asked.length - 1];
    if (answer === undefined) throw new Error('one request too many');
    answer(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('a stream that breaks is taken up behind what was seen, and a refusal for good ends it', async () => {
  let isRead: () => void = () => {};
  const cut: Answer = (response) => {
    isRead = () => response.destroy();
  };
  const { asked, url } = await serverOf(
    streams('id: 7\ndata: {"n":1}\n\n:\n\n', cut),
    refuses(503, 'NO_LEADER'),
    streams('id: 8\ndata: {"n":2}\n\n', (response) => response.end()),
    refuses(404, 'UNKNOWN_TABLE'),
  );
  const said: string[] = [];
  const told: unknown[] = [];
  let seen = '6';
  const follow = async (): Promise<void> => {
    const messages = followed({
      client: new OperatorClient({ operator: url }, terminal),
      next: () => ({ path: '/stream', query: { of: 'shop' }, headers: { 'last-event-id': seen } }),
      interrupted: new AbortController().signal,
      say: (words) => said.push(words),
    });
    for await (const { data, id } of messages) {
      told.push(data);
      seen = id;
      if (told.length === 2) isRead();
    }
  };
  await expect(follow()).rejects.toMatchObject({ problem: { code: 'UNKNOWN_TABLE' } });
  expect(told).toEqual([{ n: 1 }, undefined, { n: 2 }]);
  // It breaks once and is told of once, however often it is tried again. One that ends in good order is asked for again without a word.
  expect(said).toEqual(['the stream broke off; trying again', `following again on ${url}`]);
  expect(asked).toEqual(['6', '7', '7', '8'].map((position) => `/stream?of=shop text/event-stream ${position}`));
});

test('an interruption ends it while a stream is silent', async () => {
  const over = new AbortController();
  const { url } = await serverOf((response) => {
    response.writeHead(200).write(':\n\n');
  });
  const said: string[] = [];
  const messages = followed({
    client: new OperatorClient({ operator: url }, terminal),
    next: () => ({ path: '/stream' }),
    interrupted: over.signal,
    say: (words) => said.push(words),
  });
  expect(await messages.next()).toMatchObject({ value: { data: undefined } });
  const next = messages.next();
  over.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
  expect(said).toEqual([]);
});
