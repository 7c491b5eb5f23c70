/**
 * Goal: every statement of the manual and of Flink's syntax that Chancery speaks is read as meant; anything else is a SqlSyntaxError.
 * Method: tables of statements with what they mean (the manual's examples word for word), arbitrary and mutilated texts, and
 * generated CALLs that are printed and read back.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallStatement, Literal, Statement } from '../../src/interfaces/sql/ast.ts';
import { SqlSyntaxError } from '../../src/interfaces/sql/errors.ts';
import { isComplete, parseScript, scriptLimits } from '../../src/interfaces/sql/grammar.ts';

type Plain = string | number | boolean | null | readonly Plain[];
/** A number is given as one where it keeps its digits, so that tables read well. */
const plain = (literal: Literal): Plain => {
  if (literal.kind === 'null') return null;
  if (literal.kind === 'array') return literal.values.map(plain);
  return literal.kind === 'number' ? Number(literal.value) : literal.value;
};
const path = (names: readonly { readonly text: string }[]): string => names.map((name) => name.text).join('.');
const one = (source: string): Statement => {
  const statements = parseScript(source);
  expect(statements).toHaveLength(1);
  const [statement] = statements;
  if (statement === undefined) throw new Error('no statement');
  return statement;
};
const call = (source: string): CallStatement => {
  const statement = one(source);
  if (statement.kind !== 'call') throw new Error(`${statement.kind}, not a call`);
  return statement;
};
const argumentsOf = (statement: CallStatement): readonly unknown[] => [
  ...statement.positional.map(plain),
  ...statement.named.map((argument) => ({ [argument.name.text]: argument.values.map(plain) })),
];
const fault = (source: string): SqlSyntaxError => {
  try {
    parseScript(source);
  } catch (error) {
    if (error instanceof SqlSyntaxError) return error;
    throw error;
  }
  throw new Error(`was read: ${source}`);
};

describe("the manual's examples, word for word", () => {
  test.each<readonly [string, string, readonly unknown[]]>([
    [
      `CALL sys.add_acl(
  resource => 'CLUSTER',
  permission => 'ALLOW',
  principal => 'User:Alice',
  operation => 'READ',
  host => '*'
);`,
      'sys.add_acl',
      [{ resource: ['CLUSTER'] }, { permission: ['ALLOW'] }, { principal: ['User:Alice'] }, { operation: ['READ'] }, { host: ['*'] }],
    ],
    [
      `-- Grant write permission to user Bob from a specific host
CALL sys.add_acl(
  resource => 'my_database.my_table',
  permission => 'ALLOW',
  principal => 'User:Bob',
  operation => 'WRITE',
  host => '192.168.1.100'
);`,
      'sys.add_acl',
      [
        { resource: ['my_database.my_table'] },
        { permission: ['ALLOW'] },
        { principal: ['User:Bob'] },
        { operation: ['WRITE'] },
        { host: ['192.168.1.100'] },
      ],
    ],
    [
      `CALL [catalog_name.]sys.add_acl(
  resource => 'STRING',
  permission => 'STRING', 
  principal => 'STRING',
  operation => 'STRING',
  host => 'STRING'  -- optional, defaults to '*'
)`.replace('[catalog_name.]', 'catalog_name.'),
      'catalog_name.sys.add_acl',
      [{ resource: ['STRING'] }, { permission: ['STRING'] }, { principal: ['STRING'] }, { operation: ['STRING'] }, { host: ['STRING'] }],
    ],
    [
      `CALL sys.drop_acl(
  resource => 'ANY',
  permission => 'ANY',
  principal => 'User:Alice',
  operation => 'ANY',
  host => 'ANY'
);`,
      'sys.drop_acl',
      [{ resource: ['ANY'] }, { permission: ['ANY'] }, { principal: ['User:Alice'] }, { operation: ['ANY'] }, { host: ['ANY'] }],
    ],
    ["CALL sys.list_acl(resource => 'ANY');", 'sys.list_acl', [{ resource: ['ANY'] }]],
    [
      `CALL sys.list_acl(
  resource => 'ANY',
  principal => 'User:Alice'
);`,
      'sys.list_acl',
      [{ resource: ['ANY'] }, { principal: ['User:Alice'] }],
    ],
    [
      `CALL sys.get_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec'
);`,
      'sys.get_cluster_configs',
      [{ config_keys: ['kv.rocksdb.shared-rate-limiter.bytes-per-sec'] }],
    ],
    [
      `CALL sys.get_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'
);`,
      'sys.get_cluster_configs',
      [{ config_keys: ['kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'] }],
    ],
    ['CALL sys.get_cluster_configs();', 'sys.get_cluster_configs', []],
    [
      `CALL sys.set_cluster_configs(
  config_pairs => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB'
);`,
      'sys.set_cluster_configs',
      [{ config_pairs: ['kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB'] }],
    ],
    [
      `CALL sys.set_cluster_configs(
  config_pairs => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB', 'datalake.format','paimon'
);`,
      'sys.set_cluster_configs',
      [{ config_pairs: ['kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB', 'datalake.format', 'paimon'] }],
    ],
    [
      `CALL sys.reset_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'
);`,
      'sys.reset_cluster_configs',
      [{ config_keys: ['kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'] }],
    ],
    ["CALL sys.add_server_tag('0', 'PERMANENT_OFFLINE');", 'sys.add_server_tag', ['0', 'PERMANENT_OFFLINE']],
    ["CALL sys.add_server_tag('1,2,3', 'TEMPORARY_OFFLINE');", 'sys.add_server_tag', ['1,2,3', 'TEMPORARY_OFFLINE']],
    ["CALL sys.remove_server_tag('1,2,3', 'TEMPORARY_OFFLINE');", 'sys.remove_server_tag', ['1,2,3', 'TEMPORARY_OFFLINE']],
    ["CALL sys.rebalance('REPLICA_DISTRIBUTION');", 'sys.rebalance', ['REPLICA_DISTRIBUTION']],
    ["CALL sys.rebalance('REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION');", 'sys.rebalance', ['REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION']],
    ['CALL sys.list_rebalance();', 'sys.list_rebalance', []],
    ["CALL sys.list_rebalance('rebalance-12345');", 'sys.list_rebalance', ['rebalance-12345']],
    ['CALL sys.cancel_rebalance();', 'sys.cancel_rebalance', []],
    ["CALL sys.cancel_rebalance('rebalance-12345');", 'sys.cancel_rebalance', ['rebalance-12345']],
  ])('%s', (source, procedure, expected) => {
    const statement = call(source);
    expect(path(statement.procedure)).toBe(procedure);
    expect(argumentsOf(statement)).toEqual(expected);
    expect(statement.explain).toBe(false);
  });

  test('USE before CALL, as one script', () => {
    const kinds = parseScript('-- Use the Fluss catalog\nUSE fluss_catalog;\n\nCALL sys.list_rebalance();\n').map(({ kind }) => kind);
    expect(kinds).toEqual(['use', 'call']);
  });
});

