/**
 * Goal: a caller who asks and does not read the answers is cut off, with what was kept for it; one who waits for a slow answer is not.
 * Method: a real socket sends many requests at once and stops reading; the server's side of the connection is looked at in this process.
 * The same for both servers, and a server of node's own with an answer that takes longer than the bound.
 */
import diagnostics from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cutUnread } from '../../src/interfaces/operator/connections.ts';
import { serveMetaService, token } from '../metaservice/support.ts';
import { freePort, ServedCluster } from './support.ts';

const unreadMs = 200;
const accepted: Socket[] = [];
const note = (message: unknown): void => void accepted.push((message as { readonly socket: Socket }).socket);
const closers: (() => unknown)[] = [];
beforeEach(() => diagnostics.subscribe('net.server.socket', note));
afterEach(async () => {
  diagnostics.unsubscribe('net.server.socket', note);
  accepted.length = 0;
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Sends the same request many times and reads nothing. @returns the server's side of the connection */
async function deafCaller(port: number, request: string, times: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port }).pause();
  socket.on('error', () => {}); // Cut while it still writes.
  closers.push(() => void socket.destroy());
  socket.write(request.repeat(times));
  const its = (): Socket | undefined => accepted.find((one) => one.remotePort === socket.localPort);
  await expect.poll(its, { timeout: 30_000 }).toBeDefined();
  return its() as Socket;
}

test('of the operator interface', async () => {
  const cluster = new ServedCluster();
  closers.push(() => cluster.stop());
  const n1 = await cluster.start('n1', { unreadMs });
  await cluster.ready(n1);
  const side = await deafCaller(n1.port, 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n', 200);
  await expect.poll(() => side.writableLength, { timeout: 10_000 }).toBeGreaterThan(0);
  await expect.poll(() => side.destroyed, { timeout: 10_000 }).toBe(true);
  expect((await fetch(`${n1.url}/health`)).status).toBe(200);
});

test('of the Meta Service', async () => {
  const served = await serveMetaService({ unreadMs });
  closers.push(() => served.stop());
  const { port } = new URL(served.url);
  const path = `/MetaService/http/encode_key?token=${token}&key_type=InstanceKey&instance_id=${'x'.repeat(1000)}`;
  const side = await deafCaller(Number(port), `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, 1_000);
  await expect.poll(() => side.writableLength, { timeout: 10_000 }).toBeGreaterThan(0);
  await expect.poll(() => side.destroyed, { timeout: 10_000 }).toBe(true);
  expect((await served.post('show_config')).status).toBe(200);
});

test('an answer that takes longer than the bound is waited for, and an idle connection ends by itself', async () => {
  const port = await freePort();
  const timers: (() => void)[] = [];
  const server = createServer({ keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0 }, (_, response) => {
    timers.push(() => response.end('at last'));
  });
  cutUnread(server, 50);
  server.listen(port, '127.0.0.1');
  closers.push(() => void server.close());
  let timeouts = 0;
  server.on('timeout', () => {
    timeouts += 1;
  });
  const socket = connect({ host: '127.0.0.1', port });
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  const ended = new Promise((resolve) => socket.on('close', resolve));
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(() => timeouts, { timeout: 30_000 }).toBe(1); // The bound passed once while the answer was awaited.
  for (const answer of timers) answer();
  await expect.poll(() => heard, { timeout: 30_000 }).toContain('at last');
  await ended;
});
