/**
 * Goal: opening refuses what it must not touch, in words that help, and repairs only a torn write.
 * Method: real directories, spoilt by hand.
 */
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { EncodedEntry } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import { LogRefused } from '../../src/log/port.ts';
import type { Member } from '../../src/ports/membership.ts';
import { appendAll, chainAfter, chainFromStart, entryAfter, nearlyTooLarge, textsOf } from '../support/entries.ts';
import { contentsOf, opened, temporaryDirectory } from './directories.ts';

const segment = (firstIndex: number): string => `segment-${String(firstIndex).padStart(8, '0')}.log`;

/** A closed log of `count` entries, each in a group of its own unless they are sent together, up to 500 at a time. */
async function written(directory: string, count: number, together = false): Promise<EncodedEntry[]> {
  const { log } = await openFileLog(directory);
  const chain = chainFromStart(count, { epoch: await log.raiseEpoch() });
  const width = together ? 500 : 1;
  for (let from = 0; from < count; from += width) await Promise.all(chain.slice(from, from + width).map((each) => log.append(each)));
  expect((await log.head()).index).toBe(count);
  await log.close();
  return chain;
}

async function flip(path: string, offset: number, bit = 0): Promise<void> {
  const bytes = await readFile(path);
  const at = offset < 0 ? bytes.length + offset : offset;
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
  await writeFile(path, bytes);
}

describe('the directory', () => {
  test('is made with its parents, holds its format, and is found again', async () => {
    const directory = join(await temporaryDirectory(), 'a', 'b');
    const chain = await written(directory, 3);
    expect(await readFile(join(directory, 'format'), 'utf8')).toBe('chancery-log 1\n');
    const { log, notices } = await opened(directory);
    expect(notices).toEqual([]);
    expect(await log.read(0, 10)).toEqual(textsOf(chain));
  });

  test('of a newer format is refused by name, for reading too, and left alone', async () => {
    const directory = await temporaryDirectory();
    await written(directory, 1);
    await writeFile(join(directory, 'format'), 'chancery-log 2\n');
    const before = await contentsOf(directory);
    for (const readOnly of [false, true])
      await expect(openFileLog(directory, { readOnly })).rejects.toThrow(
        new LogRefused(`the log in ${directory} has format 2, this release reads format 1: start a newer Chancery`),
      );
    expect(await contentsOf(directory)).toEqual(before);
  });

  test('with a damaged format or epoch is refused with the remedy', async () => {
    const directory = await temporaryDirectory();
    await written(directory, 1);
    await writeFile(join(directory, 'epoch'), 'seven\n');
    await expect(openFileLog(directory)).rejects.toThrow('epoch is damaged: remove it');
    await writeFile(join(directory, 'format'), '');
    await expect(openFileLog(directory)).rejects.toThrow('format is damaged: restore it');
  });

  test('of something else is refused and left alone', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'thesis.txt'), 'ten years of work');
    await expect(openFileLog(directory)).rejects.toThrow(`${directory} is not a log: it holds 'thesis.txt'`);
    expect(Object.keys(await contentsOf(directory))).toEqual(['thesis.txt']);
  });

  test('that is missing is no log to read', async () => {
    const missing = join(await temporaryDirectory(), 'missing');
    await expect(openFileLog(missing, { readOnly: true })).rejects.toThrow(`there is no log in ${missing}`);
    await expect(openFileLog(join(await temporaryDirectory(), 'x'), { readOnly: true })).rejects.toThrow(LogRefused);
  });

  test('that cannot be locked is refused with the remedy', async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, 'lock'));
    await expect(openFileLog(directory)).rejects.toThrow(LogRefused);
    await expect(openFileLog(directory)).rejects.toThrow(
      `${join(directory, 'lock')} cannot be locked (Error: unable to open database file)`,
    );
  });

  test('is refused to a second opening in this process, and free after close or after a failed opening', async () => {
    const directory = await temporaryDirectory();
    const { log } = await openFileLog(directory);
    await expect(openFileLog(directory)).rejects.toThrow(`is in use by process ${process.pid} on`);
    await log.close();
    await writeFile(join(directory, 'epoch'), 'x');
    await expect(openFileLog(directory)).rejects.toThrow('epoch is damaged');
    await rm(join(directory, 'epoch'));
    await opened(directory);
  });
});

