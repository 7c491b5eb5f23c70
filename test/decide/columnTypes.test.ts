/**
 * Goal: a type is taken in the form in which Flink prints it and in no other, and what Fluss lacks is found however deep it lies.
 * Method: types by hand.
 */
import { describe, expect, test } from 'vitest';
import { columnTypeOf } from '../../src/deciders/columnTypes.ts';

describe('columnTypeOf', () => {
  test.each([
    ['INT', 'INT'],
    ['DECIMAL(10, 2)', 'DECIMAL'],
    ['CHAR(3)', 'CHAR'],
    ['TIMESTAMP_LTZ(3)', 'TIMESTAMP_LTZ'],
    ['ARRAY<INT NOT NULL>', 'ARRAY'],
    ["MAP<STRING, ARRAY<ROW<`a``b` INT NOT NULL, `c` STRING 'it''s'>>>", 'MAP'],
  ])('%s', (type, root) => expect(columnTypeOf(type)).toEqual({ root }));
  test.each([
    ['VARCHAR(10)', 'VARCHAR', 'VARCHAR(10)'],
    ['ROW<`VARCHAR(1)` VARBINARY(5)>', 'ROW', 'VARBINARY(5)'],
  ])('%s is none of Fluss', (type, root, unsupported) => expect(columnTypeOf(type)).toEqual({ root, unsupported }));
  test.each(['', 'int', 'INTEGER', 'DECIMAL', 'DECIMAL(10,2)', 'DECIMAL(2, 3)', 'DECIMAL(39, 0)', 'CHAR(0)', 'TIME(10)', 'INT NOT NULL'])(
    '%j is none',
    (type) => expect(columnTypeOf(type)).toBeUndefined(),
  );
  test.each([
    'ARRAY<>',
    'ARRAY<INT',
    'ARRAY<INT, INT>',
    'MAP<INT>',
    'ROW<>',
    'ROW<a INT>',
    'ROW<`a` INT, `a` INT>',
    'INT(3)',
    ' INT',
    'INT ',
  ])('%j is none either', (type) => expect(columnTypeOf(type)).toBeUndefined());
});
