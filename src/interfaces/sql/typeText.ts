import type { DataType } from './ast.ts';
import { SqlSyntaxError } from './errors.ts';
import { parseScript } from './grammar.ts';

const before = 'CREATE TABLE t (c ';

/** Reads the type of a column as SQL has it, `decimal(10,2) not null`, for interfaces that take nothing but the type. */
export function readType(text: string): DataType | { readonly fault: string } {
  try {
    const [statement, ...more] = parseScript(`${before}${text})`);
    const [column, ...others] = statement?.kind === 'createTable' ? statement.columns : [];
    // Whatever else was written behind the type would be read as the rest of the statement.
    const isAlone = statement?.kind === 'createTable' && statement.primaryKey === undefined && more.length + others.length === 0;
    if (column !== undefined && isAlone && column.comment === undefined && column.type.span.end === before.length + text.trimEnd().length)
      return column.type;
    return { fault: 'there is more than a type here' };
  } catch (error) {
    if (error instanceof SqlSyntaxError) return { fault: error.message };
    throw error;
  }
}
