import type { HistoryEvent } from '../engine/history/port.ts';
import { wrongUsage } from './exit.ts';
import { followed } from './followedStream.ts';
import { HistoryLines } from './historyLines.ts';
import { localZone, parseTime, timeForms } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { styled, type Terminal, write } from './terminal.ts';

export interface HistoryOptions extends OperatorOptions {
  readonly type?: readonly string[];
  readonly subject?: string;
  readonly principal?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}
type Query = readonly [string, string][];
type Print = (events: readonly HistoryEvent[]) => Promise<void>;

/** `chancery history`. With --follow it goes on until it is interrupted. */
export async function history(options: HistoryOptions, terminal: Terminal): Promise<void> {
  const { follow, json, limit, until } = options;
  if (follow === true && until !== undefined) throw wrongUsage('--follow has no end, --until gives it one', 'Leave one of them out.');
  const now = Date.now();
  const client = new OperatorClient(options, terminal);
  const lines = new HistoryLines(terminal.out, terminal.env);
  const print: Print = async (events) => {
    const texts = json === true ? events.map((event) => JSON.stringify(event)) : lines.render(events, Date.now());
    if (texts.length > 0) await write(terminal.out, `${texts.join('\n')}\n`);
  };
  const filter = filterOf(options, now);
  const { events, hasMore, position } = await newest(client, filter, limit);
  await print(events);
  const note = (text: string): boolean => terminal.err.write(`${styled(terminal.err, terminal.env, 'dim', text)}\n`);
  if (json !== true && terminal.err.isTTY === true) note(`times in ${localZone()}`);
  if (hasMore) note(`the newest ${events.length}; more with --limit`);
  if (events.length === 0 && follow !== true && json !== true)
    note(filter.length === 0 ? 'nothing has happened yet' : 'nothing like this has happened');
  if (follow === true) await followOn(client, filter, position, print, terminal);
}

function filterOf({ principal, since, subject, type, until }: HistoryOptions, now: number): Query {
  const time = (name: string, text: string | undefined): Query => {
    if (text === undefined) return [];
    const at = parseTime(text, now);
    if (at === undefined) throw wrongUsage(`--${name} '${text}' is no time`, `Give one of the forms ${timeForms}.`);
    return [[name, String(at)]];
  };
  return [
    ...(type ?? []).map((name): [string, string] => ['type', name]),
    ...(subject === undefined ? [] : [['subject', subject] satisfies [string, string]]),
    ...(principal === undefined ? [] : [['principal', principalOf(principal)] satisfies [string, string]]),
    ...time('since', since),
    ...time('until', until),
  ];
}

/** The name alone is enough: all but the nodes themselves, `chancery`, are users. */
const principalOf = (text: string): string => (text.includes(':') || text === 'chancery' ? text : `User:${text}`);

interface Page {
  readonly events: readonly HistoryEvent[];
  readonly next?: string;
  readonly provenance: { readonly position: number };
}
const pageLength = 1000;

/** The newest events, ascending, and the position up to which all were looked at. */
async function newest(
  client: OperatorClient,
  filter: Query,
  limit: number,
): Promise<{ readonly events: readonly HistoryEvent[]; readonly hasMore: boolean; readonly position: number }> {
  const found: HistoryEvent[] = [];
  const query = new URLSearchParams([...filter, ['order', 'descending'], ['limit', String(Math.min(limit, pageLength))]]);
  let page = (await client.json({ path: `/v1/events?${query.toString()}` })) as Page;
  const { position } = page.provenance;
  for (;;) {
    found.push(...page.events.filter((event) => event.position <= position).slice(0, limit - found.length));
    if (page.next === undefined || found.length === limit) break;
    page = (await client.json({ path: page.next })) as Page;
  }
  return { events: found.reverse(), hasMore: page.next !== undefined, position };
}

/** Prints what happens after a position, for ever. */
async function followOn(client: OperatorClient, filter: Query, after: number, print: Print, terminal: Terminal): Promise<void> {
  let seen = String(after);
  const next = () => ({ path: `/v1/events?${new URLSearchParams([...filter]).toString()}`, headers: { 'last-event-id': seen } });
  const { signal } = new AbortController(); // Ctrl-C ends this process.
  const say = (words: string): boolean => terminal.err.write(`${words}\n`);
  for await (const { data, id } of followed({ client, next, interrupted: signal, say })) {
    if (data !== undefined) await print([data as HistoryEvent]);
    if (id !== '') seen = id;
  }
}
