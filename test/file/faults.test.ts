/**
 * Goal: a disk that fails or hangs costs an `unknown`, never a wrong answer: nothing acknowledged is lost, nothing comes back that was
 * given up, and the log works again when the disk does.
 * Method: real files behind handles that fail on command; a trace tells what the log did to them, and the directory is opened again.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import { type Disk, type DiskFile, realDisk } from '../../src/files/disk.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import type { EventLog } from '../../src/log/port.ts';
import { appendAll, chainAfter, chainFromStart, entryAfter, textsOf } from '../support/entries.ts';
import { inAMoment } from '../support/waits.ts';
import { opened, temporaryDirectory } from './directories.ts';

type Operation = 'read' | 'write' | 'datasync' | 'truncate' | 'close' | 'open read' | 'open write' | 'open create' | 'sync directory';

/** Files of which the next operations can be made to fail. `half` writes half of the bytes before it fails, as a full disk does. */
class FailingDisk implements Disk {
  readonly trace: string[] = [];
  readonly #next = new Map<Operation, (() => Promise<void>)[]>();

  fail(operation: Operation, code: 'ENOSPC' | 'EIO', times = 1): void {
    for (let i = 0; i < times; i += 1) this.#add(operation, () => Promise.reject(new Error(`${code}: a fault for a test, ${operation}`)));
  }

  /** The next such operation waits for the returned release, then is done. */
  hang(operation: Operation): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#add(operation, () => promise);
    return resolve;
  }

  works(): void {
    this.#next.clear();
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#before('sync directory');
    await realDisk.syncDirectory(directory);
  }

  async open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile> {
    await this.#before(`open ${how}`);
    const file = await realDisk.open(path, how);
    return {
      read: (position, length) => this.#before('read').then(() => file.read(position, length)),
      write: async (bytes, position) => {
        await this.#before('write').catch(async (error: unknown) => {
          await file.write(bytes.subarray(0, Math.floor(bytes.length / 2)), position);
          throw error;
        });
        await file.write(bytes, position);
      },
      size: () => file.size(),
      datasync: () => this.#before('datasync').then(() => file.datasync()),
      truncate: (size) => this.#before('truncate').then(() => file.truncate(size)),
      close: async () => {
        try {
          await this.#before('close');
        } finally {
          await file.close();
        }
      },
    };
  }

  #add(operation: Operation, fault: () => Promise<void>): void {
    this.#next.set(operation, [...(this.#next.get(operation) ?? []), fault]);
  }

  async #before(operation: Operation): Promise<void> {
    this.trace.push(operation);
    await this.#next.get(operation)?.shift()?.();
  }
}

/** After which a disk hangs: longer than a real one takes that others keep busy. */
const hangMs = 400;

async function failing(timeoutMs = 5000) {
  const directory = await temporaryDirectory();
  const disk = new FailingDisk();
  const { log } = await opened(directory, { disk, timeoutMs });
  return { directory, disk, log, epoch: await log.raiseEpoch() };
}

async function reopened(directory: string, log: EventLog): Promise<readonly string[]> {
  await log.close();
  const again = await openFileLog(directory);
  onTestFinished(() => again.log.close());
  expect(again.notices).toEqual([]);
  return again.log.read(0, 5000);
}

test('a full disk half way through a group: all of it is unknown, the file is cut back, and it lands once there is room', async () => {
  const { directory, disk, log, epoch } = await failing();
  const chain = chainFromStart(8, { epoch });
  await appendAll(log, chain.slice(0, 2));
  disk.fail('write', 'ENOSPC');
  const outcomes = await Promise.all(chain.slice(2).map((each) => log.append(each)));
  for (const outcome of outcomes) expect(outcome).toEqual({ kind: 'unknown', detail: expect.stringContaining('ENOSPC') });
  expect(await log.read(0, 10)).toEqual(textsOf(chain.slice(0, 2)));
  expect((await log.head()).index).toBe(2);
  await Promise.all(chain.slice(2).map(async (each) => expect(await log.append(each)).toEqual({ kind: 'appended' })));
  expect(await reopened(directory, log)).toEqual(textsOf(chain));
});

test('after a failed sync the handle is never used again, and what it wrote is taken back before anything else is written', async () => {
  const { directory, disk, log, epoch } = await failing();
  const [first = entryAfter(emptyHead)] = chainFromStart(1, { epoch });
  await appendAll(log, [first]);
  disk.fail('datasync', 'EIO');
  disk.trace.length = 0;
  const lost = entryAfter(headAfter(first), { epoch });
  expect((await log.append(lost)).kind).toBe('unknown');
  expect(disk.trace).toEqual(['write', 'datasync']);
  expect(await log.read(1, 1)).toEqual([]); // Written, but not durable: never shown.
  const other = entryAfter(headAfter(first), { epoch });
  await appendAll(log, [other]);
  expect(disk.trace.slice(2).filter((operation) => operation !== 'read')).toEqual(['close', 'open write', 'truncate', 'write', 'datasync']);
  expect(await log.append(lost)).toEqual({ kind: 'conflict' });
  expect(await reopened(directory, log)).toEqual(textsOf([first, other]));
});

