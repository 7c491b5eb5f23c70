import { appendFile, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { isComplete } from '../interfaces/sql/grammar.ts';
import type { CommandFailure } from './exit.ts';
import { NotReachable, Refused, refusedBy, unreachable } from './operatorClient.ts';
import type { SqlFormat } from './sqlOutput.ts';
import { report } from './sqlReport.ts';
import type { SqlOutcome, SqlSession } from './sqlSession.ts';
import { styled, type Terminal } from './terminal.ts';

const keywords = [
  ...['CALL', 'SHOW', 'PROCEDURES', 'DATABASES', 'CATALOGS', 'TABLES', 'USE', 'DESCRIBE', 'EXPLAIN', 'SET', 'RESET'],
  ...['SELECT', 'FROM', 'AT', 'VERSION', 'TIMESTAMP', 'WHERE', 'LIKE', 'AND', 'OR', 'NOT', 'NULL', 'GROUP', 'BY', 'ORDER', 'LIMIT'],
];
const historyLines = 1000;
const helpText = `Statements end with a semicolon and may take several lines.
  SHOW PROCEDURES;                          what can be called
  DESCRIBE sys.set_cluster_configs;         the arguments of a procedure, the columns of a table
  CALL sys.set_cluster_configs('datalake.format', 'paimon');
  SELECT * FROM sys.events ORDER BY position DESC LIMIT 10;
Tab completes, Ctrl-C clears what was typed, exit or Ctrl-D ends.
`;

/** What people type at the prompts of other databases counts here too. */
const leaving: ReadonlySet<string> = new Set(['exit', 'quit', '\\q']);
const asking: ReadonlySet<string> = new Set(['help', '?', '\\h', '\\?']);

/** Reads statements from the terminal until `exit` or Ctrl-D. */
export async function prompt(session: SqlSession, format: SqlFormat, terminal: Terminal): Promise<void> {
  const words = new Words(session);
  const file = join(homedir(), '.chancery_history');
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    completer: (line: string) => words.complete(line),
    history: await keptLines(file),
    historySize: historyLines,
    removeHistoryDuplicates: true,
  });
  terminal.out.write(styled(terminal.out, terminal.env, 'dim', `${session.client.url} · help shows how, exit ends\n`));
  await new Prompt(reader, session, format, terminal, file).run();
}

/** The newest first, as readline wants them. */
async function keptLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .slice(-historyLines)
      .reverse();
  } catch {
    return []; // The first time, or not readable: a prompt works without.
  }
}

class Prompt {
  readonly #reader: Interface;
  readonly #session: SqlSession;
  readonly #format: SqlFormat;
  readonly #terminal: Terminal;
  readonly #file: string;
  /** Lines that came while a statement was under way. */
  readonly #waiting: string[] = [];
  #typed = '';
  #underWay: AbortController | undefined;
  #isBusy = false;
  #isOver = false;

  constructor(reader: Interface, session: SqlSession, format: SqlFormat, terminal: Terminal, file: string) {
    this.#reader = reader;
    this.#session = session;
    this.#format = format;
    this.#terminal = terminal;
    this.#file = file;
  }

