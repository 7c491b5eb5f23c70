import type { Condition, Hint } from '../../engine/history/selector.ts';
import { isObject, type Json, type JsonObject, listOf, locationOf, textOf } from './queryTree.ts';

interface HintColumn {
  readonly name: string;
  readonly type: string;
}

const operators: Readonly<Record<string, Condition['operator']>> = {
  COMPARE_EQUAL: '=',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
};
const nullnesses: Readonly<Record<string, Condition['operator']>> = {
  OPERATOR_IS_NULL: 'is null',
  OPERATOR_IS_NOT_NULL: 'is not null',
};
const mirrored: Readonly<Record<string, Condition['operator']>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/**
 * Reads the hint from a plain SELECT over one table. Anything it does not understand makes the hint weaker, never wrong.
 * @param node the query's tree.
 * @param location of the one table reference in the query: unless it is the query's own FROM there is no hint.
 * @param rowsMax nobody looks at more rows of the result.
 */
export function hintOf(node: JsonObject, location: number | undefined, columns: readonly HintColumn[], rowsMax: number): Hint | undefined {
  const from = node['from_table'];
  if (node['type'] !== 'SELECT_NODE' || !isObject(from) || from['type'] !== 'BASE_TABLE' || locationOf(from) !== location) return undefined;
  if (listOf(from['column_name_alias']).length > 0) return undefined;
  const tableName = textOf(from['alias'] === '' ? from['table_name'] : from['alias']).toLowerCase();
  const hidden = new Set(listOf(node['select_list']).map((item) => (isObject(item) ? textOf(item['alias']).toLowerCase() : '')));
  const columnOf = (value: Json | undefined): HintColumn | undefined => {
    if (!isObject(value) || value['class'] !== 'COLUMN_REF') return undefined;
    const names = listOf(value['column_names']).map((part) => textOf(part).toLowerCase());
    const name = names.at(-1) ?? '';
    // `data.type` may be the field `type` of a JSON column `data`: only the table's own name may stand before a column's.
    if (names.length > 1 && (names.at(-2) !== tableName || columns.some((column) => column.name.toLowerCase() === names[0])))
      return undefined;
    return hidden.has(name) ? undefined : columns.find((column) => column.name.toLowerCase() === name);
  };
  const conjuncts = conjunctsOf(node['where_clause'] ?? null);
  const conditions = conjuncts.map((conjunct) => conditionsOf(conjunct, columnOf));
  const understood = conditions.flatMap((list) => list ?? []);
  const ends = conditions.every((list) => list !== undefined) ? endsOf(node, columnOf, rowsMax) : {};
  return understood.length === 0 && ends.limit === undefined ? undefined : { conditions: understood, ...ends };
}

function conjunctsOf(where: Json): readonly Json[] {
  if (where === null) return [];
  return isObject(where) && where['type'] === 'CONJUNCTION_AND' ? listOf(where['children']).flatMap(conjunctsOf) : [where];
}

type ColumnOf = (value: Json | undefined) => HintColumn | undefined;

/** A constant that compares with the column as it stands: without a cast, which could change the order. */
function constantFor(column: HintColumn, value: Json | undefined): string | number | undefined {
  if (!isObject(value) || value['class'] !== 'CONSTANT' || !isObject(value['value'])) return undefined;
  const constant = value['value']['value'];
  if ((column.type === 'VARCHAR' || column.type === 'STRING') && typeof constant === 'string') return constant;
  const numeric = column.type === 'BIGINT' || column.type === 'INTEGER';
  return numeric && Number.isSafeInteger(constant) && isIntegerType(value['value']['type']) ? (constant as number) : undefined;
}