describe('the epoch', () => {
  test('grows by one at each opening, and with each further raise', async () => {
    const directory = await temporaryDirectory();
    for (const expected of [[1], [2, 3, 4], [5]]) {
      const { log } = await openFileLog(directory);
      for (const epoch of expected) expect(await log.raiseEpoch()).toBe(epoch);
      await log.close();
    }
    expect(await readFile(join(directory, 'epoch'), 'utf8')).toBe('5\n');
  });

  test('of an earlier process is fenced before anyone raised a new one', async () => {
    const directory = await temporaryDirectory();
    const [first = entryAfter(emptyHead)] = await written(directory, 1);
    const { log } = await opened(directory);
    expect(await log.append(entryAfter(headAfter(first), { epoch: 1 }))).toEqual({ kind: 'fenced', epoch: 2 });
    expect(await log.append(first)).toEqual({ kind: 'appended' });
  });

  test('that was lost goes on behind that of the newest entry, with a notice', async () => {
    const directory = await temporaryDirectory();
    for (let i = 0; i < 4; i += 1) await (await openFileLog(directory)).log.close();
    const { log } = await openFileLog(directory);
    await appendAll(log, chainFromStart(1, { epoch: await log.raiseEpoch() }));
    await log.close();
    await rm(join(directory, 'epoch'));
    const { log: again, notices } = await opened(directory);
    expect(notices).toEqual([`${directory}: the file 'epoch' was missing; it goes on behind that of the newest entry, 5`]);
    expect(await again.raiseEpoch()).toBe(6);
  });
});

describe('a torn write', () => {
  test('at any byte is cut off with a notice and kept aside; appending goes on', { timeout: 60_000 }, async () => {
    const source = await temporaryDirectory();
    const chain = await written(source, 3);
    const whole = await readFile(join(source, segment(1)));
    const lastAt = whole.length - 8 - (chain[2]?.text.length ?? 0);
    const directory = await temporaryDirectory();
    for (let length = lastAt + 1; length < whole.length; length += length < lastAt + 12 || length > whole.length - 4 ? 1 : 53) {
      await rm(directory, { recursive: true });
      await mkdir(directory);
      await copyFile(join(source, 'format'), join(directory, 'format'));
      await copyFile(join(source, 'epoch'), join(directory, 'epoch'));
      await writeFile(join(directory, segment(1)), whole.subarray(0, length));
      const { log, notices } = await openFileLog(directory);
      const kept = `${segment(1)}.cut-${lastAt}`;
      expect(notices).toEqual([
        `${join(directory, segment(1))}: the last write was not complete: ${length - lastAt} bytes behind entry 2 ` +
          `were cut off at offset ${lastAt} and kept in ${join(directory, kept)}`,
      ]);
      expect(await readFile(join(directory, kept))).toEqual(whole.subarray(lastAt, length));
      const next = entryAfter(await log.head(), { epoch: await log.raiseEpoch() });
      await appendAll(log, [next]);
      expect(await log.read(0, 10)).toEqual([...textsOf(chain.slice(0, 2)), next.text]);
      await log.close();
    }
  });

  test('in a new file of which nothing was complete leaves the file before as the end', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 1000, true);
    for (const rest of ['', 'half a rec']) {
      await writeFile(join(directory, segment(1001)), rest);
      const { log, notices } = await openFileLog(directory);
      expect(notices).toHaveLength(rest === '' ? 0 : 1);
      expect(await log.head()).toEqual(headAfter(chain.at(-1) ?? entryAfter(emptyHead)));
      await log.close();
    }
    const { log } = await opened(directory);
    const next = entryAfter(await log.head(), { epoch: await log.raiseEpoch() });
    await appendAll(log, [next]);
    expect(await log.read(999, 5)).toEqual([chain.at(-1)?.text, next.text]);
    expect((await readdir(directory)).filter((name) => name.endsWith('.log'))).toEqual([segment(1), segment(1001)]);
  });

  test('is not touched, and not shown, by an opening for reading', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 3);
    const path = join(directory, segment(1));
    await truncate(path, (await readFile(path)).length - 5);
    const before = await contentsOf(directory);
    const { log } = await opened(directory, { readOnly: true });
    expect(await log.read(0, 10)).toEqual(textsOf(chain.slice(0, 2)));
    expect((await log.head()).index).toBe(2);
    expect(await contentsOf(directory)).toEqual(before);
  });
});

