import { defineConfig } from 'vitest/config';

const minutes = 60_000;
/** Tests that start the program again and again, and wait for what it says as long as that takes: `npm run check:cluster`. */
const processes = [
  'test/cli/{authentication,commands,prompt,refusals}.test.ts',
  'test/cluster/{accessMatrix,admission,badInput,hostileCallers,hostileTls,markers,pastStates,refusedLogs,secrets}.test.ts',
  'test/conformance/follower.test.ts',
  'test/contract/zookeeper.test.ts',
  'test/file/crash.test.ts',
  'test/metaservice/page.test.ts',
  'test/sql/select.test.ts',
  'test/zookeeper/lateOriginals.test.ts',
];
/** Tests that need a real ZooKeeper, or measure what processes do in a time: the rest of `npm run check:cluster`. */
const cluster = [
  'test/zookeeper/**/*.test.ts',
  'test/cluster/**/*.test.ts',
  'test/contract/zookeeper*.test.ts',
  'test/history/{process,select}.test.ts',
  'test/sql/{select,child}.test.ts',
  'test/conformance/follower.test.ts',
  'test/tablet-server/process.test.ts',
  'test/tiering-service/process.test.ts',
];
/** Tests that need a Docker engine: `npm run test:compose`. */
const compose = ['test/compose/**/*.test.ts'];

const seed = 'test/support/seed.ts';

export default defineConfig({
  test: {
    projects: [
      // Projects of one group run side by side, groups one after the other.
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...processes, ...cluster, ...compose],
          setupFiles: [seed],
          testTimeout: minutes,
          hookTimeout: minutes,
          maxWorkers: 3, // One more than the processors of a small machine: some always wait for a timer or a disk.
          isolate: false, // Modules hold no state, so files may share them; loading them for each was a third of the work.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'processes',
          include: processes,
          setupFiles: [seed],
          testTimeout: 3 * minutes,
          hookTimeout: 2 * minutes,
          maxWorkers: 2, // Most of their time a process starts, on one processor.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: cluster,
          exclude: processes,
          setupFiles: [seed],
          testTimeout: 3 * minutes,
          hookTimeout: 2 * minutes,
          maxWorkers: 1, // Each file starts processes of its own; two at once would measure each other.
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'compose',
          include: compose,
          testTimeout: 5 * minutes,
          hookTimeout: 15 * minutes,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