  async run(): Promise<void> {
    const reader = this.#reader;
    this.#ask();
    await new Promise<void>((done, fail) => {
      const goOn = async (): Promise<void> => {
        this.#isBusy = true;
        await this.#work();
        this.#isBusy = false;
        if (this.#isOver) done();
        else this.#ask();
      };
      reader.on('line', (line) => {
        this.#waiting.push(line);
        if (!this.#isBusy) goOn().catch(fail);
      });
      reader.on('SIGINT', () => this.#interrupted());
      reader.on('close', () => {
        this.#isOver = true;
        if (!this.#isBusy) done();
      });
    });
    reader.close();
    this.#terminal.out.write('\n');
  }

  #interrupted(): void {
    this.#underWay?.abort();
    if (this.#isBusy) return;
    this.#typed = '';
    this.#reader.write(null, { ctrl: true, name: 'e' });
    this.#reader.write(null, { ctrl: true, name: 'u' });
    this.#terminal.out.write('\n');
    this.#ask();
  }

  #ask(): void {
    const ready = `${this.#session.database ?? 'sys'}> `;
    this.#reader.setPrompt(this.#typed === '' ? ready : `${'.'.repeat(ready.length - 2)}> `);
    this.#reader.prompt();
  }

  async #work(): Promise<void> {
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const word = this.#typed === '' ? line.trim().replace(/;$/, '').toLowerCase() : '';
      if (leaving.has(word)) {
        this.#isOver = true;
        return;
      }
      if (asking.has(word)) this.#terminal.out.write(helpText);
      else await this.#take(line);
    }
  }

  async #take(line: string): Promise<void> {
    this.#typed = this.#typed === '' ? line : `${this.#typed}\n${line}`;
    if (this.#typed.trim() === '') this.#typed = '';
    if (this.#typed === '' || !isComplete(this.#typed)) return;
    const statement = this.#typed;
    this.#typed = '';
    await this.#keep(statement);
    this.#underWay = new AbortController();
    const failure = await this.#carryOut(statement, this.#underWay.signal);
    this.#underWay = undefined;
    if (failure !== undefined) {
      const { env, err } = this.#terminal;
      err.write(`${[styled(err, env, 'red', failure.message), ...failure.more].join('\n')}\n`);
    }
  }

  async #carryOut(statement: string, signal: AbortSignal): Promise<CommandFailure | undefined> {
    let outcome: SqlOutcome;
    try {
      outcome = await this.#session.run(statement, undefined, signal);
    } catch (error) {
      if (error instanceof NotReachable) return unreachable(error);
      if (error instanceof Refused) return refusedBy(error.problem);
      throw error;
    }
    return await report(outcome, this.#session, this.#format, this.#terminal);
  }

  /** Keeps a statement for the next time, on one line; not one that looks as if a secret stood in it, or that a comment ends on the way. */
  async #keep(statement: string): Promise<void> {
    if (/credential|password|secret/i.test(statement) || /--.*\n/.test(statement)) return;
    try {
      await appendFile(this.#file, `${statement.replaceAll('\n', ' ')}\n`, { mode: 0o600 });
    } catch {
      // A home that cannot be written to is no reason to refuse a statement.
    }
  }
}

/** What Tab offers: keywords, and once the node has answered its procedures, tables and config keys. */
class Words {
  #names: readonly string[] = [];

  constructor(session: SqlSession) {
    void this.#load(session);
  }

  async #load({ client }: SqlSession): Promise<void> {
    try {
      const statement = 'SHOW PROCEDURES; SHOW TABLES';
      const answered = (await client.json({ method: 'POST', path: '/v1/sql', body: { statement } })) as {
        readonly results: readonly { readonly rows?: readonly (readonly unknown[])[] }[];
      };
      const listed = answered.results.flatMap(({ rows = [] }) => rows.map(([name]) => String(name)));
      const { configs } = (await client.json({ path: '/v1/configs' })) as { readonly configs: readonly { readonly key: string }[] };
      this.#names = [...listed.map((name) => (name.startsWith('sys.') ? name : `sys.${name}`)), ...configs.map(({ key }) => key)];
    } catch {
      // Without an answer only the keywords are offered; the first statement will say what is wrong.
    }
  }

  complete(line: string): [string[], string] {
    const word = /[\w.-]*$/.exec(line)?.[0] ?? '';
    const fits = (name: string): boolean => name.toLowerCase().startsWith(word.toLowerCase());
    const ownKeywords = word === word.toLowerCase() && word !== '' ? keywords.map((keyword) => keyword.toLowerCase()) : keywords;
    return [[...ownKeywords.filter(fits), ...this.#names.filter(fits)], word];
  }
}
