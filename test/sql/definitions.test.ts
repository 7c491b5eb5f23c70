/**
 * Goal: CREATE, ALTER and DROP, and the statements that look at what they made, are read as the manual and Flink mean them.
 * Method: the manual's examples word for word; a table of types beside what Flink prints; generated definitions that are printed
 * with all kinds of spaces and read back; and of each of them every beginning, whose error must name what comes next.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Statement } from '../../src/interfaces/sql/ast.ts';
import { SqlSyntaxError } from '../../src/interfaces/sql/errors.ts';
import { parseScript, scriptLimits } from '../../src/interfaces/sql/grammar.ts';
import { anyDefinition, anyType, type Plain, plainly, quoted } from './definitionTexts.ts';

const one = (source: string): Statement => {
  const [statement, ...more] = parseScript(source);
  if (statement === undefined || more.length > 0) throw new Error(`${more.length} statements too many`);
  return statement;
};
/** Names as words, texts as they are: what a person would compare. */
const read = (source: string): Plain => plainly(one(source));
const fault = (source: string): SqlSyntaxError => {
  try {
    parseScript(source);
  } catch (error) {
    if (error instanceof SqlSyntaxError) return error;
    throw error;
  }
  throw new Error(`was read: ${source}`);
};
const column = (name: string, text: string, comment?: string): Plain => ({ name, type: { text, nullable: true }, comment });

describe("the manual's examples, word for word", () => {
  test.each<readonly [string, object]>([
    ['CREATE DATABASE my_db;', { kind: 'createDatabase', name: ['my_db'], ifNotExists: false, properties: [] }],
    ['DROP DATABASE my_db;', { kind: 'dropDatabase', name: ['my_db'], ifExists: false }],
    [
      `CREATE TABLE my_pk_table (
  shop_id BIGINT,
  user_id BIGINT,
  num_orders INT,
  total_amount INT,
  PRIMARY KEY (shop_id, user_id) NOT ENFORCED
) WITH (
  'bucket.num' = '4'
);`,
      {
        kind: 'createTable',
        name: ['my_pk_table'],
        columns: [column('shop_id', 'BIGINT'), column('user_id', 'BIGINT'), column('num_orders', 'INT'), column('total_amount', 'INT')],
        primaryKey: { columns: ['shop_id', 'user_id'] },
        partitionedBy: [],
        properties: [{ key: 'bucket.num', value: '4' }],
      },
    ],
    [
      `CREATE TABLE my_multi_fields_part_log_table (
  order_id BIGINT,
  item_id BIGINT,
  amount INT,
  address STRING,
  dt STRING,
  nation STRING
) PARTITIONED BY (dt, nation);`,
      { kind: 'createTable', partitionedBy: ['dt', 'nation'], properties: [], primaryKey: undefined },
    ],
    [
      `CREATE TABLE my_auto_part_pk_table (
  dt STRING,
  shop_id BIGINT,
  user_id BIGINT,
  num_orders INT,
  total_amount INT,
  PRIMARY KEY (dt, shop_id, user_id) NOT ENFORCED
) PARTITIONED BY (dt) WITH (
  'bucket.num' = '4',
  'table.auto-partition.enabled' = 'true',
  'table.auto-partition.time-unit' = 'day'
);`,
      {
        primaryKey: { columns: ['dt', 'shop_id', 'user_id'] },
        partitionedBy: ['dt'],
        properties: [
          { key: 'bucket.num', value: '4' },
          { key: 'table.auto-partition.enabled', value: 'true' },
          { key: 'table.auto-partition.time-unit', value: 'day' },
        ],
      },
    ],
    ['DROP TABLE my_table;', { kind: 'dropTable', name: ['my_table'], ifExists: false }],
    [
      `-- Add a single column at the end of the table
ALTER TABLE my_table ADD user_email STRING COMMENT 'User email address';`,
      { kind: 'alterTable', action: { kind: 'addColumns', columns: [column('user_email', 'STRING', 'User email address')] } },
    ],
    [
      `ALTER TABLE MyTable ADD (
    user_email STRING COMMENT 'User email address',
    order_quantity INT
);`,
      {
        name: ['MyTable'],
        action: {
          kind: 'addColumns',
          columns: [column('user_email', 'STRING', 'User email address'), column('order_quantity', 'INT')],
        },
      },
    ],
    [
      "ALTER TABLE my_table SET ('table.datalake.enabled' = 'true');",
      { action: { kind: 'setProperties', properties: [{ key: 'table.datalake.enabled', value: 'true' }] } },
    ],
    ["ALTER TABLE my_table RESET ('table.datalake.enabled');", { action: { kind: 'resetProperties', keys: ['table.datalake.enabled'] } }],
    [
      "ALTER TABLE my_multi_fields_part_log_table ADD PARTITION (dt = '2025-03-05', nation = 'US');",
      {
        action: {
          kind: 'addPartitions',
          ifNotExists: false,
          partitions: [
            {
              values: [
                { column: 'dt', value: '2025-03-05' },
                { column: 'nation', value: 'US' },
              ],
            },
          ],
        },
      },
    ],
    [
      "ALTER TABLE my_part_pk_table DROP PARTITION (dt = '2025-03-05');",
      { action: { kind: 'dropPartitions', ifExists: false, partitions: [{ values: [{ column: 'dt', value: '2025-03-05' }] }] } },
    ],
    ['SHOW PARTITIONS my_part_pk_table;', { kind: 'showPartitions', name: ['my_part_pk_table'], partition: undefined }],
    [
      "SHOW PARTITIONS my_multi_fields_part_log_table PARTITION (dt = '2025-03-05');",
      { kind: 'showPartitions', partition: { values: [{ column: 'dt', value: '2025-03-05' }] } },
    ],
  ])('%s', (source, expected) => {
    expect(read(source)).toMatchObject(expected);
  });
});

