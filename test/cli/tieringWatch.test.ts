/**
 * Goal: whoever watches lake tables sees each change at once, on a terminal in place, and goes on seeing it when a node goes.
 * Method: the command in this process, with a terminal that keeps what is written, against real servers over the in-memory log; the node
 * that is watched is stopped. Ctrl-C is the signal to this process.
 */
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { StatusOptions } from '../../src/cli/tiering.ts';
import { watchTiering } from '../../src/cli/tieringWatch.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { TieringStatus } from '../../src/engine/tieringListing.ts';
import { type Served, waits } from '../operator/support.ts';
import { LakeCluster } from '../operator/tieringSupport.ts';
import { caller } from '../support/nodes.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
async function lakeOf(tables: readonly string[], names: readonly string[] = ['n1']): Promise<LakeCluster> {
  const lake = await LakeCluster.start(names);
  closers.push(() => lake.stop());
  for (const table of tables) await lake.table('shop', table);
  await lake.due();
  return lake;
}
const nodesOf = ({ cluster }: LakeCluster): readonly Served[] => [...cluster.served.values()];
async function fail(lake: LakeCluster, error: string, node = lake.leader): Promise<void> {
  const { json } = await lake.heartbeat({ wantsTable: true }, node);
  const { tableId, tieringEpoch } = json['table'] as TieringStatus;
  expect((await lake.heartbeat({ failed: [{ tableId, tieringEpoch, error }] }, node)).status).toBe(200);
}
async function drop(lake: LakeCluster, table: string): Promise<void> {
  const command = { name: 'dropTable', database: 'shop', table, ignoreIfNotExists: false } as const;
  expect(await lake.leader.node.submit(command, caller)).toMatchObject({ kind: 'done' });
}

interface Watching {
  readonly ended: Promise<unknown>;
  text(): string;
  err(): string;
  /** What stands on the screen. */
  screen(): readonly string[];
  /** Statuses told so far, as JSON. */
  told(): readonly TieringStatus[];
}

/** Begins to watch; it ends with the test at the latest. `ended`: undefined, or what it failed with. @param rows 0: no terminal */
function watch(nodes: readonly Served[], name: string | undefined, options: Partial<StatusOptions>, rows = 0): Watching {
  const texts = { out: '', err: '' };
  const paper = (to: 'out' | 'err', isScreen: boolean) => ({
    write: (text: string) => {
      texts[to] += text;
      return true;
    },
    once: () => {},
    isTTY: isScreen,
    columns: 140,
    rows,
  });
  const terminal = { out: paper('out', rows > 0), err: paper('err', false), env: {} };
  const operator = nodes.map(({ url }) => url).join(',');
  const listeners = process.listenerCount('SIGINT');
  const ended = watchTiering(name, { operator, limit: 100, ...options }, terminal).catch((error: unknown) => error);
  onTestFinished(async () => {
    if (process.listenerCount('SIGINT') > listeners) process.emit('SIGINT');
    await ended;
  });
  const frame = (): string => texts.out.slice(texts.out.lastIndexOf('\r') + 1);
  return {
    ended,
    text: () => texts.out,
    // Without what is said when an answer takes a second, as on a busy machine.
    err: () => texts.err.replace(/^waiting for .*\n/gm, ''),
    screen: () => stripVTControlCharacters(frame()).split('\n').slice(0, -1),
    told: () =>
      texts.out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as TieringStatus),
  };
}

describe('in lines', () => {
  test('each table is told once, then each of its changes', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    const { ended, told } = watch([lake.leader], undefined, { json: true });
    await vi.waitFor(
      () =>
        expect(
          told()
            .map(({ table }) => table)
            .sort(),
        ).toEqual(['clicks', 'orders']),
      waits,
    );
    await fail(lake, 'disk full');
    await vi.waitFor(() => expect(told().at(-1)).toMatchObject({ table: 'orders', lastError: 'disk full', failuresInRow: 1 }), waits);
    await drop(lake, 'orders');
    await vi.waitFor(() => expect(told().at(-1)).toMatchObject({ table: 'orders', status: 'Removed' }), waits);
    const before = told().length;
    process.emit('SIGINT');
    expect(await ended).toBeUndefined();
    expect(told()).toHaveLength(before);
  });

  test('with --failing those that fail are told, and that they do no longer', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    const { text } = watch([lake.leader], 'shop', { failing: true });
    await fail(lake, 'disk full');
    await vi.waitFor(() => expect(text()).toMatch(/^(?:\S+ )?\d\d:\d\d:\d\d {2}shop\.orders {2}Pending, failing 1x {2}disk full\n/), waits);
    for (const _ of ['clicks', 'orders']) {
      const { tableId, tieringEpoch } = await lake.handed();
      await lake.heartbeat({ finished: [{ tableId, tieringEpoch }] });
    }
    await vi.waitFor(() => expect(text()).toMatch(/shop\.orders {2}Scheduled\n$/), waits);
    expect(text()).not.toContain('shop.clicks');
  });

  test('ends with a reason when the one table that is watched is tiered no more', async () => {
    const lake = await lakeOf(['orders']);
    const { ended, told } = watch([lake.leader], 'shop.orders', { json: true });
    await vi.waitFor(() => expect(told()).toHaveLength(1), waits);
    const set = { 'table.datalake.enabled': 'false' };
    const off: Command = { name: 'alterTable', database: 'shop', table: 'orders', set, removed: [], columns: [], ignoreIfNotExists: false };
    expect(await lake.leader.node.submit(off, caller)).toMatchObject({ kind: 'done' });
    expect(await ended).toMatchObject({ message: 'shop.orders is not tiered to the lake', status: 1 });
    expect(told().at(-1)).toMatchObject({ status: 'Removed' });
  });

  test('go on with another node, without telling again what is known', async () => {
    const lake = await lakeOf(['orders', 'clicks'], ['n1', 'n2', 'n3']);
    const [first, ...others] = nodesOf(lake);
    if (first === undefined) throw new Error('there are three nodes');
    const { err, told } = watch(nodesOf(lake), undefined, { json: true });
    await vi.waitFor(() => expect(told()).toHaveLength(2), waits);
    await first.server.close(0);
    await first.node.close(0);
    await vi.waitFor(() => expect(others.some(({ node }) => node.role === 'leader')).toBe(true), waits);
    const next = others.find(({ node }) => node.role === 'leader');
    await fail(lake, 'disk full', next);
    await vi.waitFor(() => expect(told().at(-1)?.lastError).toBe('disk full'), waits);
    expect(err()).toMatch(/^the stream broke off.*; trying again\nfollowing again on http:\S+\n$/);
    expect(told().filter(({ table }) => table === 'clicks')).toHaveLength(1);
  });
});

