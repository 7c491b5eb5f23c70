import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A command of the manual and the answer printed behind it. */
export interface Block {
  /** Line of the manual on which the command stands. */
  readonly line: number;
  readonly kind: 'curl' | 'sh';
  readonly command: string;
  /** Of a curl block: status line, headers that must be there, an empty line, body. Of a sh block: what it prints, if anything. */
  readonly expected: string | undefined;
  readonly expectedLine: number;
}

/** What a command printed and how it ended. */
export interface Printed {
  readonly text: string;
  readonly exit: number;
}

/**
 * The commands of a manual in order: each ```curl fence with the ```http fence behind it, each ```sh fence with the ```text fence that
 * follows at once, if one does.
 *
 * @throws Error naming the line when a curl fence has no answer, or an answer no command
 */
export function blocksOf(manual: string): readonly Block[] {
  const fences = [...manual.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    kind: match[1] ?? '',
    text: (match[2] ?? '').slice(0, -1),
    line: manual.slice(0, match.index).split('\n').length + 1,
    start: match.index,
    end: match.index + match[0].length,
  }));
  const answers = new Set<number>();
  const blocks = fences.flatMap((fence, i): readonly Block[] => {
    if (fence.kind !== 'curl' && fence.kind !== 'sh') return [];
    const next = fences[i + 1];
    const isDirect = next !== undefined && manual.slice(fence.end, next.start).trim() === '';
    const answer = isDirect && next.kind === (fence.kind === 'curl' ? 'http' : 'text') ? next : undefined;
    if (answer === undefined && fence.kind === 'curl') throw new Error(`line ${fence.line}: a command without its answer`);
    if (answer !== undefined) answers.add(answer.line);
    return [{ line: fence.line, kind: fence.kind, command: fence.text, expected: answer?.text, expectedLine: answer?.line ?? fence.line }];
  });
  const stray = fences.find(({ kind, line }) => kind === 'http' && !answers.has(line));
  if (stray !== undefined) throw new Error(`line ${stray.line}: an answer without its command`);
  return blocks;
}

/**
 * Runs commands one after the other in one shell, as a reader with one terminal does.
 *
 * @param replaced what stands in the manual, by what is meant here: addresses, the token
 * @param env of the shell; curl prints the answer's head too, as its `-i` does
 */
export async function runBlocks(
  blocks: readonly Block[],
  folder: string,
  replaced: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Promise<readonly Printed[]> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '.curlrc'), 'include\nsilent\nshow-error\nmax-time = 20\n');
  const script = blocks.map(({ command }) => `${command}\nprintf '${mark}%s${mark}' $?`).join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-c', replacedIn(script, replaced)], {
    cwd: folder,
    env: { ...env, CURL_HOME: folder },
    maxBuffer: 64 << 20,
    timeout: 170_000,
  });
  const parts = stdout.split(mark.replace('\\036', '\u001e'));
  return blocks.map((_, i) => ({ text: parts[2 * i] ?? '', exit: Number(parts[2 * i + 1] ?? Number.NaN) }));
}
/** As printf writes it: a control character that no answer holds. */
const mark = String.raw`\036`;

export const replacedIn = (text: string, replaced: Readonly<Record<string, string>>): string =>
  Object.entries(replaced).reduce((all, [from, to]) => all.replaceAll(from, to), text);

/** An answer as the manual prints it: status line, the headers asked for in that order, body without its last newlines. */
export function shown(block: Block, printed: Printed): string {
  if (block.kind === 'sh') return withoutEnd(printed.text);
  const [head = '', ...body] = printed.text.split('\r\n\r\n');
  const lines = head.split('\r\n');
  const names = new Set(headOf(block.expected ?? '').map((line) => line.split(':')[0]?.toLowerCase()));
  const headers = lines.slice(1).filter((line) => names.has(line.split(':')[0]?.toLowerCase()));
  return withoutEnd([lines[0], ...headers, '', body.join('\r\n\r\n')].join('\n'));
}

/** The header lines that the manual prints. */
function headOf(expected: string): readonly string[] {
  const lines = expected.split('\n');
  const end = lines.indexOf('');
  return lines.slice(1, end < 0 ? lines.length : end);
}

const withoutEnd = (text: string): string => text.replace(/\n+$/, '');

/** What may stand for each placeholder. Others are refused, lest a slip of the pen accept everything. */
const placeholders: Readonly<Record<string, string>> = {
  '<seconds>': String.raw`\d{10}`,
  '<milliseconds>': String.raw`\d{13}`,
  '<position>': String.raw` *\d+`, // A column of them is aligned on the right.
  '<number>': String.raw`\d+`,
  '<random id>': '[0-9A-Za-z_-]{8,64}',
  '<cipher text>': '[0-9A-Za-z+/=:._-]{20,}',
  '<hh:mm:ss>': String.raw`\d\d:\d\d:\d\d`,
};

/**
 * A pattern that matches exactly the text but for its placeholders. `<id of X>` stands for the same digits wherever it stands.
 *
 * @param ids those that are known; the others are named groups of the pattern
 */
function patternOf(expected: string, ids: ReadonlyMap<string, string>): { readonly pattern: RegExp; readonly groups: readonly string[] } {
  const groups: string[] = [];
  const parts = expected.split(/(<[a-z][^<>\n]*>)/).map((part) => {
    const known = placeholders[part] ?? ids.get(part);
    if (known !== undefined) return known;
    if (!/^<id of [^<>]+>$/.test(part)) return part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    const seen = groups.indexOf(part);
    if (seen >= 0) return `\\${seen + 1}`;
    groups.push(part);
    return String.raw`(\d+)`;
  });
  return { pattern: new RegExp(`^${parts.join('')}$`), groups };
}

/** @param ids of the answers before; those that this answer is the first to give are added */
export function matches(text: string, expected: string, ids: Map<string, string>): boolean {
  const { groups, pattern } = patternOf(expected, ids);
  const match = pattern.exec(text);
  for (const [i, name] of groups.entries()) if (match?.[i + 1] !== undefined) ids.set(name, match[i + 1] ?? '');
  return match !== null;
}
