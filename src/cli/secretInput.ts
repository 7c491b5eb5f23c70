import { refusal, wrongUsage } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** Characters of what is typed or piped as a secret. */
const longest = 4096;

/**
 * Asks for a secret on the terminal, and shows nothing of it while it is typed.
 * @throws CommandFailure where there is no terminal, or on Ctrl-C
 */
export async function askSecret(question: string, { err }: Pick<Terminal, 'err'>): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) throw wrongUsage('there is no terminal to ask for a password on', 'Set CHANCERY_PASSWORD.');
  stdin.setRawMode(true); // First: what is typed at once must not be shown either.
  stdin.setEncoding('utf8');
  err.write(question);
  let line: TypedLine = { text: '', end: undefined, rest: '' };
  for await (const chunk of typedBy(stdin)) {
    line = typed(line.text, chunk);
    if (line.end !== undefined) break;
  }
  stdin.setRawMode(false);
  err.write('\n');
  if (line.rest !== '') stdin.unshift(line.rest);
  if (line.end !== 'entered') throw refusal('no password was given');
  return line.text;
}

/** What is typed, until the reader has enough; the stream stays good for who reads next. */
async function* typedBy(stdin: NodeJS.ReadStream): AsyncGenerator<string> {
  for await (const chunk of stdin.iterator({ destroyOnReturn: false })) yield String(chunk);
}

interface TypedLine {
  readonly text: string;
  /** How it ended; undefined while it goes on. */
  readonly end: 'entered' | 'given up' | undefined;
  /** What was typed behind its end. */
  readonly rest: string;
}

/** A line with more keys typed: Enter ends it, Ctrl-C and Ctrl-D give it up, Backspace takes one character back. */
export function typed(before: string, keys: string): TypedLine {
  let text = before;
  let length = 0;
  for (const key of keys) {
    length += key.length;
    const rest = keys.slice(length);
    if (key === '\r' || key === '\n') return { text, end: 'entered', rest };
    if (key === '\u0003' || key === '\u0004') return { text, end: 'given up', rest };
    if (key === '\u007f' || key === '\b') text = Array.from(text).slice(0, -1).join('');
    else if (!/\p{Cc}/u.test(key) && text.length < longest) text += key;
  }
  return { text, end: undefined, rest: '' };
}

/** A secret from standard input that is no terminal: all of it, without one end of line. @throws CommandFailure when it is too long */
export async function pipedSecret(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > longest) throw wrongUsage(`standard input is longer than ${longest} bytes`, 'Give the password alone.');
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
