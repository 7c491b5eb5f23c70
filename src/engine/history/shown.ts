import type { ChanceryEvent } from '../../../events/index.ts';

export type DataOf<T extends ChanceryEvent['type']> = Extract<ChanceryEvent, { readonly type: T }>['data'];
/** How the events of some types are told. */
export type Words<T extends ChanceryEvent['type'] = ChanceryEvent['type']> = { readonly [K in T]: (data: DataOf<K>) => string };

/** Bounds of one line: a text that is longer ends in an ellipsis, further keys of one act are counted. */
export const wordsLimits = { text: 80, changes: 3, names: 5 } as const;

/** The first few of many names, and how many more there are. */
export function namesInWords(names: readonly string[]): string {
  if (names.length === 0) return 'nobody';
  const told = names.slice(0, wordsLimits.names).map(shown);
  return names.length > told.length ? `${told.join(', ')} and ${names.length - told.length} more` : told.join(', ');
}

/** A text from outside, made fit for one line: cut, and without characters that steer a terminal or hide what is there. */
export function shown(text: string): string {
  const characters = Array.from(text);
  const cut = characters.length > wordsLimits.text ? `${characters.slice(0, wordsLimits.text - 1).join('')}…` : text;
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
/** `90 s`: in the largest unit that makes it a whole number. */
export function durationInWords(ms: number): string {
  const [unit, size] = units.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}
