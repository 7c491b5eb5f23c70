import { readFile } from 'node:fs/promises';
import { wrongUsage } from './exit.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import type { SqlFormat } from './sqlOutput.ts';
import { report } from './sqlReport.ts';
import { SqlSession } from './sqlSession.ts';
import { type Terminal, waiting } from './terminal.ts';

export interface SqlOptions extends OperatorOptions {
  readonly file?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly database?: string;
  readonly reason?: string;
  readonly idempotencyKey?: string;
}

/** `chancery sql`: the statement given, a file, standard input, or a prompt. @throws CommandFailure for a refused statement */
export async function sql(statement: string | undefined, options: SqlOptions, terminal: Terminal): Promise<void> {
  if (statement !== undefined && options.file !== undefined)
    throw wrongUsage('a statement and --file cannot both be given', 'Leave one of them out.');
  const session = new SqlSession(new OperatorClient(options, terminal), options);
  const format: SqlFormat = options.json === true ? 'json' : options.csv === true ? 'csv' : 'table';
  if (statement === undefined && options.file === undefined && process.stdin.isTTY) {
    if (options.idempotencyKey !== undefined)
      throw wrongUsage('--idempotency-key is for one script, not for a prompt', 'Give the statement too.');
    const { prompt } = await import('./sqlPrompt.ts');
    return await prompt(session, format, terminal);
  }
  const script = statement ?? (await readScript(options.file, terminal));
  if (script.trim() === '') throw wrongUsage('there is no statement', 'Give one, such as: chancery sql "SHOW PROCEDURES"');
  const outcome = await session.run(script, options.idempotencyKey);
  const failure = await report(outcome, session, format, terminal);
  if (failure !== undefined) throw failure;
}

const maxScriptBytes = 1024 * 1024;

async function readScript(file: string | undefined, terminal: Terminal): Promise<string> {
  const name = file === undefined || file === '-' ? 'standard input' : file;
  const bytes = name === file ? await readWhole(file) : await waiting(terminal, 'reading standard input', readStdin());
  if (bytes.length > maxScriptBytes) throw wrongUsage(`${name} is over 1 MB`, 'Send the script in parts.');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw wrongUsage(`${name} is not UTF-8`, 'Save it as UTF-8.');
  }
}

async function readWhole(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw wrongUsage(`${file} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
}

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxScriptBytes) break;
  }
  return Buffer.concat(chunks);
}
