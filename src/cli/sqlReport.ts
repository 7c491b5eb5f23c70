import { CommandFailure, exitStatus, refusal } from './exit.ts';
import { grouped } from './moments.ts';
import { renderResult, renderSqlRefusal, type SqlFormat } from './sqlOutput.ts';
import type { SqlOutcome, SqlResult, SqlSession } from './sqlSession.ts';
import { lookAt } from './status.ts';
import { harmless, styled, type Terminal, write } from './terminal.ts';

/** Prints what a script was answered with. @returns the failure that a command ends with and a prompt shows */
export async function report(
  outcome: SqlOutcome,
  session: SqlSession,
  format: SqlFormat,
  terminal: Terminal,
): Promise<CommandFailure | undefined> {
  const results = outcome.kind === 'answered' ? outcome.answer.results : outcome.results;
  for (const [i, result] of results.entries()) {
    // Where one table ends and the next begins could not be told otherwise.
    const gap = format !== 'json' && isTable(results[i - 1]) && isTable(result) ? '\n' : '';
    await write(terminal.out, gap + renderResult(result, format, terminal.out, terminal.env));
    if (result.kind === 'rows' && result.note !== undefined)
      await write(format === 'table' ? terminal.out : terminal.err, `${harmless(result.note)}\n`);
    if (result.kind === 'rows' && result.truncated === true)
      terminal.err.write(`only the first ${grouped(result.rows.length)} rows: narrow the query, or raise sql.result.max-rows with SET\n`);
  }
  const position = writtenAt(results);
  if (position !== undefined) {
    const line = styled(terminal.out, terminal.env, 'dim', `position ${grouped(position)} · ${await inForceAt(position, session)}`);
    await write(format === 'table' ? terminal.out : terminal.err, `${line}\n`);
  }
  if (outcome.kind === 'refused') {
    const [first = '', ...more] = renderSqlRefusal(outcome.problem, outcome.statementIndex);
    return refusal(first, ...more);
  }
  if (outcome.kind === 'unknown')
    return new CommandFailure(
      exitStatus.unknown,
      `outcome unknown: ${outcome.detail}`,
      'It may have been done or not. Send the same again with the same key, then it is done at most once and the answer tells:',
      `chancery sql --idempotency-key ${outcome.key} ...`,
    );
  return undefined;
}

/** Rows under a heading, unlike the sentences of a CALL that changed something. */
const isTable = (result: SqlResult | undefined): boolean => result?.kind === 'rows' && result.position === undefined;

/** The newest position that something was written at. */
const writtenAt = (results: readonly SqlResult[]): number | undefined =>
  results.flatMap((result) => (result.kind === 'rows' && result.position !== undefined ? [result.position] : [])).at(-1);

/** How many nodes have folded a position, asked one by one. */
async function inForceAt(position: number, session: SqlSession): Promise<string> {
  try {
    const { nodes } = await lookAt(session.client, position);
    return `in force on ${nodes.filter((node) => node.position >= position).length} of ${nodes.length} nodes`;
  } catch {
    return 'in the log'; // It was acknowledged; how far the nodes are could not be asked.
  }
}