describe('the rest of the syntax', () => {
  test.each<readonly [string, object]>([
    [
      "create database if not exists `my cat`.\"d\" comment 'it''s' with ('a'='b','a'='c')",
      {
        name: ['my cat', 'd'],
        ifNotExists: true,
        comment: "it's",
        properties: [
          { key: 'a', value: 'b' },
          { key: 'a', value: 'c' },
        ],
      },
    ],
    ['DROP DATABASE IF EXISTS a.b', { name: ['a', 'b'], ifExists: true, behavior: undefined }],
    ['DROP DATABASE d RESTRICT', { behavior: 'RESTRICT' }],
    ['drop database d cascade', { behavior: 'CASCADE' }],
    ["ALTER DATABASE a.b SET ('k' = 'v')", { kind: 'alterDatabase', name: ['a', 'b'], action: { kind: 'setProperties' } }],
    ["ALTER DATABASE d RESET ('k', 'l')", { action: { kind: 'resetProperties', keys: ['k', 'l'] } }],
    ['CREATE TABLE IF NOT EXISTS a.b.c (x INT)', { name: ['a', 'b', 'c'], ifNotExists: true }],
    ["CREATE TABLE t (x INT) COMMENT 'c'", { comment: 'c' }],
    ['CREATE TABLE t (x INT PRIMARY KEY NOT ENFORCED, y INT)', { primaryKey: { columns: ['x'] } }],
    [
      "CREATE TABLE t (x INT NOT NULL CONSTRAINT pk PRIMARY KEY NOT ENFORCED COMMENT 'c')",
      { primaryKey: { columns: ['x'] }, columns: [{ name: 'x', type: { text: 'INT', nullable: false }, comment: 'c' }] },
    ],
    ['CREATE TABLE t (CONSTRAINT pk PRIMARY KEY (x) NOT ENFORCED, x INT)', { primaryKey: { columns: ['x'] } }],
    [
      'CREATE TABLE if (primary STRING, key INT, constraint INT, comment STRING, not INT, partition INT, with INT)',
      {
        name: ['if'],
        primaryKey: undefined,
        columns: ['primary', 'key', 'constraint', 'comment', 'not', 'partition', 'with'].map((name) => ({ name })),
      },
    ],
    ['CREATE TABLE t (x INT, x INT, PRIMARY KEY (y, y) NOT ENFORCED) PARTITIONED BY (z)', { partitionedBy: ['z'] }],
    ['DROP TABLE IF EXISTS a.b.c', { name: ['a', 'b', 'c'], ifExists: true }],
    ["ALTER TABLE IF EXISTS a.t SET ('k' = 'v')", { name: ['a', 't'], ifExists: true }],
    ['ALTER TABLE t ADD COLUMN x INT', { action: { kind: 'addColumns', columns: [column('x', 'INT')] } }],
    ['ALTER TABLE t ADD `column` INT', { action: { columns: [column('column', 'INT')] } }],
    ['ALTER TABLE t ADD partition STRING', { action: { columns: [column('partition', 'STRING')] } }],
    ['ALTER TABLE t ADD if INT', { action: { columns: [column('if', 'INT')] } }],
    [
      "ALTER TABLE t ADD IF NOT EXISTS PARTITION (a = 'x', b = 7) PARTITION (a = 'y')",
      {
        action: {
          kind: 'addPartitions',
          ifNotExists: true,
          partitions: [
            {
              values: [
                { column: 'a', value: 'x' },
                { column: 'b', value: '7' },
              ],
            },
            { values: [{ column: 'a', value: 'y' }] },
          ],
        },
      },
    ],
    [
      "ALTER TABLE t DROP IF EXISTS PARTITION (a = 'x'), PARTITION (a = 'y')",
      { action: { kind: 'dropPartitions', ifExists: true, partitions: [{}, {}] } },
    ],
    ['SHOW CREATE TABLE a.b.c', { kind: 'showCreateTable', name: ['a', 'b', 'c'] }],
    ["SHOW DATABASES LIKE 'f%'", { kind: 'show', what: 'DATABASES' }],
    ['DESCRIBE DATABASE a.b', { kind: 'describeDatabase', extended: false, name: ['a', 'b'] }],
    ['desc database extended d', { kind: 'describeDatabase', extended: true, name: ['d'] }],
    ['DESCRIBE DATABASE extended', { kind: 'describeDatabase', extended: false, name: ['extended'] }],
    ['DESCRIBE database', { kind: 'describe', name: ['database'] }],
    ['DESCRIBE EXTENDED database', { kind: 'describe', extended: true, name: ['database'] }],
  ])('%s', (source, expected) => {
    expect(read(source)).toMatchObject(expected);
  });

  test('every span covers exactly what was written', () => {
    const source =
      "SELECT 1; CREATE TABLE `a b`.t ( x INT NOT NULL /* c */ , m MAP<INT, INT> COMMENT 'y', PRIMARY KEY ( x ) NOT ENFORCED ) " +
      "PARTITIONED BY ( m ) WITH ( 'k' = 'v' ) ; ALTER TABLE t ADD PARTITION ( a = 'x' ) PARTITION ( a = 5 )";
    const [, table, partitions] = parseScript(source);
    if (table?.kind !== 'createTable' || partitions?.kind !== 'alterTable') throw new Error('not what was written');
    const written = ({ span }: { readonly span: { readonly start: number; readonly end: number } }): string =>
      source.slice(span.start, span.end);
    expect(written(table)).toMatch(/^CREATE TABLE.*'v' \)$/);
    expect(table.name.map(written)).toEqual(['`a b`', 't']);
    expect(table.columns.map(written)).toEqual(['x INT NOT NULL', "m MAP<INT, INT> COMMENT 'y'"]);
    expect(table.columns.map(({ type }) => written(type))).toEqual(['INT NOT NULL', 'MAP<INT, INT>']);
    expect(table.primaryKey === undefined ? '' : written(table.primaryKey)).toBe('PRIMARY KEY ( x ) NOT ENFORCED');
    expect(table.primaryKey?.columns.map(written)).toEqual(['x']);
    expect(table.partitionedBy.map(written)).toEqual(['m']);
    expect(table.properties.flatMap(({ key, value }) => [written(key), written(value)])).toEqual(["'k'", "'v'"]);
    if (partitions.action.kind !== 'addPartitions') throw new Error('not what was written');
    expect(partitions.action.partitions.map(written)).toEqual(["PARTITION ( a = 'x' )", 'PARTITION ( a = 5 )']);
    expect(partitions.action.partitions[1]?.values.map(({ value }) => written(value))).toEqual(['5']);
  });
});