describe('arguments', () => {
  test.each<readonly [string, readonly unknown[]]>([
    ['call p()', []],
    ["CALL p('it''s', '')", ["it's", '']],
    ["CALL p('a -- b', '/* c */; d')", ['a -- b', '/* c */; d']],
    ['CALL p(1, -2.5, .5, 1e3, - 7)', [1, -2.5, 0.5, 1000, -7]],
    ['CALL p(TRUE, false, Null)', [true, false, null]],
    ["CALL p(ARRAY['a','b'], array[], ARRAY[1, NULL])", [['a', 'b'], [], [1, null]]],
    ["CALL p('x', a => 'b', 'c', d => ARRAY['e'], 'f')", ['x', { a: ['b', 'c'] }, { d: [['e'], 'f'] }]],
    ["CALL p(`null` => 'a', call => 'b', Show => 'c')", [{ null: ['a'] }, { call: ['b'] }, { Show: ['c'] }]],
    ["CALL p('日本', '😀')", ['日本', '😀']],
    ["CALL/* x /* nested */ y */p(--\n'a')", ['a']],
    ["CALL\u00a0p(\u3000'a')", ['a']],
    ["CALL p('two\nlines')", ['two\nlines']],
  ])('%s', (source, expected) => {
    expect(argumentsOf(call(source))).toEqual(expected);
  });

  test('digits of a number are kept as text', () => {
    expect(call('CALL p(-12345678901234567890.10)').positional).toMatchObject([{ kind: 'number', value: '-12345678901234567890.10' }]);
  });

  test('every span covers exactly what was written', () => {
    const source = "SHOW TABLES; EXPLAIN CALL `my cat`.sys.p('a', key => ARRAY['b'] , -1) ; ";
    const [, statement] = parseScript(source);
    if (statement?.kind !== 'call') throw new Error('not a call');
    const written = ({ span }: { readonly span: { readonly start: number; readonly end: number } }): string =>
      source.slice(span.start, span.end);
    expect(written(statement)).toBe("EXPLAIN CALL `my cat`.sys.p('a', key => ARRAY['b'] , -1)");
    expect(statement.procedure.map(written)).toEqual(['`my cat`', 'sys', 'p']);
    expect(path(statement.procedure)).toBe('my cat.sys.p');
    expect(statement.positional.map(written)).toEqual(["'a'"]);
    expect(statement.named.map(written)).toEqual(["key => ARRAY['b'] , -1"]);
    expect(statement.named.flatMap(({ values }) => values.map(written))).toEqual(["ARRAY['b']", '-1']);
    expect(written({ span: statement.argumentsSpan })).toBe("('a', key => ARRAY['b'] , -1)");
  });

  const names = fc.oneof(fc.constantFrom('resource', 'host', 'show', 'Übung', 'a$1'), fc.string({ unit: 'grapheme', minLength: 1 }));
  const clean = (text: string): string => text.replace(/\p{Cc}/gu, '');
  const strings = fc.string({ unit: 'binary' }).map((text) => ({ kind: 'string', value: clean(text) }));
  const numbers = fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map((n) => ({ kind: 'number', value: String(n) }));
  const scalars = fc.oneof(
    strings,
    numbers,
    fc.boolean().map((value) => ({ kind: 'boolean', value })),
    fc.constant({ kind: 'null' }),
  );
  const literals = fc.oneof(
    scalars,
    fc.array(scalars, { maxLength: 4 }).map((values) => ({ kind: 'array', values })),
  );
  const print = (value: object): string => {
    const { kind, value: content, values } = value as { kind: string; value?: unknown; values?: readonly object[] };
    if (kind === 'string') return `'${String(content).replaceAll("'", "''")}'`;
    return kind === 'array' ? `array[${(values ?? []).map(print).join(' , ')}]` : kind === 'null' ? 'NULL' : String(content);
  };
  const withoutSpans = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (key, inner) => (key === 'span' ? undefined : inner)));

  test('what is printed is read back', () => {
    const named = fc.uniqueArray(
      fc.tuple(
        names.map(clean).filter((name) => name !== ''),
        fc.array(literals, { minLength: 1, maxLength: 4 }),
      ),
      {
        selector: ([name]) => name.toLowerCase(),
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(fc.array(literals, { maxLength: 4 }), named, (positional, groups) => {
        const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
        const printed = [...positional.map(print), ...groups.map(([name, values]) => `${quoted(name)} => ${values.map(print).join(', ')}`)];
        const statement = call(`CALL sys.p(${printed.join(', ')});`);
        expect(withoutSpans(statement.positional)).toEqual(positional);
        const read = statement.named.map(({ name, values }) => [name.text, withoutSpans(values)]);
        expect(read).toEqual(groups);
      }),
    );
  });
});