describe('a damage', () => {
  test.each([false, true])(
    'before the tail refuses the opening with file, offset, entry and remedy; written together: %s',
    async (together) => {
      const directory = await temporaryDirectory();
      const chain = await written(directory, 4, together);
      const path = join(directory, segment(1));
      const offset = 8 + (chain[0]?.text.length ?? 0);
      await flip(path, offset + 100, 3);
      const before = await contentsOf(directory);
      const refused = expect(openFileLog(directory)).rejects;
      await refused.toThrow(LogRefused);
      await expect(openFileLog(directory)).rejects.toThrow(`${path} is damaged at offset ${offset}, where entry 2 belongs: a sound record`);
      await expect(openFileLog(directory)).rejects.toThrow('Nothing was changed. Restore this file from a copy of the directory');
      expect(await contentsOf(directory)).toEqual(before);
      const { log } = await opened(directory, { readOnly: true });
      expect(await log.read(0, 10)).toEqual(textsOf(chain.slice(0, 1)));
      await expect(log.read(1, 10)).rejects.toThrow('where entry 2 belongs');
      await expect(log.head()).rejects.toThrow(LogRefused);
      const follower = log.follow(0, () => {}, new AbortController().signal);
      await expect(follower).rejects.toThrow('where entry 2 belongs');
    },
  );

  test('in an earlier file is met by the first read of it, after everything before it', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 2100, true);
    await flip(join(directory, segment(1001)), -3);
    const { log } = await opened(directory);
    expect(await log.read(2000, 200)).toEqual(textsOf(chain.slice(2000)));
    expect(await log.read(990, 2000)).toEqual(textsOf(chain.slice(990, 1999)));
    await expect(log.read(1999, 1)).rejects.toThrow(`${join(directory, segment(1001))} is damaged at offset`);
    await expect(log.read(1999, 1)).rejects.toThrow(`where entry 2000 belongs: a later file follows, ${segment(2001)}`);
    expect((await log.head()).index).toBe(2100);
  });

  test('that takes whole records or whole files from the middle is noticed', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 2100, true);
    const path = join(directory, segment(1));
    const whole = await readFile(path);
    await truncate(path, whole.length - 8 - (chain[999]?.text.length ?? 0));
    const { log } = await openFileLog(directory);
    await expect(log.read(999, 1)).rejects.toThrow('where entry 1000 belongs: the next file begins with entry 1001');
    await log.close();
    await writeFile(path, whole);
    await rename(join(directory, segment(1001)), join(directory, 'aside'));
    const { log: gap } = await openFileLog(directory);
    await expect(gap.read(1000, 1)).rejects.toThrow('where entry 1001 belongs: the next file begins with entry 2001');
    await gap.close();
    await rename(path, join(directory, 'aside too'));
    await expect(openFileLog(directory)).rejects.toThrow(`${path} is missing: restore it`);
  });

  test('that happens while the log is open is not read as an entry', async () => {
    const directory = await temporaryDirectory();
    const { log } = await opened(directory);
    const chain = chainFromStart(3, { epoch: await log.raiseEpoch() });
    await appendAll(log, chain);
    await flip(join(directory, segment(1)), -10);
    expect(await log.read(0, 10)).toEqual(textsOf(chain.slice(0, 2)));
    await expect(log.read(2, 1)).rejects.toThrow('where entry 3 belongs: it was sound before');
  });

  test('of a sound record that is no entry, or another one, is refused', async () => {
    const directory = await temporaryDirectory();
    await written(directory, 2);
    const path = join(directory, segment(1));
    const bytes = await readFile(path);
    await writeFile(path, Buffer.concat([bytes, bytes.subarray(0, bytes.length / 2)]));
    await expect(openFileLog(directory)).rejects.toThrow(`${path} does not end with entry 3, as it should`);
  });
});

