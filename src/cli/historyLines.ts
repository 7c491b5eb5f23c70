import type { HistoryEvent } from '../engine/history/port.ts';
import { grouped, renderTime } from './moments.ts';
import { harmless, type Stream, styled, type Terminal } from './terminal.ts';

/** Words longer than this do not push the last column of all the others to the right. */
const wordsWidth = 64;

/**
 * Events as lines: position, time, who, what, through what. Columns grow with what they hold and never shrink, so that a listing in
 * pieces stays in line.
 */
export class HistoryLines {
  readonly #stream: Stream;
  readonly #env: Terminal['env'];
  #widths = { position: 1, time: 8, principal: 8, words: 0 };

  constructor(stream: Stream, env: Terminal['env']) {
    this.#stream = stream;
    this.#env = env;
  }

  /** @param now epoch milliseconds: today's times go without the day. */
  render(events: readonly HistoryEvent[], now: number): readonly string[] {
    const rows = events.map((event) => ({
      position: grouped(event.position),
      time: renderTime(event.at, now),
      principal: harmless(event.act.principal),
      words: harmless(event.words),
      through: throughOf(event),
    }));
    const widest = (name: 'position' | 'time' | 'principal'): number =>
      rows.reduce((width, row) => Math.max(width, row[name].length), this.#widths[name]);
    const words = rows.reduce((width, row) => Math.max(width, Math.min(wordsWidth, row.words.length)), this.#widths.words);
    this.#widths = { position: widest('position'), time: widest('time'), principal: widest('principal'), words };
    return rows.map(({ position, principal, through, time, words: text }) => {
      const style = (name: 'dim' | 'cyan', part: string): string => styled(this.#stream, this.#env, name, part);
      const head = `${style('dim', position.padStart(this.#widths.position))}  ${style('dim', time.padEnd(this.#widths.time))}`;
      const what = through === '' ? text : `${text.padEnd(this.#widths.words)}  ${style('dim', through)}`;
      return `${head}  ${style('cyan', principal.padEnd(this.#widths.principal))}  ${what}`;
    });
  }
}

/** `"freeze for migration"  sql · n1`; empty for what a node did by itself. */
function throughOf({ act }: HistoryEvent): string {
  if (act.interface === 'chancery') return '';
  const reason = act.reason === undefined ? '' : `"${harmless(act.reason).replaceAll('\n', ' ')}"  `;
  return `${reason}${act.interface} · ${harmless(act.node)}`;
}
