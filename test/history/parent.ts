/** A process with a history in it, which prints the pid of its history process and stays until it is killed. */
import { createHistory } from '../../src/engine/history/historyClient.ts';
import { longHistory, sourceOf, textsOf } from './histories.ts';

const texts = textsOf(longHistory(20));
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const history = createHistory({
  readTexts: sourceOf(texts),
  head: () => ({ index: texts.length, position: 1 }),
  logger: quiet,
  memoryMb: 128,
  program: new URL('./unruly.ts', import.meta.url),
});
const { rows } = await history.select('pid', { maxRows: 1, timeoutMs: 10_000, live: {} });
console.log(rows[0]?.[0]);
