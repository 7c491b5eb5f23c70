/** Definitions to read: each as its words and as the tree that should come of them, without spans. */
import fc from 'fast-check';

export type Plain = unknown;

/** A tree without spans; a name, a text or a key as its words. */
export function plainly(tree: unknown): Plain {
  if (Array.isArray(tree)) return tree.map(plainly);
  if (typeof tree !== 'object' || tree === null) return tree;
  const { span: _, ...rest } = tree as { readonly span?: unknown; readonly text?: unknown };
  const keys = Object.keys(rest);
  if (keys.length === 1 && keys[0] === 'text') return rest.text;
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plainly(value)]));
}

export const quoted = (text: string, quote: string): string => quote + text.replaceAll(quote, quote + quote) + quote;

interface Written<T> {
  readonly written: readonly string[];
  readonly tree: T;
}
interface WrittenType {
  readonly written: readonly string[];
  readonly text: string;
  readonly nullable: boolean;
}

const clean = (text: string): string => text.replace(/\p{Cc}/gu, '');
const texts = fc.string({ unit: 'binary', maxLength: 20 }).map(clean);
/** Keywords, too, where the grammar has none of its own. */
const bareNames = fc.constantFrom('orders', 'Übung', 'a$1', 'table', 'KEY', 'comment', 'with', 'date', 'reset', 'set', 'time', 'by');
const quotedNames = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
  .map(clean)
  .filter((name) => name !== '');
const anyName: fc.Arbitrary<Written<string>> = fc.oneof(
  bareNames.map((name) => ({ written: [name], tree: name })),
  quotedNames.map((name) => ({ written: [quoted(name, '`')], tree: name })),
  quotedNames.map((name) => ({ written: [quoted(name, '"')], tree: name })),
);
const anyText: fc.Arbitrary<Written<string>> = texts.map((text) => ({ written: [quoted(text, "'")], tree: text }));

/** Its parts with a comma in between. */
const commas = (parts: readonly { readonly written: readonly string[] }[]): readonly string[] =>
  parts.flatMap(({ written }, i) => (i === 0 ? written : [',', ...written]));
const inParentheses = (parts: readonly { readonly written: readonly string[] }[]): readonly string[] => ['(', ...commas(parts), ')'];
const words = (text: string): readonly string[] => text.split(' ');
const treesOf = <T>(parts: readonly Written<T>[]): readonly T[] => parts.map(({ tree }) => tree);
const path = (most: number): fc.Arbitrary<Written<readonly string[]>> =>
  fc.array(anyName, { minLength: 1, maxLength: most }).map((names) => ({
    written: names.flatMap(({ written }, i) => (i === 0 ? written : ['.', ...written])),
    tree: treesOf(names),
  }));