describe('types', () => {
  test.each<readonly [string, string]>([
    ['boolean', 'BOOLEAN'],
    ['INTEGER', 'INT'],
    ['DOUBLE PRECISION', 'DOUBLE'],
    ['CHAR', 'CHAR(1)'],
    ['VARCHAR(12)', 'VARCHAR(12)'],
    ['VARCHAR(2147483647)', 'STRING'],
    ['BINARY', 'BINARY(1)'],
    ['VARBINARY(2147483647)', 'BYTES'],
    ['DEC', 'DECIMAL(10, 0)'],
    ['NUMERIC(5)', 'DECIMAL(5, 0)'],
    ['decimal(38,38)', 'DECIMAL(38, 38)'],
    ['TIME', 'TIME(0)'],
    ['TIME(3) WITHOUT TIME ZONE', 'TIME(3)'],
    ['TIMESTAMP', 'TIMESTAMP(6)'],
    ['TIMESTAMP WITHOUT TIME ZONE', 'TIMESTAMP(6)'],
    ['TIMESTAMP(0) WITH LOCAL TIME ZONE', 'TIMESTAMP_LTZ(0)'],
    ['TIMESTAMP_LTZ', 'TIMESTAMP_LTZ(6)'],
    ['ARRAY<MAP<STRING NOT NULL, ARRAY<INT NULL>>>', 'ARRAY<MAP<STRING NOT NULL, ARRAY<INT>>>'],
    ["ROW<a INT, `b``c` STRING NOT NULL 'it''s'>", "ROW<`a` INT, `b``c` STRING NOT NULL 'it''s'>"],
    ['ROW(date DATE)', 'ROW<`date` DATE>'],
  ])('%s is %s', (written, text) => {
    const source = (more: string): string => `CREATE TABLE t (c ${written}${more})`;
    expect(read(source(''))).toMatchObject({ columns: [{ type: { text, nullable: true } }] });
    expect(read(source(' NULL'))).toMatchObject({ columns: [{ type: { text, nullable: true } }] });
    expect(read(source(' NOT NULL'))).toMatchObject({ columns: [{ type: { text, nullable: false } }] });
    expect(read(`ALTER TABLE t ADD c ${text}`)).toMatchObject({ action: { columns: [{ type: { text } }] } });
  });

  test('a canonical text reads as itself, whatever the type was written like', () => {
    fc.assert(
      fc.property(anyType, ({ nullable, text, written }) => {
        const expected = { columns: [{ type: { text, nullable } }] };
        expect(read(`CREATE TABLE t (c ${written.join(' ')})`)).toMatchObject(expected);
        expect(read(`CREATE TABLE t (c ${text}${nullable ? '' : ' NOT NULL'})`)).toMatchObject(expected);
      }),
    );
  });
});