describe('on a terminal', () => {
  test('the worst tables stand first, and counts and what to do next below', async () => {
    const tables = Array.from({ length: 20 }, (_, i) => `t${i}`);
    const lake = await lakeOf(tables);
    const { ended, screen } = watch([lake.leader], undefined, {}, 12);
    await vi.waitFor(() => expect(screen().at(-1)).toMatch(/^20 lake tables: .* none failing$/), waits);
    expect(screen()).toHaveLength(11);
    await fail(lake, 'disk full');
    await vi.waitFor(() => expect(screen()[1]).toMatch(/ {2}Pending, failing 1x .* disk full$/), waits);
    expect(screen().slice(-2)).toEqual([
      '20 lake tables: 0 Scheduled, 20 Pending, 0 Tiering · 1 failing',
      expect.stringMatching(/^next: chancery tiering failures shop\.t\d+ /),
    ]);
    process.emit('SIGINT');
    expect(await ended).toBeUndefined();
  });

  test('one table is shown in full, until it is dropped', async () => {
    const lake = await lakeOf(['orders']);
    const { ended, screen } = watch([lake.leader], 'shop.orders', {}, 12);
    await fail(lake, 'disk full\n\tat LakeWriter.write');
    await vi.waitFor(() => expect(screen()).toContain('  disk full'), waits);
    await drop(lake, 'orders');
    expect(await ended).toMatchObject({ problem: { code: 'UNKNOWN_TABLE' } });
  });

  test('in a small pane there is the worst table alone, and what to do next', async () => {
    const lake = await lakeOf(['clicks', 'orders', 'parts']);
    await fail(lake, 'disk full');
    const { screen } = watch([lake.leader], undefined, {}, 4);
    const below = ['3 lake tables: 0 Scheduled, 3 Pending, 0 Tiering · 1 failing', expect.stringMatching(/^next: /)];
    await vi.waitFor(() => expect(screen()).toEqual([expect.stringMatching(/^shop\.clicks {2}Pending, failing 1x/), ...below]), waits);
    const least = watch([lake.leader], undefined, {}, 1);
    await vi.waitFor(() => expect(least.screen()).toEqual(below), waits);
    lake.leader.log.silenceMs = 60_000;
    await lake.due();
    await vi.waitFor(() => expect(least.screen()).toEqual([below[0], expect.stringMatching(/^as of .* does not reach/)]), waits);
  });

  test('it says since when a node has not heard from the log, until it has', async () => {
    const lake = await lakeOf(['orders']);
    lake.leader.log.silenceMs = 60_000;
    const { screen, text } = watch([lake.leader], undefined, {}, 12);
    await vi.waitFor(() => expect(screen().at(-1)).toMatch(/^as of (?:\S+ )?\d\d:\d\d:\d\d: n1 does not reach the log$/), waits);
    // By the fourth drawing there are no news any more that would have it ask again.
    await vi.waitFor(() => expect(text().split('\r').length).toBeGreaterThan(4), waits);
    const { err } = watch([lake.leader], undefined, {});
    await vi.waitFor(() => expect(err()).toMatch(/^as of (?:\S+ )?\d\d:\d\d:\d\d: n1 does not reach the log\n$/), waits);
    lake.leader.log.silenceMs = 0;
    await vi.waitFor(() => expect(screen().at(-1)).toMatch(/none failing$/), waits);
  });

  test('it says since when no node answers, and shows what was so then', async () => {
    const lake = await lakeOf(['orders']);
    const { err, screen } = watch([lake.leader], undefined, {}, 12);
    await vi.waitFor(() => expect(screen()[1]).toContain('shop.orders'), waits);
    await lake.leader.server.close(0);
    await vi.waitFor(() => expect(screen().at(-1)).toMatch(/^as of (?:\S+ )?\d\d:\d\d:\d\d: .*connection refused; trying again$/), waits);
    expect(screen()[1]).toContain('shop.orders');
    expect(err()).toBe('');
  });
});