const precision = fc.integer({ min: 0, max: 9 });
const length = fc.integer({ min: 1, max: 2_147_483_646 });
const plainType = (written: string, text: string): { readonly written: readonly string[]; readonly text: string } => ({
  written: written.split(/ |(?=[(),])|(?<=[(),])/).filter((word) => word !== ''),
  text,
});
const flatType = fc.oneof(
  fc
    .constantFrom('BOOLEAN', 'TINYINT', 'SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'STRING', 'BYTES', 'DATE')
    .chain((name) => fc.constantFrom(name, name.toLowerCase()).map((written) => plainType(written, name))),
  fc.constantFrom(plainType('Integer', 'INT'), plainType('double precision', 'DOUBLE'), plainType('TIMESTAMP', 'TIMESTAMP(6)')),
  length.map((n) => plainType(`CHAR(${n})`, `CHAR(${n})`)),
  length.map((n) => plainType(`VarBinary(${n})`, `VARBINARY(${n})`)),
  fc
    .tuple(fc.constantFrom('DEC', 'DECIMAL', 'NUMERIC'), fc.integer({ min: 1, max: 38 }), fc.nat(38))
    .map(([name, p, s]) => plainType(`${name}(${p},${Math.min(p, s)})`, `DECIMAL(${p}, ${Math.min(p, s)})`)),
  precision.map((p) => plainType(`TIME(${p}) WITHOUT TIME ZONE`, `TIME(${p})`)),
  precision.map((p) => plainType(`TIMESTAMP(${p})`, `TIMESTAMP(${p})`)),
  precision.map((p) => plainType(`TIMESTAMP(${p}) WITH LOCAL TIME ZONE`, `TIMESTAMP_LTZ(${p})`)),
);
const full = ({ nullable, text }: WrittenType): string => (nullable ? text : `${text} NOT NULL`);

/** A type, what Flink prints of it, and whether it admits NULL. */
export const anyType: fc.Arbitrary<WrittenType> = fc.letrec<{ type: WrittenType; core: Omit<WrittenType, 'nullable'> }>((tie) => ({
  type: fc.tuple(tie('core'), fc.constantFrom('', 'NULL', 'NOT NULL')).map(([{ text, written }, null_]) => ({
    written: null_ === '' ? written : [...written, ...words(null_)],
    text,
    nullable: null_ !== 'NOT NULL',
  })),
  core: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    flatType,
    tie('type').map((element) => ({ written: ['ARRAY', '<', ...element.written, '>'], text: `ARRAY<${full(element)}>` })),
    fc
      .tuple(tie('type'), tie('type'))
      .map((both) => ({ written: ['map', '<', ...commas(both), '>'], text: `MAP<${both.map(full).join(', ')}>` })),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(anyName, tie('type'), fc.option(anyText)), {
          selector: ([name]) => name.tree,
          minLength: 1,
          maxLength: 3,
        }),
        fc.constantFrom(['<', '>'] as const, ['(', ')'] as const),
      )
      .map(([fields, [open, close]]) => ({
        written: [
          'ROW',
          open,
          ...commas(fields.map(([name, type, about]) => ({ written: [...name.written, ...type.written, ...(about?.written ?? [])] }))),
          close,
        ],
        text: `ROW<${fields
          .map(([name, type, about]) => `${quoted(name.tree, '`')} ${full(type)}${about === null ? '' : ` ${quoted(about.tree, "'")}`}`)
          .join(', ')}>`,
      })),
  ),
})).type;

const anyComment = fc.option(anyText, { nil: undefined });
const commentWords = (comment: Written<string> | undefined): readonly string[] =>
  comment === undefined ? [] : ['COMMENT', ...comment.written];
const anyColumn: fc.Arbitrary<Written<object>> = fc.tuple(anyName, anyType, anyComment).map(([name, type, comment]) => ({
  written: [...name.written, ...type.written, ...commentWords(comment)],
  tree: { name: name.tree, type: { text: type.text, nullable: type.nullable }, comment: comment?.tree },
}));
const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> => fc.array(item, { minLength: 1, maxLength: 4 });
const anyProperty: fc.Arbitrary<Written<object>> = fc
  .tuple(anyText, anyText)
  .map(([key, value]) => ({ written: [...key.written, '=', ...value.written], tree: { key: key.tree, value: value.tree } }));
const anyProperties = fc.option(list(anyProperty), { nil: undefined });
const withWords = (properties: readonly Written<object>[] | undefined): readonly string[] =>
  properties === undefined ? [] : ['WITH', ...inParentheses(properties)];
const partitionValue = fc.oneof(
  anyText,
  fc.nat().map((n) => ({ written: [String(n)], tree: String(n) })),
);
const anyPartition: fc.Arbitrary<Written<object>> = list(fc.tuple(anyName, partitionValue)).map((values) => ({
  written: ['PARTITION', ...inParentheses(values.map(([column, value]) => ({ written: [...column.written, '=', ...value.written] })))],
  tree: { values: values.map(([column, value]) => ({ column: column.tree, value: value.tree })) },
}));
const flag = (phrase: string): fc.Arbitrary<Written<boolean>> =>
  fc.boolean().map((isSet) => ({ written: isSet ? words(phrase) : [], tree: isSet }));
const ifExists = flag('IF EXISTS');
const ifNotExists = flag('if not exists');
const anyKey = fc.option(list(anyName), { nil: undefined });

