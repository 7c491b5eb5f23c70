import { randomUUID } from 'node:crypto';
import type { ServerView } from '../engine/serverList.ts';
import { wrongUsage } from './exit.ts';
import { grouped, renderTime } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { harmless, type Terminal, writeTable } from './terminal.ts';

type Options = OperatorOptions & { readonly json?: boolean };
type ActOptions = Options & { readonly reason?: string };

/** `chancery servers list` */
export async function listServers(options: Options, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const servers: ServerView[] = [];
  let after: number | undefined;
  do {
    const page = (await client.json({ path: '/v1/servers', query: { after } })) as {
      readonly servers: readonly ServerView[];
      readonly next?: number;
    };
    servers.push(...page.servers);
    after = page.next;
  } while (after !== undefined);
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(servers)}\n`);
    return;
  }
  if (servers.length === 0) {
    terminal.out.write('there are no tablet servers\n');
    return;
  }
  const now = Date.now();
  const rows = servers.map((server) => cellsOf(server, now).map(harmless));
  const headings = ['id', 'status', 'replicas', 'leaders', 'lagging', 'tag', 'rack', 'endpoint', 'since'];
  await writeTable(terminal, headings, rows, [0, 2, 3, 4]);
}

function cellsOf({ endpoint = '', lostAt, rack = '', registeredAt, ...server }: ServerView, now: number): readonly string[] {
  const since = lostAt ?? registeredAt;
  const counts = [server.replicas, server.leaders, server.lagging].map(grouped);
  return [
    String(server.serverId),
    server.status,
    ...counts,
    server.tag ?? '',
    rack,
    endpoint,
    since === undefined ? '' : renderTime(since, now),
  ];
}

/** `chancery servers tag IDS TAG`: all of them or none, as the procedure has it. */
export async function tagServers(ids: string, tag: string, options: ActOptions, terminal: Terminal): Promise<void> {
  const given = idsIn(ids);
  const wanted = tag.toUpperCase();
  if (wanted !== 'PERMANENT_OFFLINE' && wanted !== 'TEMPORARY_OFFLINE')
    throw wrongUsage(`'${tag}' is no tag`, 'Give PERMANENT_OFFLINE for servers that are to go, TEMPORARY_OFFLINE for a while.');
  const body = { statement: `CALL sys.add_server_tag('${given.join(',')}', '${wanted}')`, reason: options.reason };
  const call = { method: 'POST', path: '/v1/sql', body, headers: { 'idempotency-key': randomUUID() } } as const;
  const { results } = (await new OperatorClient(options, terminal).json(call)) as { readonly results: readonly { position?: number }[] };
  const done = { serverIds: given, tag: wanted, position: results.at(-1)?.position ?? 0 };
  const next = 'next: chancery rebalance start --goals REPLICA_DISTRIBUTION   moves their buckets away';
  const words = `tagged ${wanted}: ${given.join(', ')}   position ${grouped(done.position)}`;
  terminal.out.write(`${options.json === true ? JSON.stringify(done) : `${words}\n${next}`}\n`);
}

/** `chancery servers untag IDS`: whichever tags they have. */
export async function untagServers(ids: string, options: ActOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  for (const serverId of idsIn(ids)) await actOn(client, serverId, '/tag', 'has no tag any more', options, terminal);
}

/** `chancery servers forget ID` */
export async function forgetServer(id: string, options: ActOptions, terminal: Terminal): Promise<void> {
  const [serverId, ...more] = idsIn(id);
  if (serverId === undefined || more.length > 0) throw wrongUsage(`'${id}' is not the id of one tablet server`);
  await actOn(new OperatorClient(options, terminal), serverId, '', 'is off the list', options, terminal);
}

async function actOn(
  client: OperatorClient,
  serverId: number,
  part: string,
  words: string,
  { json, reason }: ActOptions,
  terminal: Terminal,
): Promise<void> {
  const path = `/v1/servers/${serverId}${part}`;
  const call = { method: 'DELETE', path, query: { reason }, headers: { 'idempotency-key': randomUUID() } } as const;
  const { position } = (await client.json(call)) as { readonly position: number };
  const text = `tablet server ${serverId} ${words}   position ${grouped(position)}`;
  terminal.out.write(`${json === true ? JSON.stringify({ serverId, position }) : text}\n`);
}

/** @throws CommandFailure for what are no ids with commas between */
function idsIn(text: string): readonly number[] {
  const pieces = text.split(',').map((piece) => piece.trim());
  if (pieces.every((piece) => /^\d{1,10}$/.test(piece))) return pieces.map(Number);
  throw wrongUsage(`'${text}' are no ids of tablet servers`, 'Give whole numbers with commas between, such as 0,1,2.');
}
