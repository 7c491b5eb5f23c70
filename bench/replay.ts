import { decodeEntry, type Entry } from '../events/envelope.ts';
import { bulkFold, foldEntry } from '../projections/state.ts';
import { type Figure, grouped, inTurn, median, timed } from './figures.ts';
import { syntheticLog } from './syntheticLog.ts';

/** Replay of a log from memory (decode, verify hashes and schemas, fold) against JSON.parse of the same bytes. */
export function replayFigure(events: number): Figure {
  const texts = syntheticLog(events, 1_000);
  const parse = () => {
    for (const text of texts) JSON.parse(text);
  };
  const replay = () => {
    const fold = bulkFold();
    for (let i = 0; i < texts.length; i += 256) fold.add(texts.slice(i, i + 256).map(decodeEntry));
    fold.finish();
  };
  const { a, b } = inTurn(3, parse, replay);
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  return {
    what: `replay of ${grouped(events)} config events against JSON.parse of the same ${grouped(bytes / 1e6)} MB`,
    ratio: `${(b / a).toFixed(2)}x`,
    floor: '<= 2x',
    isMet: b / a <= 2,
    behind: `${grouped(b)} ms, ${grouped(events / (b / 1000))} events/s; JSON.parse ${grouped(a)} ms`,
  };
}

/** Live fold rate (one draft per entry of 100 events) with 100,000 keys in the table against 1,000. */
export function foldRateFigure(): Figure {
  const measured = 20_000;
  const rateAt = (keys: number): number => {
    const texts = syntheticLog(100_000 + measured, keys);
    const entries = texts.map(decodeEntry);
    const warm = bulkFold();
    warm.add(entries.slice(0, 1_000));
    const start = warm.finish();
    const run = (from: readonly Entry[]) => {
      let state = start;
      for (const entry of from) state = foldEntry(state, entry);
    };
    const live = entries.slice(1_000);
    run(live);
    return measured / (median([0, 1, 2].map(() => timed(() => run(live)))) / 1000);
  };
  const small = rateAt(1_000);
  const large = rateAt(100_000);
  return {
    what: 'live fold rate at 100 000 keys against 1 000 keys',
    ratio: `${(large / small).toFixed(2)}x`,
    floor: '>= 0.5x',
    isMet: large / small >= 0.5,
    behind: `${grouped(large)} against ${grouped(small)} events/s, 100 to an entry`,
  };
}