const createTable = fc
  .tuple(ifNotExists, path(3), list(anyColumn), fc.nat(), anyKey, anyComment, anyKey, anyProperties)
  .map(([exists, name, columns, at, key, comment, partitions, properties]) => {
    const elements: { readonly written: readonly string[] }[] = [...columns];
    if (key !== undefined)
      elements.splice(at % (columns.length + 1), 0, {
        written: [...words('PRIMARY KEY'), ...inParentheses(key), ...words('NOT ENFORCED')],
      });
    return {
      written: [
        ...['CREATE', 'TABLE', ...exists.written, ...name.written, ...inParentheses(elements), ...commentWords(comment)],
        ...(partitions === undefined ? [] : [...words('PARTITIONED BY'), ...inParentheses(partitions)]),
        ...withWords(properties),
      ],
      tree: {
        kind: 'createTable',
        name: name.tree,
        ifNotExists: exists.tree,
        columns: treesOf(columns),
        primaryKey: key === undefined ? undefined : { columns: treesOf(key) },
        comment: comment?.tree,
        partitionedBy: treesOf(partitions ?? []),
        properties: treesOf(properties ?? []),
      },
    };
  });
const createDatabase = fc.tuple(ifNotExists, path(2), anyComment, anyProperties).map(([exists, name, comment, properties]) => ({
  written: ['CREATE', 'DATABASE', ...exists.written, ...name.written, ...commentWords(comment), ...withWords(properties)],
  tree: {
    kind: 'createDatabase',
    name: name.tree,
    ifNotExists: exists.tree,
    comment: comment?.tree,
    properties: treesOf(properties ?? []),
  },
}));
const dropTable = fc.tuple(ifExists, path(3)).map(([exists, name]) => ({
  written: ['DROP', 'TABLE', ...exists.written, ...name.written],
  tree: { kind: 'dropTable', name: name.tree, ifExists: exists.tree },
}));
const dropDatabase = fc.tuple(ifExists, path(2), fc.constantFrom(undefined, 'RESTRICT', 'CASCADE')).map(([exists, name, behavior]) => ({
  written: ['DROP', 'DATABASE', ...exists.written, ...name.written, ...(behavior === undefined ? [] : [behavior])],
  tree: { kind: 'dropDatabase', name: name.tree, ifExists: exists.tree, behavior },
}));
const propertyAction: fc.Arbitrary<Written<object>> = fc.oneof(
  list(anyProperty).map((properties) => ({
    written: ['SET', ...inParentheses(properties)],
    tree: { kind: 'setProperties', properties: treesOf(properties) },
  })),
  list(anyText).map((keys) => ({ written: ['reset', ...inParentheses(keys)], tree: { kind: 'resetProperties', keys: treesOf(keys) } })),
);
const tableAction: fc.Arbitrary<Written<object>> = fc.oneof(
  propertyAction,
  anyColumn.map((column) => ({ written: ['ADD', ...column.written], tree: { kind: 'addColumns', columns: [column.tree] } })),
  list(anyColumn).map((columns) => ({
    written: ['ADD', ...inParentheses(columns)],
    tree: { kind: 'addColumns', columns: treesOf(columns) },
  })),
  fc.tuple(ifNotExists, list(anyPartition)).map(([exists, partitions]) => ({
    written: ['ADD', ...exists.written, ...partitions.flatMap(({ written }) => written)],
    tree: { kind: 'addPartitions', ifNotExists: exists.tree, partitions: treesOf(partitions) },
  })),
  fc.tuple(ifExists, list(anyPartition)).map(([exists, partitions]) => ({
    written: ['DROP', ...exists.written, ...commas(partitions)],
    tree: { kind: 'dropPartitions', ifExists: exists.tree, partitions: treesOf(partitions) },
  })),
);
const alterTable = fc.tuple(ifExists, path(3), tableAction).map(([exists, name, action]) => ({
  written: ['ALTER', 'TABLE', ...exists.written, ...name.written, ...action.written],
  tree: { kind: 'alterTable', name: name.tree, ifExists: exists.tree, action: action.tree },
}));
const alterDatabase = fc.tuple(path(2), propertyAction).map(([name, action]) => ({
  written: ['alter', 'database', ...name.written, ...action.written],
  tree: { kind: 'alterDatabase', name: name.tree, action: action.tree },
}));

export const anyDefinition: fc.Arbitrary<Written<object>> = fc.oneof(
  { weight: 3, arbitrary: createTable },
  createDatabase,
  dropTable,
  dropDatabase,
  { weight: 3, arbitrary: alterTable },
  alterDatabase,
);