describe('any definition', () => {
  const spaces = fc.array(fc.constantFrom(' ', '\n', ' /* ) */ ', ' -- (\n'), { minLength: 1, maxLength: 20 });
  const spread = (written: readonly string[], between: readonly string[]): string =>
    written.map((word, i) => word + (between[i % between.length] ?? '')).join('');

  test('is read back as it was printed', () => {
    fc.assert(
      fc.property(anyDefinition, spaces, ({ tree, written }, between) => {
        expect(read(spread(written, between))).toEqual(tree);
      }),
      { numRuns: 300 },
    );
  });

  /** What the error says in place of a word: itself, or a kind of words it belongs to. */
  const isCovered = (word: string, expected: readonly string[]): boolean =>
    /^'./s.test(word)
      ? expected.includes('text in single quotes')
      : /^\d/.test(word)
        ? expected.includes('a number')
        : /^\W$/.test(word)
          ? expected.includes(`'${word}'`)
          : [word.toUpperCase(), 'a name', 'a type'].some((label) => expected.includes(label));

  test('has an error behind every beginning that names what comes next', () => {
    fc.assert(
      fc.property(anyDefinition, fc.nat(), ({ written }, at) => {
        const length = (at % (written.length - 1)) + 1;
        const beginning = written.slice(0, length).join(' ');
        const error = ((): SqlSyntaxError | undefined => {
          try {
            parseScript(`${beginning} ?`);
          } catch (thrown) {
            if (thrown instanceof SqlSyntaxError) return thrown;
            throw thrown;
          }
          return undefined;
        })();
        if (error !== undefined && /needs the types of what it holds/.test(error.message)) return;
        expect(error?.offset, beginning).toBe(beginning.length + 1);
        expect(isCovered(written[length] ?? '', error?.expected ?? []), `${beginning} ~ ${error?.expected.join()}`).toBe(true);
      }),
    );
  });

  test('torn in any way is read or refused with a place inside it', () => {
    fc.assert(
      fc.property(anyDefinition, anyDefinition, fc.nat(), fc.nat(), ({ written }, other, from, until) => {
        const source = [...written.slice(0, from % written.length), ...other.written.slice(until % other.written.length)].join(' ');
        try {
          for (const { span } of parseScript(source)) expect(span.end).toBeLessThanOrEqual(source.length);
        } catch (error) {
          if (!(error instanceof SqlSyntaxError)) throw error;
          expect(error.offset).toBeLessThanOrEqual(source.length);
          expect(error.message).not.toMatch(/undefined|NaN/);
        }
      }),
    );
  });
});

