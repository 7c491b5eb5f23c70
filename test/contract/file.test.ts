/** Goal: the embedded log keeps the contract. Method: the shared suite over real files, one writer at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../../src/log/file/open.ts';
import type { EventLog } from '../../src/log/port.ts';
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
