/**
 * Goal: the prompt takes statements over several lines, shows refusals and goes on, completes names, and keeps no secrets.
 * Method: the real program on a real terminal, which `script` makes; what is typed comes through a pipe, as fast as the prompts appear.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { folder, program, serve } from './processes.ts';

class TypedAt {
  readonly child: ChildProcess;
  #text = '';
  #seen = 0;

  constructor(cwd: string, url: string) {
    const command = `${process.execPath} ${program} sql --operator ${url}`;
    const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, TERM: 'xterm', NO_COLOR: '1' };
    this.child = spawn('/usr/bin/script', ['-qefc', `stty cols 160; ${command}`, '/dev/null'], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  /** Waits until a text was shown, behind the one that was waited for before. */
  async shows(expected: string): Promise<void> {
    const place = (): number => stripVTControlCharacters(this.#text).indexOf(expected, this.#seen);
    await vi.waitFor(
      () => expect(place(), `${expected} in ${stripVTControlCharacters(this.#text).slice(this.#seen)}`).toBeGreaterThan(-1),
      {
        timeout: 10_000,
      },
    );
    this.#seen = place() + expected.length;
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }
}

test('a session at the prompt', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const terminal = new TypedAt(cwd, node.url);
  await terminal.shows('sys> ');
  terminal.type('CALL sys.set_cluster_configs(\n');
  await terminal.shows('...> ');
  terminal.type("'datalake.format', 'paimon');\n");
  await terminal.shows('position 5 · in force on 1 of 1 nodes');
  await terminal.shows('sys> ');
  terminal.type('SELEKT 1;\n');
  await terminal.shows('did you mean SELECT?');
  terminal.type('a statement that is given up');
  await terminal.shows('given up');
  terminal.type('\u0003');
  await terminal.shows('sys> ');
  terminal.type('help\n');
  await terminal.shows('Tab completes');
  terminal.type('CALL sys.app\t');
  await terminal.shows('sys.append_cluster_configs');
  terminal.type("('security.sasl.plain.credentials', 'alice:hunter22');\n");
  await terminal.shows('position 6');
  await terminal.shows('sys> ');
  terminal.type('\\h\n');
  await terminal.shows('Tab completes');
  terminal.type('\\q\n');
  const [status] = (await once(terminal.child, 'close')) as [number];
  expect(status).toBe(0);
  const kept = readFileSync(join(cwd, '.chancery_history'), 'utf8');
  expect(kept).toContain("CALL sys.set_cluster_configs( 'datalake.format', 'paimon');\n");
  expect(kept).not.toContain('hunter22');
});

test('Ctrl-D ends, and the next session remembers', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const first = new TypedAt(cwd, node.url);
  await first.shows('sys> ');
  first.type('SHOW CATALOGS;\n');
  await first.shows('fluss_catalog');
  await first.shows('sys> ');
  first.type('\u0004');
  await once(first.child, 'close');
  const second = new TypedAt(cwd, node.url);
  await second.shows('sys> ');
  second.type('\u001b[A'); // The key for the line before.
  await second.shows('SHOW CATALOGS;');
  second.type('\n');
  await second.shows('fluss_catalog');
});
