/**
 * Goal: each round of a table is one file, whole, under its epoch, and what is made up of the files adds up; names and faults are kept.
 * Method: real directories.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cutError, Lake, lakeLimits, removeFault, setFault, statusIn, TieringServiceRefused } from '../../src/tiering-service/lake.ts';
import { folder, roundsIn } from './support.ts';

const at = new Date('2026-11-20T14:00:00Z');
const given = (tieringEpoch: number, tableId = 7) => ({ tableId, database: 'shop', table: 'orders', tieringEpoch });
async function opened(directory: string, name?: string): Promise<Lake> {
  const lake = await Lake.open(directory, name);
  onTestFinished(() => lake.close());
  return lake;
}

test('a round that is given out again replaces its own file', async () => {
  const directory = folder();
  const lake = await opened(directory, 's1');
  const once = await lake.write(given(1), at);
  expect(await lake.write(given(1), at)).toEqual(once);
  expect(await lake.write(given(2), at)).toEqual({ records: 2, fileBytes: 2 * once.fileBytes });
  const round = { ...given(1), service: 's1', at: '2026-11-20T14:00:00.000Z' };
  expect(await roundsIn(directory, 'shop', 'orders')).toEqual({
    '0000000001.json': round,
    '0000000002.json': { ...round, tieringEpoch: 2 },
  });
});

test('the newest rounds are kept, also beyond ten digits', async () => {
  const directory = folder();
  const lake = await opened(directory);
  const last = 10 ** 10 + 2;
  for (let i = 0; i < lakeLimits.rounds + 5; i++) await lake.write(given(last - lakeLimits.rounds - 4 + i), at);
  const names = await readdir(join(directory, 'shop/orders'));
  expect(names).toHaveLength(lakeLimits.rounds);
  expect(names).toContain(`${last}.json`);
  expect(names).not.toContain(`${last - lakeLimits.rounds}.json`);
  expect(await lake.write(given(last), at)).toMatchObject({ records: lakeLimits.rounds });
});

test('the rounds of a dropped table go when another one has its name, and damaged files with them', async () => {
  const directory = folder();
  const lake = await opened(directory);
  for (const epoch of [1, 2, 3]) await lake.write(given(epoch, 7), at);
  expect(await lake.write(given(1, 8), at)).toMatchObject({ records: 1 });
  expect(await roundsIn(directory, 'shop', 'orders')).toMatchObject({ '0000000001.json': { tableId: 8 } });
  await writeFile(join(directory, 'shop/orders/0000000009.json'), '{"half');
  expect(await lake.write(given(2, 8), at)).toMatchObject({ records: 1 });
});

test('a database may be called as folders are called here', async () => {
  const directory = folder();
  const lake = await opened(directory);
  for (const name of ['faults', 'lock', 'service'])
    expect(await lake.write({ ...given(1), database: name, table: name }, at)).toMatchObject({ records: 1 });
  await setFault(directory, { database: 'faults', table: 'faults' }, 'no');
  expect(await lake.faultOf({ ...given(1), database: 'faults', table: 'faults' })).toBe('no');
});

test('a fault counts until it is gone; a name that is too long for a file has none', async () => {
  const directory = folder();
  const lake = await opened(directory);
  expect(await lake.faultOf(given(1))).toBeUndefined();
  await setFault(directory, given(1), 'line one\nline two');
  expect(await lake.faultOf(given(1))).toBe('line one\nline two');
  await setFault(directory, given(1), '');
  expect(await lake.faultOf(given(1))).toBe('');
  expect(await removeFault(directory, given(1))).toBe(true);
  expect(await lake.faultOf(given(1))).toBeUndefined();
  expect(await lake.faultOf({ ...given(1), database: 'd'.repeat(200), table: 't'.repeat(200) })).toBeUndefined();
  await mkdir(join(directory, 'faults/shop.orders'));
  await expect(lake.faultOf(given(1))).rejects.toThrow('EISDIR');
});

test('a directory keeps the name of its service, and is for one process', async () => {
  const directory = folder();
  const first = await opened(directory);
  expect(first.service).toMatch(/^tiering-[\w-]{21}$/);
  await expect(Lake.open(directory)).rejects.toThrow(TieringServiceRefused);
  first.close();
  const second = await opened(directory);
  expect(second.service).toBe(first.service);
  second.close();
  (await opened(directory, 'other')).close();
  const third = await opened(directory);
  expect(third.service).toBe('other');
  expect(await statusIn(directory)).toBeUndefined();
  await third.tell({ answeredAt: 5, everyMs: 100, rounds: [] });
  expect(await statusIn(directory)).toEqual({ service: 'other', answeredAt: 5, everyMs: 100, rounds: [] });
  third.close();
  await writeFile(join(directory, '.service/service.json'), '{}');
  await expect(Lake.open(directory)).rejects.toThrow('service.json is damaged');
  expect((await opened(directory, 'named')).service, 'a name that is given mends it').toBe('named');
});

test.each([
  ['short', 'short'],
  ['x'.repeat(2049), 'x'.repeat(2048)],
  [`${'x'.repeat(2047)}🔒`, 'x'.repeat(2047)],
  [`${'x'.repeat(2046)}🔒`, `${'x'.repeat(2046)}🔒`],
])('an error text is cut between characters, case %#', (text, cut) => expect(cutError(text)).toBe(cut));
