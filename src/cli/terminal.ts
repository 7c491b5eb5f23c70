import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];
export interface Stream {
  write(text: string): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  once(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Where a command writes: answers to `out`, everything about them to `err`. */
export interface Terminal {
  readonly out: Stream;
  readonly err: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours are for terminals only, and not for those whose user said NO_COLOR. */
export const hasColor = (stream: Stream, env: Terminal['env']): boolean =>
  stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

/** Text in a style on a terminal that has colours, else as it is. */
export const styled = (stream: Stream, env: Terminal['env'], style: Style, text: string): string =>
  hasColor(stream, env) ? styleText(style, text, { validateStream: false }) : text;

/** Controls, among them those by which the text behind them is shown from right to left. */
const controls = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text from elsewhere, made harmless: a stored value must not move the cursor, recolour the terminal, or be shown in another order than it
 * has. Lines and tabs stay.
 */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text).replace(controls, (character) =>
    character === '\n' || character === '\t' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Writes and waits until the reader has taken it, so that a slow pipe bounds what is held in memory. */
export async function write(stream: Stream, text: string): Promise<void> {
  if (stream.write(text)) return;
  await new Promise<void>((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}

const silenceMs = 1000;

/** Says what is waited for once a wait has lasted a second, and how long it has been, on a terminal in one line that goes away again. */
export async function waiting<T>({ err, env }: Terminal, what: string, work: Promise<T>): Promise<T> {
  const began = performance.now();
  let wasSaid = false;
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1000);
    if (err.isTTY === true) err.write(`\r${styled(err, env, 'dim', `  ${what} … ${seconds} s`)}\u001b[K`);
    else if (!wasSaid) err.write(`${what} ...\n`);
    wasSaid = true;
  }, silenceMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (wasSaid && err.isTTY === true) err.write('\r\u001b[K');
  }
}

/** A listing: `aligned` rows below their headings. */
export async function writeTable(
  { env, out }: Pick<Terminal, 'env' | 'out'>,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): Promise<void> {
  const [first = '', ...lines] = aligned([headings, ...rows], right);
  await write(out, `${[styled(out, env, 'dim', first), ...lines].join('\n')}\n`);
}

/** Columns padded to the widest cell, two blanks between them; `right` names the columns with numbers. The last one is not padded. */
export function aligned(rows: readonly (readonly string[])[], right: readonly number[] = []): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
