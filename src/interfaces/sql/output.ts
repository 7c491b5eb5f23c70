import Table from 'cli-table3';
import type { Cell } from './cells.ts';
import { characterWidth, textWidth } from './errors.ts';

/** What a statement answers, whichever it was. Types as `SelectResult` names them; they decide the alignment only. */
export interface Tabular {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface TableOptions {
  /** Columns of the terminal; cells other than numbers are cut with an ellipsis to fit. Without it nothing is cut, for files and pipes. */
  readonly terminalWidth?: number;
  /** Header bold, NULL dim. */
  readonly colour?: boolean;
}

const gap = '  ';
const columnWidthMin = 8; // Narrower columns say nothing, even if the line then overflows.
const numeric = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/**
 * An aligned table: header, one line per row, numbers to the right. Ends with a newline; nothing for a result without columns.
 * NULL is written NULL, and a text that reads NULL in quotes. Control characters are shown as escapes, so that a value can neither
 * break the lines nor speak to the terminal.
 */
export function renderTable(result: Tabular, options: TableOptions = {}): string {
  if (result.columns.length === 0) return '';
  const header = result.columns.map(({ name }) => visible(name));
  const body = result.rows.map((row) => row.map(tableText));
  const widths = header.map((name, i) => body.reduce((widest, row) => Math.max(widest, textWidth(row[i] ?? '')), textWidth(name)));
  const isNumber = result.columns.map(({ type }) => numeric.test(type));
  const fitting = options.terminalWidth === undefined ? widths : fittedWidths(widths, isNumber, options.terminalWidth);
  const cut = (row: readonly string[]): string[] => row.map((cell, i) => shortened(cell, fitting[i] ?? columnWidthMin));
  const bold = (text: string): string => (options.colour === true ? `\u001b[1m${text}\u001b[22m` : text);
  const dimNull = (text: string): string => (options.colour === true && text === 'NULL' ? `\u001b[2m${text}\u001b[22m` : text);
  const table = new Table({
    head: cut(header).map(bold),
    colAligns: isNumber.map((right) => (right ? 'right' : 'left')),
    chars: { ...noBorders, middle: gap },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...body.map((row) => cut(row).map(dimNull)));
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const noBorders = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .map((key) => [key, '']),
);

function tableText(cell: Cell): string {
  if (cell === null) return 'NULL';
  const text = visible(plainText(cell));
  return text === 'NULL' ? "'NULL'" : text;
}

/** The same characters wherever a cell becomes text: nested values as JSON. */
const plainText = (cell: Exclude<Cell, null>): string => (typeof cell === 'object' ? JSON.stringify(cell) : String(cell));

const visible = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return known[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });

/** The widest columns give way, all to the same width, until the line fits. Numbers stay whole: a cut one is another number. */
function fittedWidths(widths: readonly number[], isNumber: readonly boolean[], terminalWidth: number): readonly number[] {
  const available = terminalWidth - gap.length * (widths.length - 1);
  const at = (limit: number): readonly number[] => widths.map((width, i) => (isNumber[i] === true ? width : Math.min(width, limit)));
  const total = (limit: number): number => at(limit).reduce((sum, width) => sum + width, 0);
  let limit = Math.max(columnWidthMin, ...widths.filter((_, i) => isNumber[i] !== true));
  while (limit > columnWidthMin && total(limit) > available) limit--;
  return at(limit);
}

function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let used = 1; // The ellipsis.
  let kept = '';
  for (const character of text) {
    used += characterWidth(character);
    if (used > width) break;
    kept += character;
  }
  return `${kept}…`;
}

/**
 * An array of objects, one per line, in the order of the columns. Names that occur twice get a number: `n`, `n_2`. Every value is whole;
 * numbers that JavaScript could not read back exactly are text already.
 */
export function renderJson(result: Tabular): string {
  const names = uniqueNames(result.columns.map(({ name }) => name));
  const lines = result.rows.map(
    (row) => `{${names.map((name, i) => `${JSON.stringify(name)}: ${JSON.stringify(row[i] ?? null)}`).join(', ')}}`,
  );
  return lines.length === 0 ? '[]\n' : `[\n  ${lines.join(',\n  ')}\n]\n`;
}

function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let i = 2; seen.has(unique); i++) unique = taken.has(`${name}_${i}`) ? unique : `${name}_${i}`;
    seen.add(unique);
    return unique;
  });
}

/** RFC 4180: CRLF behind every line, the header among them. NULL is an empty field, an empty text a quoted one. */
export function renderCsv(result: Tabular): string {
  const field = (text: string): string => (/^$|[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [
    result.columns.map(({ name }) => field(name)),
    ...result.rows.map((row) => row.map((cell) => (cell === null ? '' : field(plainText(cell))))),
  ];
  return result.columns.length === 0 ? '' : lines.map((line) => `${line.join(',')}\r\n`).join('');
}