const isIntegerType = (type: Json | undefined): boolean =>
  isObject(type) && /^(?:TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(textOf(type['id']));

function conditionsOf(conjunct: Json, columnOf: ColumnOf): readonly Condition[] | undefined {
  if (!isObject(conjunct)) return undefined;
  if (conjunct['class'] === 'BETWEEN' && conjunct['type'] === 'COMPARE_BETWEEN') {
    const lower = comparison('>=', conjunct['input'], conjunct['lower'], columnOf);
    const upper = comparison('<=', conjunct['input'], conjunct['upper'], columnOf);
    return lower === undefined || upper === undefined ? undefined : [lower, upper];
  }
  if (conjunct['type'] === 'COMPARE_IN') {
    const [column, ...values] = listOf(conjunct['children']);
    const found = columnOf(column);
    const constants = found === undefined ? [] : values.map((value) => constantFor(found, value));
    if (found === undefined || constants.length === 0 || constants.includes(undefined)) return undefined;
    return [{ column: found.name, operator: 'in', values: constants.filter((value) => value !== undefined) }];
  }
  const nullness = nullnesses[textOf(conjunct['type'])];
  if (nullness !== undefined && conjunct['class'] === 'OPERATOR') {
    const column = columnOf(listOf(conjunct['children'])[0]);
    return column === undefined ? undefined : [{ column: column.name, operator: nullness, values: [] }];
  }
  const operator = operators[textOf(conjunct['type'])];
  if (operator === undefined || conjunct['class'] !== 'COMPARISON') return undefined;
  const condition =
    comparison(operator, conjunct['left'], conjunct['right'], columnOf) ??
    comparison(mirrored[operator] ?? operator, conjunct['right'], conjunct['left'], columnOf);
  return condition === undefined ? undefined : [condition];
}

function comparison(
  operator: Condition['operator'],
  left: Json | undefined,
  right: Json | undefined,
  columnOf: ColumnOf,
): Condition | undefined {
  const column = columnOf(left);
  const value = column === undefined ? undefined : constantFor(column, right);
  return column === undefined || value === undefined ? undefined : { column: column.name, operator, values: [value] };
}

/** Order and limit, where nothing stands between the table's rows and the result: no grouping, no aggregate, no DISTINCT, no sample. */
function endsOf(node: JsonObject, columnOf: ColumnOf, rowsMax: number): Pick<Hint, 'order' | 'limit'> {
  const plain =
    listOf(node['group_expressions']).length === 0 &&
    listOf(node['group_sets']).length === 0 &&
    node['aggregate_handling'] === 'STANDARD_HANDLING' &&
    [node['having'], node['qualify'], node['sample']].every((clause) => (clause ?? null) === null) &&
    isObject(node['from_table']) &&
    (node['from_table']['sample'] ?? null) === null &&
    listOf(node['select_list']).every(isPlainItem);
  const modifiers = listOf(node['modifiers']).filter(isObject);
  const [order, limit] = modifiers[0]?.['type'] === 'LIMIT_MODIFIER' ? [undefined, modifiers[0]] : modifiers;
  const rows = limitOf(limit, rowsMax);
  if (!plain || modifiers.length > 2 || rows === undefined) return {};
  if (order === undefined) return { limit: rows };
  const [by, ...more] = order['type'] === 'ORDER_MODIFIER' ? listOf(order['orders']) : [];
  const column = isObject(by) ? columnOf(by['expression']) : undefined;
  if (!isObject(by) || column === undefined || more.length > 0 || by['null_order'] !== 'ORDER_DEFAULT') return {};
  return { order: { column: column.name, descending: by['type'] === 'DESCENDING' }, limit: rows };
}

/** A column or a star that changes none. */
const isPlainItem = (item: Json): boolean =>
  isObject(item) &&
  (item['class'] === 'COLUMN_REF' ||
    (item['class'] === 'STAR' &&
      item['columns'] === false &&
      ['replace_list', 'rename_list'].every((key) => listOf(item[key]).length === 0)));

/** LIMIT and OFFSET together, where they are there both written as numbers. */
function limitOf(modifier: JsonObject | undefined, rowsMax: number): number | undefined {
  if (modifier === undefined) return rowsMax;
  if (modifier['type'] !== 'LIMIT_MODIFIER') return undefined;
  const rows = (modifier['limit'] ?? null) === null ? rowsMax : wholeNumber(modifier['limit']);
  const skipped = (modifier['offset'] ?? null) === null ? 0 : wholeNumber(modifier['offset']);
  return rows === undefined || skipped === undefined ? undefined : Math.min(rows, rowsMax) + skipped;
}

function wholeNumber(value: Json | undefined): number | undefined {
  if (!isObject(value) || value['class'] !== 'CONSTANT' || !isObject(value['value'])) return undefined;
  const number = value['value']['value'];
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
