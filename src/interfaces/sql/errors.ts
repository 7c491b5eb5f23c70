/** Where something stands in a source text, for people: both numbers count from 1, columns in characters. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** @param offset UTF-16 units from the start; beyond the end counts as the end. */
export function placeOf(source: string, offset: number): Place {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(lineStart)].length + 1 };
}

/** The text is not a statement of this SQL. `message` is the sentence for the reader, without position; `pointAt` adds the caret. */
export class SqlSyntaxError extends Error {
  /** Which statement of the script, from 1. */
  readonly statement: number;
  /** UTF-16 units from the start of the script. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  /** What could have stood there: keywords in upper case, punctuation in quotes, otherwise words such as `a name`. May be empty. */
  readonly expected: readonly string[];

  constructor(source: string, offset: number, message: string, details: { statement?: number; expected?: readonly string[] } = {}) {
    super(message);
    this.name = 'SqlSyntaxError';
    this.offset = offset;
    this.statement = details.statement ?? 1;
    this.expected = details.expected ?? [];
    const place = placeOf(source, offset);
    this.line = place.line;
    this.column = place.column;
  }
}

/** Why a statement that reads well was not carried out. Each has one remedy, in `remedies`. */
export const remedies = {
  NOT_A_QUERY: 'Send one SELECT at a time; change things with CALL, see SHOW PROCEDURES.',
  UNKNOWN_TABLE: 'SHOW TABLES lists what can be queried.',
  FUNCTION_REFUSED: 'Leave it out: queries see the sys tables and nothing else of this machine.',
  FORM_REFUSED: 'Write it as a plain SELECT over the sys tables.',
  PARAMETER_REFUSED: 'Write the value into the statement.',
  BAD_MOMENT: "Write AT (VERSION => 1234) or AT (TIMESTAMP => TIMESTAMP '2026-11-20 14:00:00').",
  TOO_MANY_TABLES: 'Ask in several queries.',
  TOO_LARGE: 'Narrow the query with WHERE or LIMIT, or page through the operator API or `chancery history`.',
  OUT_OF_MEMORY: 'Narrow the query with WHERE, aggregate earlier, or ask again when other queries are done: they share the memory.',
  TIMED_OUT: 'Narrow the query with WHERE or LIMIT, or ask for a longer time limit.',
  UNKNOWN_TIME_ZONE: 'Use a name such as Europe/Berlin or UTC.',
  QUERY_FAILED: 'Correct the value or the expression that the message names.',
} as const;
export type SqlRefusalCode = keyof typeof remedies;

/** A statement that was understood and not carried out. Nothing was changed. */
export class SqlRefused extends Error {
  readonly code: SqlRefusalCode;
  readonly remedy: string;
  /** UTF-16 units from the start of the source the thrower was given, where that is known. */
  readonly offset: number | undefined;

  constructor(code: SqlRefusalCode, message: string, offset?: number) {
    super(message);
    this.name = 'SqlRefused';
    this.code = code;
    this.remedy = remedies[code];
    this.offset = offset;
  }
}

const lineColumnsMax = 100; // Longer lines are shown around the caret only.
const caretColumnMax = 60;

/** Columns a character takes on a terminal: East Asian wide forms and emoji two, marks and joiners none. */
export function characterWidth(character: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) return 0;
  const code = character.codePointAt(0) ?? 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) || // Hangul Jamo
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) || // CJK, Kana, Yi
    (code >= 0xac00 && code <= 0xd7a3) || // Hangul
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) || // Pictographs
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

export const textWidth = (text: string): number => [...text].reduce((sum, character) => sum + characterWidth(character), 0);

/** Words beside which a password may stand, as in the names of the settings that hold some. */
const namesSecrets = /credential|passw|secret|sasl/i;

/**
 * The source line with a caret under the fault and the message beside it, or below where it would run far to the right:
 *
 *     SELEKT * FROM sys.acls
 *     ^ expected CALL, SHOW, …
 *
 * Tabs are kept, so that the caret stands right whatever their width; a long line is cut on both sides with an ellipsis. A text that may
 * hold a password is not repeated: errors are passed on and kept where the text is not. Then line and column say where it is.
 * @param error `offset` in UTF-16 units into `source`; without one only the message is given.
 */
export function pointAt(source: string, error: { readonly message: string; readonly offset?: number | undefined }): string {
  if (error.offset === undefined) return error.message;
  const offset = Math.min(error.offset, source.length);
  if (namesSecrets.test(source)) {
    const { column, line } = placeOf(source, offset);
    return `line ${line}, column ${column}: ${error.message}`;
  }
  const lineStart = source.lastIndexOf('\n', offset - 1) + 1;
  const lineEnd = source.indexOf('\n', offset);
  const line = source.slice(lineStart, lineEnd === -1 ? source.length : lineEnd).replace(/\r$/, '');
  const sentence = source.trim().includes('\n') ? `line ${placeOf(source, offset).line}: ${error.message}` : error.message;
  const shown = aroundCaret([...line], [...line.slice(0, offset - lineStart)].length);
  const padding = shown.before.map((character) => (character === '\t' ? '\t' : ' '.repeat(characterWidth(character)))).join('');
  const text = [...shown.before, ...shown.after].join('');
  const [first = '', ...more] = sentence.split('\n');
  const beside = textWidth(padding) + 2 + textWidth(first) <= Math.max(lineColumnsMax, caretColumnMax);
  const message = more.length === 0 && beside ? `^ ${first}` : `^\n${[first, ...more].join('\n')}`;
  return `${text}\n${padding}${message}`;
}

/** Cuts a long line to about `lineColumnsMax` columns around the character at `caret`. */
function aroundCaret(line: readonly string[], caret: number): { before: readonly string[]; after: readonly string[] } {
  const before = line.slice(0, caret);
  const after = line.slice(caret);
  if (textWidth(line.join('')) <= lineColumnsMax) return { before, after };
  const kept: string[] = [];
  let columns = 0;
  for (const character of before.toReversed()) {
    columns += characterWidth(character);
    if (columns > caretColumnMax) break;
    kept.unshift(character);
  }
  if (kept.length < before.length) kept.unshift('…');
  const behind: string[] = [];
  let used = textWidth(kept.join(''));
  for (const character of after) {
    used += characterWidth(character);
    if (used >= lineColumnsMax) break;
    behind.push(character);
  }
  if (behind.length < after.length) behind.push('…');
  return { before: kept, after: behind };
}
