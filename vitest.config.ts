import { defineConfig } from 'vitest/config';

const minutes = 60_000;
/** Tests that need a real ZooKeeper, or start the program again and again, which takes minutes: `npm run check:cluster`. */
const cluster = [
  'test/zookeeper/**/*.test.ts',
  'test/cluster/**/*.test.ts',
  'test/contract/zookeeper*.test.ts',
  'test/cli/{authentication,commands,prompt,refusals}.test.ts',
  'test/history/{process,select}.test.ts',
  'test/sql/{select,child}.test.ts',
  'test/file/crash.test.ts',
  'test/conformance/follower.test.ts',
  'test/metaservice/page.test.ts',
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
          exclude: [...cluster, ...compose],
          setupFiles: [seed],
          testTimeout: minutes,
          hookTimeout: minutes,
          maxWorkers: 2,
          isolate: false, // Modules hold no state, so files may share them; loading them for each was a third of the work.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: cluster,
          setupFiles: [seed],
          testTimeout: 3 * minutes,
          hookTimeout: 2 * minutes,
          maxWorkers: 1, // Each file starts processes of its own; two at once would measure each other.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'compose',
          include: compose,
          testTimeout: 5 * minutes,
          hookTimeout: 15 * minutes,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
