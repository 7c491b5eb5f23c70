import { type IToken, type TokenType, tokenMatcher } from 'chevrotain';
import { type Fault, isType } from './definitionTypes.ts';
import * as t from './lexer.ts';
import { nearest } from './spelling.ts';

/** What Flink or another system has at a place of a definition and Fluss has not, with the reason and what to do. */
type Reasons = Readonly<Record<string, string>>;

const onlyCatalog = 'because databases, tables and partitions are all that is kept here';
const objects: Reasons = {
  TEMPORARY: 'temporary objects are not supported, because a definition stays until it is dropped; leave TEMPORARY out',
  OR: 'OR REPLACE is not supported, because replacing a table drops its data; DROP TABLE first',
  SCHEMA: 'SCHEMA is not supported; write DATABASE',
  EXTERNAL: 'EXTERNAL is not supported, because Fluss stores every table itself; leave it out',
  CATALOG: `catalogs are not supported, ${onlyCatalog}: SHOW CATALOGS names the one there is`,
  MATERIALIZED: `materialized tables are not supported, ${onlyCatalog}: Flink refreshes them`,
  ...Object.fromEntries(
    ['VIEW', 'FUNCTION', 'MODEL', 'INDEX', 'CONNECTION'].map((word) => [word, `${word} is not supported, ${onlyCatalog}`]),
  ),
};
const actions: Reasons = {
  RENAME: 'RENAME is not supported, because Fluss keeps the names of databases, tables and columns for good',
  MODIFY: 'MODIFY is not supported, because Fluss keeps columns as they are; new ones can be added behind them',
  CHANGE: 'CHANGE is not supported, because Fluss keeps columns as they are; new ones can be added behind them',
  REPLACE: 'REPLACE is not supported, because Fluss keeps columns as they are; new ones can be added behind them',
};
const atTheEnd = 'because Fluss adds columns behind the present ones only; leave it out';
const additions: Reasons = { FIRST: `FIRST is not supported, ${atTheEnd}`, AFTER: `AFTER is not supported, ${atTheEnd}` };
const everyColumn = 'because Fluss stores every column as it is written';
/** For a key behind ADD. */
export const noLaterKey = 'a primary key cannot be added, because Fluss fixes the key when the table is created';
const oneConstraint = 'the one constraint of a table is the key it is created with';
const columnParts: Reasons = {
  METADATA: `metadata columns are not supported, ${everyColumn}`,
  VIRTUAL: `virtual columns are not supported, ${everyColumn}`,
  GENERATED: `generated columns are not supported, ${everyColumn}`,
  DEFAULT: `default values are not supported, ${everyColumn}`,
  AUTO_INCREMENT: "AUTO_INCREMENT is not supported, because it is a property: WITH ('auto-increment.fields' = '…')",
  UNIQUE: `UNIQUE is not supported, because ${oneConstraint}`,
  REFERENCES: `REFERENCES is not supported, because ${oneConstraint}`,
  CHECK: `CHECK is not supported, because ${oneConstraint}`,
};
const inProperties = "is not supported, because it is a property: WITH ('bucket.key' = '…')";
const tableParts: Reasons = {
  LIKE: 'LIKE is not supported, because every table has its own definition; SHOW CREATE TABLE gives one to begin with',
  AS: 'AS SELECT is not supported, because no rows are written here; define the columns',
  DISTRIBUTED: `DISTRIBUTED BY ${inProperties}`,
  CLUSTERED: `CLUSTERED BY ${inProperties}`,
  BUCKETS: `BUCKETS ${inProperties}`,
  PARTITION: 'PARTITION BY is not supported; write PARTITIONED BY (column, …)',
};

const found = (reasons: Reasons, word: string): string | undefined => (Object.hasOwn(reasons, word) ? reasons[word] : undefined);

/**
 * The sentence for a word that is known and refused where it stands.
 * @param before the tokens of the statement in front of it
 * @param expected what could have stood there, as `SqlSyntaxError.expected` has it
 */