describe('the other statements', () => {
  test.each<readonly [string, object]>([
    ["EXPLAIN CALL sys.rebalance('RACK_AWARE')", { kind: 'call', explain: true }],
    ['SHOW PROCEDURES', { kind: 'show', what: 'PROCEDURES', from: [], like: undefined }],
    ["show procedures like 'x%'", { what: 'PROCEDURES', like: { pattern: 'x%', negated: false, ignoreCase: false } }],
    ["SHOW PROCEDURES FROM sys NOT ILIKE 'x'", { from: [{ text: 'sys' }], like: { pattern: 'x', negated: true, ignoreCase: true } }],
    ['SHOW PROCEDURES IN `fluss_catalog`.sys', { from: [{ text: 'fluss_catalog' }, { text: 'sys' }] }],
    ['SHOW CATALOGS', { what: 'CATALOGS' }],
    ["SHOW CATALOGS LIKE 'f%'", { what: 'CATALOGS', like: { pattern: 'f%' } }],
    ['SHOW CURRENT CATALOG', { what: 'CURRENT CATALOG' }],
    ['SHOW CURRENT DATABASE', { what: 'CURRENT DATABASE' }],
    ["SHOW DATABASES NOT LIKE 'it''s'", { what: 'DATABASES', like: { pattern: "it's", negated: true } }],
    ["SHOW TABLES FROM a.b ILIKE '%'", { what: 'TABLES', from: [{ text: 'a' }, { text: 'b' }] }],
    ['USE fluss_catalog', { kind: 'use', catalog: false, name: [{ text: 'fluss_catalog' }] }],
    ['USE CATALOG fluss_catalog', { kind: 'use', catalog: true, name: [{ text: 'fluss_catalog' }] }],
    ['USE `my cat`.`data``base`', { kind: 'use', catalog: false, name: [{ text: 'my cat' }, { text: 'data`base' }] }],
    ['USE catalog', { kind: 'use', catalog: false, name: [{ text: 'catalog' }] }],
    ['DESCRIBE sys.acls', { kind: 'describe', extended: false, name: [{ text: 'sys' }, { text: 'acls' }] }],
    ['DESC EXTENDED a.b.c', { kind: 'describe', extended: true, name: [{ text: 'a' }, { text: 'b' }, { text: 'c' }] }],
    ['desc extended', { kind: 'describe', extended: false, name: [{ text: 'extended' }] }],
    [
      "SET 'table.local-time-zone' = 'Europe/Berlin'",
      { kind: 'set', assignment: { key: 'table.local-time-zone', value: 'Europe/Berlin' } },
    ],
    ['SET', { kind: 'set', assignment: undefined }],
    ["RESET 'a'", { kind: 'reset', key: 'a' }],
    ['RESET', { kind: 'reset', key: undefined }],
    ["SELECT ';', \"a;b\", $$;$$, $x$ ; $x$, E'\\';' -- ;\n FROM t /* ; */ -- end", { kind: 'select' }],
    ['(SELECT 1)', { kind: 'select', text: '(SELECT 1)' }],
    ['with a as (select 1) from a', { kind: 'select' }],
    ['VALUES (1)', { kind: 'select', text: 'VALUES (1)' }],
    ['FROM sys.acls', { kind: 'select', text: 'FROM sys.acls' }],
  ])('%s', (source, expected) => {
    expect(one(`/* before */ ${source} ;;`)).toMatchObject(expected);
    expect(one(source)).toMatchObject(expected);
  });

  test('a query is cut out word for word, the comments around it left behind', () => {
    const query = "SELECT 'a;b' -- inside\n, 2";
    expect(parseScript(`/* x */ ${query} -- behind\n; SHOW TABLES`)).toMatchObject([{ kind: 'select', text: query }, { kind: 'show' }]);
  });

  test('nothing but spaces, comments and semicolons is no statement', () => {
    expect(parseScript(' ;; -- a\n /* b */ ; ')).toEqual([]);
  });
});

