/** Goal: results read well on a terminal and lose nothing elsewhere. Method: exact pictures, and values read back from JSON and CSV. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../src/interfaces/sql/cells.ts';
import { textWidth } from '../../src/interfaces/sql/errors.ts';
import { renderCsv, renderJson, renderTable, type Tabular } from '../../src/interfaces/sql/output.ts';

const column = (name: string, type = 'VARCHAR') => ({ name, type });
const result: Tabular = {
  columns: [column('position', 'BIGINT'), column('名前'), column('share', 'DOUBLE'), column('data', 'JSON')],
  rows: [
    [1, 'plain', 2.5, null],
    ['9007199254740993', '日本😀', null, { a: [1, 'x'] }],
    [3, 'NULL', -10, ''],
    [4, 'two\nlines\u001b[31m\u202e', 0, true],
  ],
};
const one = (cell: Cell, type = 'VARCHAR'): Tabular => ({ columns: [column('c', type)], rows: [[cell]] });

describe('table', () => {
  test('is aligned, numbers to the right, NULL apart from the text NULL', () => {
    expect(renderTable(result)).toBe(
      [
        '        position  名前                        share  data',
        '               1  plain                         2.5  NULL',
        '9007199254740993  日本😀                       NULL  {"a":[1,"x"]}',
        "               3  'NULL'                        -10",
        '               4  two\\nlines\\u001b[31m\\u202e      0  true',
        '',
      ].join('\n'),
    );
  });

  test('fits a terminal: the widest texts give way, numbers never', () => {
    const fitted = renderTable(result, { terminalWidth: 48 });
    expect(Math.max(...fitted.split('\n').map(textWidth))).toBeLessThanOrEqual(48);
    expect(fitted).toContain('9007199254740993  日本😀');
    expect(fitted).toMatch(/two\\nline…/);
    expect(renderTable(one('x'.repeat(500)))).toContain('x'.repeat(500));
    expect(renderTable(one('9'.repeat(100), 'HUGEINT'), { terminalWidth: 20 })).toContain('9'.repeat(100));
  });

  test('colour marks the header and NULL, and nothing without it', () => {
    expect(renderTable(one(null), { colour: true })).toBe('\u001b[1mc\u001b[22m\n\u001b[2mNULL\u001b[22m\n');
    expect(renderTable(result)).not.toContain('\u001b');
  });

  test('no rows leave the header, no columns nothing', () => {
    expect(renderTable({ columns: result.columns, rows: [] })).toBe('position  名前  share  data\n');
    expect(renderTable({ columns: [], rows: [] })).toBe('');
  });
});

describe('json', () => {
  test('is an array of objects in the order of the columns, ids whole', () => {
    expect(renderJson(result).split('\n')[2]).toBe(
      '  {"position": "9007199254740993", "名前": "日本😀", "share": null, "data": {"a":[1,"x"]}},',
    );
    expect(renderJson({ columns: result.columns, rows: [] })).toBe('[]\n');
  });

  test('names that occur twice are told apart', () => {
    const names = ['n', 'n', 'n_2', 'n'];
    const text = renderJson({ columns: names.map((name) => column(name)), rows: [[1, 2, 3, 4]] });
    expect(JSON.parse(text)).toEqual([{ n: 1, n_3: 2, n_2: 3, n_4: 4 }]);
  });

  test('any cell is read back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (cell) => {
        expect(JSON.parse(renderJson(one(cell as Cell)))).toEqual([{ c: JSON.parse(JSON.stringify(cell)) }]);
      }),
    );
  });
});

describe('csv', () => {
  test('quotes what needs it', () => {
    expect(
      renderCsv({
        columns: [column('a,b'), column('c')],
        rows: [
          ['say "x"', 'two\nlines'],
          [null, ''],
          [' pad', [1]],
        ],
      }),
    ).toBe('"a,b",c\r\n"say ""x""","two\nlines"\r\n,""\r\n" pad",[1]\r\n');
    expect(renderCsv({ columns: [], rows: [] })).toBe('');
  });

  test('any texts are read back by the rules of RFC 4180', () => {
    const fieldsOf = (line: string): string[] =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\r\n]*))(?=,|\r\n$)/g)].map(
        ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? '',
      );
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', ' ', '日') }), { minLength: 2, maxLength: 5 }),
        (cells) => {
          const columns = cells.map(() => column('x'));
          const text = renderCsv({ columns, rows: [cells] });
          expect(fieldsOf(text.slice(text.indexOf('\r\n') + 2))).toEqual(cells);
        },
      ),
    );
  });
});