test.each(['open write', 'read', 'truncate'] as const)(
  'while repairing fails too (%s), appends stay unknown and silence grows; then it works',
  async (operation) => {
    const { directory, disk, log, epoch } = await failing();
    const chain = chainFromStart(3, { epoch });
    await appendAll(log, chain.slice(0, 1));
    expect(log.silentForMs()).toBe(0);
    disk.fail('datasync', 'EIO');
    disk.fail(operation, 'EIO', 2);
    for (let i = 0; i < 3; i += 1) expect((await log.append(chain[1] ?? entryAfter(emptyHead))).kind).toBe('unknown');
    expect(log.silentForMs()).toBeGreaterThan(0);
    await appendAll(log, chain.slice(1));
    expect(log.silentForMs()).toBe(0);
    expect(await reopened(directory, log)).toEqual(textsOf(chain));
  },
);

test('a repair that finds durable entries gone appends nothing more', async () => {
  const { directory, disk, log, epoch } = await failing();
  const chain = chainFromStart(3, { epoch });
  await appendAll(log, chain.slice(0, 2));
  disk.fail('datasync', 'EIO');
  expect((await log.append(chain[2] ?? entryAfter(emptyHead))).kind).toBe('unknown');
  const path = join(directory, 'segment-00000001.log');
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
  await writeFile(path, bytes);
  const outcome = await log.append(chain[2] ?? entryAfter(emptyHead));
  expect(outcome).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('is damaged at offset 0, where entry 1 belongs') });
  expect(await readFile(path)).toEqual(bytes);
});

test.each(['open create', 'sync directory'] as const)(
  'a group over two files of which the second cannot be made (%s): the first part is acknowledged, the rest unknown, and lands later',
  async (operation) => {
    const { directory, disk, log, epoch } = await failing();
    const chain = chainFromStart(1010, { epoch });
    await Promise.all(chain.slice(0, 990).map((each) => log.append(each)));
    disk.fail(operation, 'ENOSPC');
    const outcomes = await Promise.all(chain.slice(990).map((each) => log.append(each)));
    expect(outcomes.map(({ kind }) => kind)).toEqual([...Array(10).fill('appended'), ...Array(10).fill('unknown')]);
    await Promise.all(chain.slice(985).map(async (each) => expect((await log.append(each)).kind).toBe('appended')));
    expect(await reopened(directory, log)).toEqual(textsOf(chain));
  },
);

test('a sync that hangs: calls settle in time, what waited behind has no effect, and the hung group may be there afterwards', async () => {
  const { directory, disk, log, epoch } = await failing(hangMs);
  const chain = chainFromStart(4, { epoch });
  await appendAll(log, chain.slice(0, 1));
  disk.trace.length = 0;
  const release = disk.hang('datasync');
  const hung = log.append(chain[1] ?? entryAfter(emptyHead));
  await vi.waitFor(() => expect(disk.trace.at(-1)).toBe('datasync'), inAMoment);
  const behind = log.append(chain[2] ?? entryAfter(emptyHead));
  const raised = log.raiseEpoch();
  await expect(raised).rejects.toThrow(`the disk did not answer in ${hangMs} ms`);
  expect(await hung).toEqual({ kind: 'unknown', detail: `the disk did not answer in ${hangMs} ms` });
  expect((await behind).kind).toBe('unknown');
  expect(log.silentForMs()).toBeGreaterThanOrEqual(hangMs);
  expect((await log.head()).index).toBe(1);
  release();
  await vi.waitFor(async () => expect((await log.head()).index).toBe(2), inAMoment);
  expect(await log.append(chain[1] ?? entryAfter(emptyHead))).toEqual({ kind: 'appended' });
  expect(await reopened(directory, log)).toEqual(textsOf(chain.slice(0, 2)));
});

test('a read that hangs while an entry is compared: what comes after its time is not mistaken for it', async () => {
  const { disk, log, epoch } = await failing(hangMs);
  const chain = chainFromStart(3, { epoch });
  await appendAll(log, chain.slice(0, 2));
  const release = disk.hang('read');
  expect((await log.append(chain[0] ?? entryAfter(emptyHead))).kind).toBe('unknown');
  const next = log.append(chain[2] ?? entryAfter(emptyHead));
  release();
  expect(await next).toEqual({ kind: 'appended' });
});