describe('bounds', () => {
  test.each<readonly [string, string, RegExp]>([
    ['bytes', `-- ${'é'.repeat(scriptLimits.bytes / 2)}`, /has 1048579 bytes and may have at most 1048576/],
    ['statements', 'RESET;'.repeat(scriptLimits.statements + 1), /at most 1000 statements/],
    ['arguments', `CALL p(${"'a',".repeat(scriptLimits.arguments)}'a')`, /at most 20000 values/],
    ['arguments in arrays', `CALL p(ARRAY[${"'a',".repeat(scriptLimits.arguments)}'a'])`, /at most 20000 values/],
    ['brackets', `SELECT ${'('.repeat(scriptLimits.nesting + 1)}`, /more than 200 brackets/],
    ['control characters', "CALL p('a\u0000b')", /control character U\+0000/],
    ['half characters', "CALL p('\ud83d')", /not valid Unicode/],
  ])('%s', (_, source, message) => {
    expect(fault(source).message).toMatch(message);
  });

  test('the largest allowed call is read', () => {
    expect(call(`CALL p(config_pairs => ${Array(scriptLimits.arguments).fill("'a'").join(',')})`).named[0]?.values).toHaveLength(20_000);
    expect(parseScript('RESET;'.repeat(scriptLimits.statements))).toHaveLength(1000);
  });

  const pieces = [
    'CALL',
    'SHOW',
    'TABLES',
    "'",
    '"',
    '`',
    '(',
    ')',
    '[',
    ',',
    ';',
    '=>',
    '.',
    '--',
    '/*',
    '*/',
    '$$',
    "E'",
    ' ',
    '\n',
    'a',
    '1',
    '-',
  ];
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 50 }),
    fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join('')),
    fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join(' ')),
  );
  test('any text is read or refused with a place inside it, never anything else', () => {
    fc.assert(
      fc.property(texts, (source) => {
        try {
          for (const { span } of parseScript(source)) expect(span.end).toBeLessThanOrEqual(source.length);
        } catch (error) {
          if (!(error instanceof SqlSyntaxError)) throw error;
          expect(error.offset).toBeLessThanOrEqual(source.length);
        }
        isComplete(source);
      }),
      { numRuns: 300 },
    );
  });

  test.each(["'", '(', 'CALL p(', '[', '-', '/*', '$a$ ', "e'", '"', '`', ';', 'a.', '$a', "''"])(
    'a megabyte of %s ends, in an answer or a SqlSyntaxError',
    (piece) => {
      try {
        parseScript(piece.repeat(Math.floor(scriptLimits.bytes / piece.length)));
      } catch (error) {
        expect(error).toBeInstanceOf(SqlSyntaxError); // Neither an overflown stack nor, by the test's time limit, a quadratic search.
      }
    },
  );
});

test.each<readonly [string, boolean]>([
  ['SELECT 1', false],
  ['SELECT 1;', true],
  ["SELECT ';", false],
  ['SELECT 1; -- done', true],
  ['SELECT 1 /* ; ', false],
  ['', false],
])('%s is complete: %s', (source, complete) => {
  expect(isComplete(source)).toBe(complete);
});
