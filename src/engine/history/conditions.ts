import type { Condition, Hint, Row, SysColumn } from './selector.ts';

/** What of a table a query looks at, as far as a source of rows can tell. */
export interface Narrowed {
  readonly isWanted: (row: Row) => boolean;
  /** Rows that are enough, of those that are wanted, in the source's own order. */
  readonly most: number;
}

/** @param isInOrder whether the source gives its rows in the order that the hint names, if it names one */
export function narrowedBy(columns: readonly SysColumn[], hint: Hint = { conditions: [] }, isInOrder = hint.order === undefined): Narrowed {
  const tests = hint.conditions.map((condition) => testOf(columns, condition));
  const isExact = isInOrder && !tests.includes(undefined);
  const known = tests.filter((test) => test !== undefined);
  return {
    isWanted: (row) => known.every((test) => test(row)),
    most: isExact ? (hint.limit ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  };
}

type Compare = (a: Row, b: Row) => number;

/**
 * How rows compare in an order, as DuckDB would have it: NULL comes last in either direction.
 * @returns undefined for a column of texts, whose order is another one there
 */
export function comparisonOf(columns: readonly SysColumn[], { column, descending }: NonNullable<Hint['order']>): Compare | undefined {
  const at = columns.findIndex(({ name }) => name === column);
  if (!['BIGINT', 'INTEGER', 'TIMESTAMP_LTZ(3)'].includes(columns[at]?.type ?? '')) return undefined;
  const sign = descending ? -1 : 1;
  const last = sign * Number.POSITIVE_INFINITY;
  const keyOf = (row: Row): number => Number(row[at] ?? last);
  return (a, b) => {
    const [one, other] = [keyOf(a), keyOf(b)];
    return one === other ? 0 : one < other ? -sign : sign;
  };
}

/** The first so many in an order, of rows that come in any: they are sorted a few at a time, and the others are not kept. */
export function firstOf(rows: Iterable<Row>, compare: Compare, count: number): readonly Row[] {
  let first: Row[] = [];
  let last: Row | undefined;
  for (const row of rows) {
    if (last !== undefined && compare(row, last) >= 0) continue;
    first.push(row);
    if (first.length < 2 * count) continue;
    first = first.sort(compare).slice(0, count);
    last = first.at(-1);
  }
  return first.sort(compare).slice(0, count);
}

/** Whether a row meets a condition, as DuckDB would say it; undefined where texts are compared, whose order is another one there. */
function testOf(columns: readonly SysColumn[], { column, operator, values }: Condition): ((row: Row) => boolean) | undefined {
  const at = columns.findIndex(({ name }) => name === column);
  const [value] = values;
  if (operator === 'is null') return (row) => row[at] === null;
  if (operator === 'is not null') return (row) => row[at] !== null;
  if (operator === '=') return (row) => row[at] === value;
  if (operator === 'in') return (row) => values.some((each) => each === row[at]);
  if (typeof value !== 'number') return undefined;
  const compare = comparisons[operator];
  return (row) => {
    const cell = row[at];
    return typeof cell === 'number' && compare(cell, value);
  };
}

const comparisons = {
  '<': (cell: number, value: number) => cell < value,
  '<=': (cell: number, value: number) => cell <= value,
  '>': (cell: number, value: number) => cell > value,
  '>=': (cell: number, value: number) => cell >= value,
} as const;