describe('bounds', () => {
  const list = (length: number, item: string): string => Array.from({ length }, (_, i) => item.replace('#', String(i))).join(', ');
  test.each<readonly [string, (length: number) => string, 'columns' | 'properties' | 'partitions']>([
    ['columns', (length) => `CREATE TABLE t (${list(length, 'c# INT')})`, 'columns'],
    ['added columns', (length) => `ALTER TABLE t ADD (${list(length, 'c# INT')})`, 'columns'],
    ['properties of a table', (length) => `CREATE TABLE t (a INT) WITH (${list(length, "'k#' = 'v'")})`, 'properties'],
    ['properties of a database', (length) => `CREATE DATABASE d WITH (${list(length, "'k#' = 'v'")})`, 'properties'],
    ['set properties', (length) => `ALTER TABLE t SET (${list(length, "'k#' = 'v'")})`, 'properties'],
    ['reset properties', (length) => `ALTER DATABASE d RESET (${list(length, "'k#'")})`, 'properties'],
    ['added partitions', (length) => `ALTER TABLE t ADD ${list(length, "PARTITION (a = '#')").replaceAll('),', ')')}`, 'partitions'],
    ['dropped partitions', (length) => `ALTER TABLE t DROP ${list(length, "PARTITION (a = '#')")}`, 'partitions'],
  ])('%s', (_, source, what) => {
    const most = scriptLimits[what];
    expect(parseScript(source(most))).toHaveLength(1);
    expect(fault(source(most + 1)).message).toBe(`a statement may have at most ${most} ${what}`);
  });

  test.each(['ARRAY<', 'MAP<INT,', 'ROW<a ', 'ROW(a '])('%s within itself', (opening) => {
    const nested = (depth: number): string =>
      `CREATE TABLE t (a ${opening.repeat(depth)}INT${(opening.includes('(') ? ')' : '>').repeat(depth)})`;
    expect(parseScript(nested(scriptLimits.typeNesting - 1))).toHaveLength(1);
    expect(fault(nested(scriptLimits.typeNesting)).message).toMatch(/^more than 32 brackets are open here/);
    expect(fault(`CREATE TABLE t (a ${opening.repeat(10_000)}`).message).toMatch(/^more than (?:32|200) brackets/);
  });

  const endless = [
    'a INT,',
    'a a,',
    "'a'='b',",
    'ROW<',
    'PRIMARY KEY (a) NOT ENFORCED,',
    '>',
    'a ROW<b INT>,',
    "PARTITION (a='b')",
    'PARTITION (',
  ];
  test.each(endless)('%s over and over in a definition ends in a SqlSyntaxError', (piece) => {
    for (const opening of ['CREATE TABLE t (', 'ALTER TABLE t ADD ', 'ALTER TABLE t SET ('])
      expect(fault(`${opening}${piece.repeat(6000)} ?`).message).toMatch(/./);
  });

  test('a definition of a megabyte is refused', () => {
    const piece = 'a INT, ';
    const source = `CREATE TABLE t (${piece.repeat(Math.floor((scriptLimits.bytes - 100) / piece.length))} b INT)`;
    expect(fault(source).message).toBe('a definition may have at most 50000 words and marks');
  });

  test('behind many columns the same is expected as behind one', () => {
    const expectedBehind = (columns: number, last: string): readonly string[] =>
      fault(`CREATE TABLE t (${list(columns, "c# DECIMAL(10, 2) COMMENT 'x'")}, ${last}`).expected;
    for (const last of [
      '',
      'a',
      'a INT',
      'a DECIMAL(',
      'a MAP<INT',
      'PRIMARY KEY',
      'PRIMARY KEY (a) NOT',
      'a INT) WITH',
      "a INT) WITH ('a'",
    ]) {
      expect(expectedBehind(1, last), last).not.toEqual([]);
      expect(expectedBehind(500, last), last).toEqual(expectedBehind(1, last));
    }
    const partitions = (count: number): readonly string[] => fault(`ALTER TABLE t DROP ${list(count, 'PARTITION (a = #)')} b`).expected;
    expect(partitions(500)).toEqual(partitions(1));
    expect(fault(`CREATE TABLE t (a ROW<${list(500, 'c# INT')} 5`).message).toBe('this cannot follow what stands before it');
  });
});

test('the printer of these tests quotes as the lexer unquotes', () => {
  expect(read(`DROP TABLE ${quoted('a`b', '`')}`)).toMatchObject({ name: ['a`b'] });
});