describe('segments', () => {
  test('roll over at 1,000 entries, also within one group, and are found by their first entry', async () => {
    const directory = await temporaryDirectory();
    const { log } = await opened(directory);
    const epoch = await log.raiseEpoch();
    const chain = chainFromStart(2005, { epoch });
    for (let from = 0; from < chain.length; from += 401) await Promise.all(chain.slice(from, from + 401).map((each) => log.append(each)));
    expect((await readdir(directory)).filter((name) => name.endsWith('.log'))).toEqual([segment(1), segment(1001), segment(2001)]);
    expect(await log.read(0, 3000)).toEqual(textsOf(chain));
    expect(await log.read(998, 4)).toEqual(textsOf(chain.slice(998, 1002)));
  });

  test('roll over before 64 MiB', { timeout: 60_000 }, async () => {
    const directory = await temporaryDirectory();
    const { log } = await opened(directory);
    const epoch = await log.raiseEpoch();
    let head = emptyHead;
    for (let index = 1; index <= 270; index += 1) {
      const encoded = nearlyTooLarge(head, { epoch });
      await appendAll(log, [encoded]);
      head = headAfter(encoded);
    }
    const names = (await readdir(directory)).filter((name) => name.endsWith('.log')).toSorted();
    expect(names).toHaveLength(2);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
    expect(sizes[0]).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(sizes[0]).toBeGreaterThan(63 * 1024 * 1024);
    const [, second = ''] = names;
    expect(await log.read(Number(second.slice(8, 16)) - 2, 2)).toHaveLength(2);
  });
});

describe('an opening for reading', () => {
  test('follows what a writer appends, across files, and refuses to write', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 995, true);
    const writer = await opened(directory);
    const reader = await opened(directory, { readOnly: true });
    const texts: string[] = [];
    const aborting = new AbortController();
    const ended = reader.log.follow(990, (batch) => void texts.push(...batch), aborting.signal);
    const more = chainAfter(headAfter(chain.at(-1) ?? entryAfter(emptyHead)), 20, { epoch: await writer.log.raiseEpoch() });
    await appendAll(writer.log, more);
    await vi.waitFor(() => expect(texts).toEqual(textsOf([...chain.slice(990), ...more])), { timeout: 10_000 });
    aborting.abort();
    await ended;
    expect(await reader.log.head()).toEqual(await writer.log.head());
    await expect(reader.log.append(entryAfter(emptyHead))).rejects.toThrow('opened for reading only');
    await expect(reader.log.raiseEpoch()).rejects.toThrow('opened for reading only');
    await reader.log.close();
    await expect(reader.log.read(0, 1)).rejects.toThrow('closed');
  });

  test('says so when what it has read was taken back', async () => {
    const directory = await temporaryDirectory();
    const chain = await written(directory, 3);
    const { log } = await opened(directory, { readOnly: true });
    expect(await log.read(0, 10)).toEqual(textsOf(chain));
    await truncate(join(directory, segment(1)), 100);
    await expect(log.read(3, 1)).rejects.toThrow('is shorter than it was: an incomplete write was taken back, open the log again');
  });
});

describe('the membership', () => {
  const self: Member = { nodeId: 'n1', operatorUrl: 'http://n1:8480', release: '0.1.0', position: 0, checkpoints: [] };

  test('of a writer is the leader from join to leave', async () => {
    const { membership } = await opened(await temporaryDirectory());
    const seen: string[] = [];
    membership.onChange(() => void seen.push(`${membership.standing().kind} of ${membership.members().length}`));
    await membership.join(self);
    membership.publish({ ...self, position: 7 });
    expect(membership.members()).toEqual([{ ...self, position: 7 }]);
    await membership.leave();
    expect(seen).toEqual(['leader of 1', 'leader of 1', 'follower of 0']);
  });

  test('of a reader never leads', async () => {
    const directory = await temporaryDirectory();
    await written(directory, 1);
    const { membership } = await opened(directory, { readOnly: true });
    await membership.join(self);
    expect(membership.standing()).toEqual({ kind: 'follower', leaderId: undefined });
  });
});
