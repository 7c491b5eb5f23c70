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
  return {
    isWanted: (row) => tests.every((test) => test === undefined || test(row)),
    most: isExact ? (hint.limit ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  };
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