test('a refusal that was found before a hang is not given to an append that came after it', async () => {
  const { disk, log, epoch } = await failing(hangMs);
  const chain = chainFromStart(3, { epoch });
  await appendAll(log, chain.slice(0, 1));
  const release = disk.hang('datasync');
  const stale = entryAfter(headAfter(chain[1] ?? entryAfter(emptyHead)), { epoch: epoch - 1 });
  const outcomes = await Promise.all([chain[1] ?? stale, stale].map((each) => log.append(each)));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown']);
  const next = log.append(chain[2] ?? stale);
  release();
  expect(await next).toEqual({ kind: 'appended' });
});

test('closing while a sync hangs settles, and keeps the directory until the write is over', async () => {
  const directory = await temporaryDirectory();
  const disk = new FailingDisk();
  const { log } = await openFileLog(directory, { disk, timeoutMs: hangMs });
  const release = disk.hang('datasync');
  const hung = log.append(entryAfter(emptyHead, { epoch: await log.raiseEpoch() }));
  await vi.waitFor(() => expect(disk.trace.at(-1)).toBe('datasync'), inAMoment);
  const closed = expect(log.close()).rejects.toThrow(`the disk did not answer in ${hangMs} ms`);
  expect((await hung).kind).toBe('unknown');
  await closed;
  await expect(openFileLog(directory)).rejects.toThrow('in use by process');
  release();
  const again = await vi.waitFor(() => openFileLog(directory), inAMoment);
  expect((await again.log.head()).index).toBe(1);
  await again.log.close();
});

test('an epoch that cannot be written is not raised', async () => {
  const { directory, log, epoch } = await failing();
  await mkdir(join(directory, 'epoch.next'));
  await expect(log.raiseEpoch()).rejects.toThrow('the epoch could not be written');
  const first = entryAfter(emptyHead, { epoch });
  await appendAll(log, [first]);
  await rm(join(directory, 'epoch.next'), { recursive: true });
  expect(await log.raiseEpoch()).toBe(epoch + 1);
  expect((await log.append(entryAfter(headAfter(first), { epoch }))).kind).toBe('fenced');
});

test('an entry that no reader could read, and a flood of appends, are refused aloud', async () => {
  const { log, epoch } = await failing();
  const one = entryAfter(emptyHead, { epoch });
  await expect(log.append({ ...one, text: 'x'.repeat(800_000) })).rejects.toThrow('an entry of 800000 bytes is none');
  await expect(log.append({ ...one, text: '' })).rejects.toThrow(RangeError);
  const flood = Array.from({ length: 1025 }, () => log.append(one));
  await expect(flood.at(-1)).rejects.toThrow('more than 1024 appends are waiting');
  expect(new Set((await Promise.all(flood.slice(0, -1))).map(({ kind }) => kind))).toEqual(new Set(['appended']));
  expect((await log.head()).index).toBe(1);
});

test('any sequence of disk faults: a new opening finds what was acknowledged, once, in an order without gaps', {
  timeout: 60_000,
}, async () => {
  const operation = fc.constantFrom<Operation>('write', 'datasync', 'truncate', 'open write', 'open create', 'sync directory', 'close');
  const step = fc.record({ faults: fc.array(operation, { maxLength: 2 }), appends: fc.integer({ min: 1, max: 4 }), giveUp: fc.boolean() });
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
    const directory = await temporaryDirectory();
    const disk = new FailingDisk();
    const { log } = await openFileLog(directory, { disk });
    const epoch = await log.raiseEpoch();
    const acknowledged: EncodedEntry[] = [];
    for (const { faults, appends, giveUp } of steps) {
      for (const fault of faults) disk.fail(fault, 'EIO');
      const chain = chainAfter(await log.head(), appends, { epoch });
      const outcomes = await Promise.all(chain.map((each) => log.append(each)));
      for (const [i, encoded] of chain.entries()) {
        let kind = outcomes[i]?.kind;
        for (let tries = 0; kind === 'unknown' && !giveUp; tries += 1) {
          expect(tries).toBeLessThan(100);
          kind = (await log.append(encoded)).kind;
        }
        if (kind !== 'appended') break;
        acknowledged.push(encoded);
      }
    }
    disk.works();
    await log.close();
    const again = await openFileLog(directory);
    const texts = await again.log.read(0, 1000);
    await again.log.close();
    for (const text of textsOf(acknowledged)) expect(texts.filter((each) => each === text)).toHaveLength(1);
    const indexes = texts.map((text) => decodeEntry(text).index);
    expect(indexes).toEqual(texts.map((_, i) => i + 1));
  });
  await fc.assert(property, { numRuns: 60 });
});
