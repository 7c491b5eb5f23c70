/**
 * Goal: imports point one way, a port's implementations are known to main alone, and pure code has no clock, dice or I/O.
 * Method: reads the sources. Each rule is tried on a planted fault too. Think hard before loosening a line here.
 */
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { read, under, withoutComments } from './sources.ts';

const events = 'events/';
const projections = 'projections/';
const ports = String.raw`src/(ports/|(\w+/)+port\.ts$)`;
/** What all logs share. */
const logParts = String.raw`src/log/(port|condition|follow)\.ts$`;
const rejection = String.raw`src/rejection\.ts$`;
const deciders = 'src/deciders/';
const engine = 'src/engine/';

const authentication = 'src/authentication/';

/** What runs beside the nodes, and how it asks them. */
const beside = 'src/(tablet-server|tiering-service|node-client)/';

const serving = [events, projections, engine, deciders, authentication, ports, rejection, 'node:', 'zod$'];

/** Who may import what: the first folder that fits decides. Paths are from the top, packages by name. */
const mayImport: readonly (readonly [of: string, ...allowed: readonly string[]])[] = [
  [events, events, 'zod$', 'node:crypto$'],
  [projections, events, projections, 'immer$', 'node:crypto$'],
  ['src/rejection.ts'],
  ['src/ports/', events, 'src/ports/'],
  [deciders, events, projections, deciders, 'src/rebalance/', rejection, 'zod$'],
  ['src/rebalance/', events, projections, 'src/rebalance/'],
  ['src/files/', 'src/files/', 'node:', 'zod$'],
  // How processes beside the nodes ask them.
  ['src/node-client/', 'src/node-client/', 'zod$'],
  ['src/tablet-server/', events, 'src/tablet-server/', 'src/node-client/', 'src/files/', ports, 'node:', 'nanoid$', 'zod$'],
  ['src/tiering-service/', events, 'src/tiering-service/', 'src/node-client/', 'src/files/', ports, 'node:', 'nanoid$', 'zod$'],
  ['src/log/port.ts', events, 'src/ports/'],
  ['src/log/zookeeper/', events, logParts, 'src/log/zookeeper/', 'src/ports/', 'node:', 'nanoid$', 'zod$', 'node-zookeeper-client$'],
  ['src/log/file/', events, logParts, 'src/log/file/', 'src/files/', 'src/ports/', 'node:', 'zod$'],
  ['src/log/', events, String.raw`src/log/\w+\.ts$`, 'src/ports/', 'node:crypto$'],
  ['src/secrets/', events, 'src/secrets/', ports, 'node:', 'zod$'],
  [authentication, events, projections, engine, authentication, ports, 'node:'],
  ['src/archive/', events, 'src/archive/', ports, 'node:', 'zod$'],
  [engine, events, projections, engine, deciders, 'src/rebalance/', ports, rejection, 'node:', 'immer$', 'nanoid$', 'zod$'],
  ['src/interfaces/sql/', ...serving, 'src/interfaces/', 'chevrotain$', 'cli-table3$', '@duckdb/node-api$'],
  ['src/interfaces/', ...serving, 'src/interfaces/', 'fastify', '@fastify/', 'prom-client$'],
  // The command line is a client of the interfaces; what it starts in this process it asks main for.
  ['src/cli/', ...serving, 'src/cli/', 'src/interfaces/', beside, 'nanoid$', 'commander$', 'cli-', 'yaml$'],
  // The process beside a node that answers questions about the past: where the engine's history meets SQL.
  ['src/historyProcess.ts', events, projections, engine, 'src/interfaces/sql/', rejection, 'node:'],
  ['src/main.ts', events, projections, 'src/', 'node:', 'nanoid$', 'pino$', 'commander$'],
];