export function refusedHere(before: readonly IToken[], { image }: IToken, expected: readonly string[]): string | undefined {
  const word = image.toUpperCase();
  const verb = before[0]?.tokenType;
  const last = before.at(-1)?.tokenType;
  if (verb === t.Explain && before.length === 1 && /^(?:CREATE|ALTER|DROP)$/.test(word))
    return `expected CALL; ${word} cannot be explained`;
  if (verb !== t.Create && verb !== t.Alter && verb !== t.Drop) return undefined;
  if (before.length === 1) return found(objects, word);
  if (expected.includes('RESET')) return found(actions, word);
  if (verb === t.Alter && last === t.Drop && nearest(word, ['PARTITION']) === undefined)
    return 'only a PARTITION can be dropped, because Fluss keeps the columns and the key of a table for good';
  const isAddition = before.some(({ tokenType }) => tokenType === t.Add);
  if (isAddition && Object.hasOwn(additions, word)) return additions[word];
  if (expected.includes('COMMENT') && expected.includes('PRIMARY')) return found(columnParts, word);
  return verb === t.Create && before[1]?.tokenType === t.Table ? found(tableParts, word) : undefined;
}

/** What is wrong with a column's name and type that are in truth the beginning of something else; undefined when they are not. */
export function columnFault(name: IToken, type: IToken): Fault | undefined {
  const first = name.image.toUpperCase();
  const second = type.image.toUpperCase();
  const at = ({ startOffset }: IToken, message: string): Fault => ({ offset: startOffset, message });
  if (second === 'AS') return at(type, `computed columns are not supported, ${everyColumn}`);
  if (first === 'WATERMARK' && second === 'FOR')
    return at(name, 'watermarks are not supported, because they belong to the query that reads the table; leave it out');
  if (first === 'PRIMARY' && second === 'KEY') return at(name, noLaterKey);
  if (first === 'CONSTRAINT' && !isType(type)) return at(name, `${oneConstraint}: PRIMARY KEY (column, …) NOT ENFORCED`);
  if (first === 'IF' && (second === 'NOT' || second === 'EXISTS')) return at(name, 'write ADD IF NOT EXISTS PARTITION (column = value)');
  return undefined;
}

/**
 * A hint for a common slip in a definition, to stand behind "expected …"; empty when there is none.
 * @param token the one at fault; undefined at the end of the statement
 */
export function definitionHint(before: readonly IToken[], token: IToken | undefined, expected: readonly string[]): string {
  const last = before.at(-1)?.tokenType;
  const verb = before[0]?.tokenType;
  if (verb !== t.Create && verb !== t.Alter && verb !== t.Drop) return '';
  const isAlone = expected.length === 1;
  if (isAlone && (expected[0] === 'ENFORCED' || (expected[0] === 'NOT' && (last === t.Close || last === t.Key)))) return notEnforced;
  if (expected.includes('a type'))
    return last === t.Column ? '; leave out COLUMN before several of them' : '; for example STRING or DECIMAL(10, 2)';
  if (token === undefined) return '';
  const { tokenType } = token;
  if (last === t.Comma && tokenType === t.Close) return '; leave out the comma before it';
  if (last === t.If && verb === t.Create && tokenType === t.Exists) return '; CREATE takes IF NOT EXISTS';
  if (last === t.If && verb !== t.Create && tokenType === t.Not) return `; ${verb === t.Drop ? 'DROP' : 'ALTER'} takes IF EXISTS`;
  const ahead = before.at(-1);
  if (tokenType === t.Open && ahead !== undefined && isType(ahead)) return `; ${ahead.image.toUpperCase()} takes no number`;
  if (verb === t.Create && isAlone && clauses.includes(tokenType)) return '; the order is COMMENT, PARTITIONED BY, WITH';
  if (!isAlone || expected[0] !== 'text in single quotes') return '';
  if (values.includes(tokenType)) return '; put the value in single quotes';
  const isBareWord = tokenType !== t.DoubleQuoted && tokenMatcher(token, t.Word);
  return isBareWord ? "; keys and values stand in single quotes: 'bucket.num' = '8'" : '';
}

const notEnforced = '; a primary key is NOT ENFORCED: Fluss keeps the last row of each key';
const values: readonly TokenType[] = [t.Numeral, t.True, t.False, t.Null, t.Minus];
const clauses: readonly TokenType[] = [t.Comment, t.Partitioned, t.With];
