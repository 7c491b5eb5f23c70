/**
 * Goal: a killed process loses nothing that it acknowledged, and leaves no lock behind.
 * Method: a real writer with eight appends in flight is killed with SIGKILL, several times on one directory; what it printed as
 * acknowledged is compared with what the next opening finds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { emptyHead } from '../../src/log/condition.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import type { EventLog } from '../../src/log/port.ts';
import { appendAll, entryAfter } from '../support/entries.ts';
import { opened, temporaryDirectory } from './directories.ts';

interface Writer {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly exited: Promise<unknown>;
}

async function startWriter(directory: string): Promise<Writer> {
  const child = spawn(process.execPath, [new URL('./writer.ts', import.meta.url).pathname, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const exited = once(child, 'close'); // After the last line was read, unlike 'exit'.
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), { timeout: 20_000 });
  return { child, lines, exited };
}

/** The hashes of all entries, after checking form, hash and chain of each. */
async function checkedHashes(log: EventLog): Promise<string[]> {
  const hashes: string[] = [];
  for (let at = emptyHead; ; ) {
    const texts = await log.read(at.index, 500);
    if (texts.length === 0) return hashes;
    for (const text of texts) {
      const entry = decodeEntry(text);
      expect(entry).toMatchObject({ index: at.index + 1, firstPosition: at.position + 1, previousHash: at.hash });
      at = { index: entry.index, position: at.position + entry.count, hash: entry.hash };
      hashes.push(entry.hash);
    }
  }
}

test('killed five times under load: every acknowledged entry is there, in its place', async () => {
  const directory = await temporaryDirectory();
  const acknowledged = new Map<number, string>();
  for (let round = 1; round <= 5; round += 1) {
    const { child, lines, exited } = await startWriter(directory);
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(round * 97), { timeout: 20_000, interval: 1 });
    child.kill('SIGKILL');
    await exited;
    for (const line of lines.slice(1)) {
      const [, index, hash] = /^(\d+) ([0-9a-f]{64})$/.exec(line) ?? [];
      if (index !== undefined && hash !== undefined) acknowledged.set(Number(index), hash); // The last line may be torn, too.
    }
    const { log } = await openFileLog(directory);
    const hashes = await checkedHashes(log);
    for (const [index, hash] of acknowledged) expect(hashes[index - 1], `entry ${index}`).toBe(hash);
    await log.close();
  }
  expect(acknowledged.size).toBeGreaterThan(1400);
});

test('a second process is refused by name of the first, may read, and gets the log at once when the first was killed', async () => {
  const directory = await temporaryDirectory();
  const { child, lines, exited } = await startWriter(directory);
  expect(lines[0]).toBe(`holding ${child.pid}`);
  await expect(openFileLog(directory)).rejects.toThrow(
    new RegExp(`^the log in ${directory} is in use by process ${child.pid} on .+, started at 20\\d\\d-.+Z: stop that process, or give`),
  );
  const reader = await opened(directory, { readOnly: true });
  await vi.waitFor(async () => expect((await reader.log.head()).index).toBeGreaterThan(50), { timeout: 20_000 });
  expect((await checkedHashes(reader.log)).length).toBeGreaterThan(50);
  child.kill('SIGKILL');
  await exited;
  const { log } = await opened(directory);
  const epoch = await log.raiseEpoch();
  expect(epoch).toBe(2);
  await appendAll(log, [entryAfter(await log.head(), { epoch })]);
});