/** Static, re-exported, bare and dynamic imports; one whose target is computed is `?` and allowed to nobody. */
const importsOf = (file: string, text: string): readonly string[] => {
  const code = withoutComments(text);
  const named = [...code.matchAll(/\b(?:from|import)\s*\(?\s*(['"`])([\w@./:-]+)\1/g)].map(([, , target = '']) =>
    target.startsWith('.') ? posix.join(posix.dirname(file), target) : target,
  );
  return /\bimport\(\s*[^'"\s]/.test(code) ? [...named, '?'] : named;
};

const forbiddenImports = (file: string, text: string): readonly string[] => {
  const [, ...allowed] = mayImport.find(([folder]) => file.startsWith(folder)) ?? [''];
  return importsOf(file, text).filter((target) => !allowed.some((pattern) => new RegExp(`^${pattern}`).test(target)));
};

const banned: readonly (readonly [RegExp, instead: string])[] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\b/, 'take the time from the entry (`at`) or from the command'],
  [/\bMath\.random\b|\bnanoid\b|\brandom(UUID|Bytes|Int)\b|\bcrypto\./, 'take ids from the command'],
  [/\bprocess\b|\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bfetch\(|\bconsole\b|\bglobalThis\b/, 'do it in src/engine'],
  [/\basync\b|\bawait\b|\bPromise\b/, 'pure code answers at once'],
  [
    /\blocaleCompare\b|\bIntl\b|\.toLocale|\.get(Hours|Date|Day|Month|TimezoneOffset)\(/,
    'compare code units and use UTC: locales differ between hosts',
  ],
];
const isPure = (file: string): boolean => /^(events|projections|src\/deciders|src\/rebalance)\//.test(file);
/** Comments may say anything, and so may words for people: of a string only what a template computes is code. */
const impurities = (text: string): readonly string[] => {
  const code = withoutComments(text).replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, (string) =>
    string.startsWith('`') ? (string.match(/\$\{[^}]*\}/g) ?? []).join(' ') : "''",
  );
  return banned.flatMap(([pattern, instead]) => (pattern.test(code) ? [`${pattern.exec(code)?.[0]}: ${instead}`] : []));
};

const sources = under('events', 'projections', 'src');

test('the sources were found', () => {
  // A check that sees nothing passes.
  expect(sources).toEqual(expect.arrayContaining(['events/index.ts', 'projections/kit.ts', 'src/log/port.ts', 'src/rejection.ts']));
});

test.each(sources)('%s', (file) => {
  expect(forbiddenImports(file, read(file)), `imports of ${file}`).toEqual([]);
  if (isPure(file)) expect(impurities(read(file)), file).toEqual([]);
});

describe('a planted fault is found', () => {
  test.each([
    ['events/acls.ts', "import { acls } from '../projections/acls.ts';"],
    ['projections/acls.ts', "import { readFileSync } from 'node:fs';"],
    ['projections/acls.ts', "export { decide } from '../src/deciders/acls.ts';"],
    ['src/deciders/acls.ts', "import type { Node } from '../engine/node.ts';"],
    ['src/deciders/acls.ts', "import 'nanoid';"],
    ['src/engine/node.ts', "import { MemoryLog } from '../log/memory.ts';"],
    ['src/engine/node.ts', "const sealed = await import('../secrets/local.ts');"],
    ['src/engine/node.ts', 'const log = await import(name);'],
    ['src/log/file/log.ts', "import { MemoryLog } from '../memory.ts';"],
    ['src/engine/history/reader.ts', "import { answer } from '../../interfaces/operator/http.ts';"],
    ['src/interfaces/operator/http.ts', "import { openLog } from '../../log/file/log.ts';"],
    ['src/cli/serve.ts', "import { ZooKeeperLog } from '../log/zookeeper/log.ts';"],
    ['src/log/file/log.ts', "import zookeeper from 'node-zookeeper-client';"],
    ['src/log/port.ts', "import { MemoryLog } from './memory.ts';"],
    ['src/engine/node.ts', "import { chainFromStart } from '../../test/support/entries.ts';"],
    ['src/elsewhere/new.ts', "import { join } from 'node:path';"],
  ])('%s: %s', (file, text) => {
    expect(forbiddenImports(file, text)).toHaveLength(1);
  });

  test.each([
    'const now = Date.now();',
    'const now = new Date();',
    'const id = nanoid();',
    'const dice = Math.random();',
    "if (process.env['DEBUG'] !== undefined) trace();",
    'setTimeout(run, 10);',
    'export async function decide() {}',
    'names.sort((a, b) => a.localeCompare(b));',
    ['const text = `at $', '{Date.now()}`;'].join(''),
    'const hour = new Date(at).getHours();',
  ])('%s', (text) => {
    expect(impurities(text)).toHaveLength(1);
  });

  test('words in comments and strings are no fault', () => {
    expect(impurities("/** Waits for no process. */ const text = 'a process' + `this process`; // nor a Promise")).toEqual([]);
    expect(importsOf('src/main.ts', "// import x from 'y'\nconst url = 'http://x'; import z from 'zod';")).toEqual(['zod']);
  });
});
