import { renderCsv, renderJson, renderTable, type Tabular } from '../interfaces/sql/output.ts';
import type { ProblemAnswer } from './operatorClient.ts';
import type { SqlResult } from './sqlSession.ts';
import { harmless, hasColor, type Stream, type Terminal } from './terminal.ts';

export type SqlFormat = 'table' | 'json' | 'csv';

/** One result as text, with a newline behind it; empty for what has nothing to say in that format. */
export function renderResult(result: SqlResult, format: SqlFormat, stream: Stream, env: Terminal['env']): string {
  if (result.kind === 'done')
    return format === 'table' ? `${harmless(result.text)}\n` : format === 'json' ? `${JSON.stringify([{ result: result.text }])}\n` : '';
  const tabular = result as Tabular;
  if (format === 'json') return renderJson(tabular);
  if (format === 'csv') return renderCsv(tabular);
  // What a CALL did is a sentence or a few, which need no heading.
  if (result.position !== undefined && result.columns.length === 1)
    return result.rows.map(([cell]) => `${harmless(String(cell)).trimEnd()}\n`).join('');
  // SHOW CREATE TABLE answers a statement: to be read, and to be sent again.
  const [cell] = result.rows[0] ?? [];
  if (result.columns[0]?.name === 'result' && result.rows.length === 1 && typeof cell === 'string' && cell.includes('\n'))
    return `${harmless(cell)}\n`;
  const { columns } = stream;
  const table = renderTable(tabular, {
    colour: hasColor(stream, env),
    ...(stream.isTTY === true && columns !== undefined && columns > 0 ? { terminalWidth: columns } : {}),
  });
  const count = result.rows.length === 0 ? 'no rows\n' : '';
  return `${table}${count}`;
}

/** A refused statement as its author should see it: the caret under the fault, or code, field, detail and remedy. */
export function renderSqlRefusal({ body, code, detail, field, remedy }: ProblemAnswer, statementIndex: number): readonly string[] {
  const rendered = typeof body['rendered'] === 'string' ? body['rendered'] : undefined;
  if (code === 'SQL_SYNTAX' && rendered !== undefined) return harmless(rendered).split('\n');
  const which = statementIndex > 0 ? ` in statement ${statementIndex + 1}` : '';
  const words = field === '' && rendered !== undefined ? rendered : detail;
  return [
    `refused: ${code}${field === '' ? '' : ` at ${field}`}${which}`,
    ...harmless(words).split('\n'),
    ...(remedy === '' ? [] : [harmless(remedy)]),
  ];
}
