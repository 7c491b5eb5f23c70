/** A process whose history process computes something without end: it says so, and stays until it is killed. */
import { createHistory } from '../../src/engine/history/historyClient.ts';
import { endlessQuery, longHistory, sourceOf, textsOf } from './histories.ts';

const texts = textsOf(longHistory(20));
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const head = () => ({ index: texts.length, position: 1 });
const history = createHistory({ readTexts: sourceOf(texts), head, logger: quiet, memoryMb: 128 });
await history.events({ limit: 1 });
history
  .select(endlessQuery, { asker: { principal: 'User:root', interface: 'sql' }, maxRows: 1, timeoutMs: 3_600_000, live: {} })
  .catch(() => {});
console.log('ready');
