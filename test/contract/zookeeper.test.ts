/**
 * Goal: the log on a real ZooKeeper of one member keeps the contract, with segments so short that it rolls over all the time.
 * Method: the shared suite; every test has a root of its own on one server.
 */
import { afterAll, beforeAll } from 'vitest';
import type { EventLog } from '../../src/log/port.ts';
import { openZooKeeper } from '../../src/log/zookeeper/open.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { describeEventLog } from './eventLog.ts';

const timeoutMs = 5000;
let server: ZooKeeper;
let roots = 0;
beforeAll(async () => {
  server = await startZooKeeper(1);
});
afterAll(() => server.stop());

for (const segmentEntries of [7, 1000]) {
  describeEventLog(
    `zookeeper, ${segmentEntries} entries to a segment`,
    async () => {
      roots += 1;
      const connect = `${server.connect}/chancery/test-${roots}`;
      const clients: EventLog[] = [];
      return {
        client: async () => {
          const { log } = await openZooKeeper({ connect, sessionTimeoutMs: 2000, timeoutMs, segmentEntries });
          clients.push(log);
          return log;
        },
        stop: async () => void (await Promise.all(clients.map((client) => client.close()))),
      };
    },
    { timeoutMs, runs: 15 },
  );
}
