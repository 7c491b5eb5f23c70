import type { ChanceryEvent } from '../../../events/index.ts';

export type DataOf<T extends ChanceryEvent['type']> = Extract<ChanceryEvent, { readonly type: T }>['data'];
/** How the events of some types are told. */
export type Words<T extends ChanceryEvent['type'] = ChanceryEvent['type']> = { readonly [K in T]: (data: DataOf<K>) => string };

/** Bounds of one line: a text that is longer ends in an ellipsis, further keys of one act are counted. */
export const wordsLimits = { text: 80, error: 200, changes: 3, names: 5 } as const;

/** The first few of many names, and how many more there are. */
export function namesInWords(names: readonly string[]): string {
  if (names.length === 0) return 'nobody';
  const told = names.slice(0, wordsLimits.names).map(shown);
  return names.length > told.length ? `${told.join(', ')} and ${names.length - told.length} more` : told.join(', ');
}

/** A text from outside, made fit for one line: cut, and without characters that steer a terminal or hide what is there. */
export const shown = (text: string): string => cutTo(text, wordsLimits.text);

function cutTo(text: string, most: number): string {
  const characters = Array.from(text);
  const cut = characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`,
  );
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;
/** As much of an error as tells what to do: its first line that says anything, and how many follow it, which are a stack as a rule. */
export function errorInWords(error: string): string {
  const lines = error.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  const first = cutTo((lines[0] ?? '').trim(), wordsLimits.error);
  return lines.length > 1 ? `${first} (and ${lines.length - 1} more ${lines.length === 2 ? 'line' : 'lines'})` : first;
}

/** `90 s`: in the largest unit that makes it a whole number. */
export function durationInWords(ms: number): string {
  const [unit, size] = units.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}

/** How long something took, as exactly as anybody wants to know: `250 ms`, `12.3 s`, `2 min 5 s`, `3 h 12 min`. */
export function tookInWords(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace('.0', '')} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return both(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  return minutes < 1440
    ? both(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
    : both(Math.floor(minutes / 1440), 'd', Math.round((minutes % 1440) / 60), 'h');
}
const both = (large: number, unit: string, small: number, smaller: string): string =>
  `${large} ${unit}${small === 0 ? '' : ` ${small} ${smaller}`}`;
