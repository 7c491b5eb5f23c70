/** Goal: the embedded log keeps the contract. Method: the shared suite over real files, one writer at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyHead } from '../../src/log/condition.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import type { EventLog } from '../../src/log/port.ts';
import { opened, temporaryDirectory } from '../file/directories.ts';
import { entryAfter } from '../support/entries.ts';
import { describeEventLog } from './eventLog.ts';

describeEventLog(
  'file',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'chancery-contract-'));
    const clients: EventLog[] = [];
    return {
      client: async () => {
        const { log } = await openFileLog(directory);
        clients.push(log);
        return log;
      },
      stop: async () => {
        await Promise.all(clients.map((client) => client.close()));
        await rm(directory, { recursive: true });
      },
    };
  },
  { severalClients: false, manyEntries: 2100 },
);

test('a failed append takes those with it that were sent before its answer, even one that would fit, and no later ones', async () => {
  const { log } = await opened(await temporaryDirectory());
  const epoch = await log.raiseEpoch();
  const fits = entryAfter(emptyHead, { epoch });
  const failing = log.append(entryAfter(emptyHead, { epoch: epoch - 1 }));
  const behind = log.append(fits);
  expect(await Promise.all([failing, behind])).toEqual([{ kind: 'fenced', epoch }, { kind: 'conflict' }]);
  expect(await log.head()).toEqual(emptyHead);
  expect(await log.append(fits)).toEqual({ kind: 'appended' });
});
