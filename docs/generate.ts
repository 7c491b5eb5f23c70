/**
 * Writes the pages of docs/ that follow from the code: `npm run docs`. test/architecture/docs.test.ts compares them, so a page can
 * neither be forgotten nor edited by hand.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { catalogue } from '../events/index.ts';
import { configKeyOf, isChanceryKey, type KnownKey, knownKeys } from '../projections/configKeys.ts';
import { allCommands } from '../src/deciders/commands.ts';
import { type Access, aboutNeeds, metaServiceAccess, operatorAccess, procedureAccess, tableAccess } from '../src/deciders/permissions.ts';
import { operatorProblems } from '../src/interfaces/operator/problems.ts';
import { remedies } from '../src/interfaces/sql/errors.ts';
import { statementRefusals } from '../src/interfaces/sql/refusals.ts';
import { type RejectionKind, rejections } from '../src/rejection.ts';

const top = join(import.meta.dirname, '..');
type Definition = typeof catalogue extends ReadonlyMap<string, infer D> ? D : never;

/** The part of JSON Schema that zod writes for an event's data. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: Schema;
  readonly additionalProperties?: Schema | false;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly secret?: boolean;
}
/** A line of an event's table: `path` as in `changes[].key`. */
interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly optional: boolean;
}

const range = (low: number | undefined, high: number | undefined, unit: string): string => {
  const top = high === Number.MAX_SAFE_INTEGER ? undefined : high;
  const bottom = low === Number.MIN_SAFE_INTEGER ? undefined : low;
  if (bottom !== undefined && top !== undefined) return bottom === top ? `exactly ${top}${unit}` : `${bottom} to ${top}${unit}`;
  if (top !== undefined) return `up to ${top}${unit}`;
  return bottom === undefined ? '' : `from ${bottom}${unit}`;
};

const alternatives = (schema: Schema): readonly Schema[] => schema.oneOf ?? schema.anyOf ?? [];
const constantsOf = (schema: Schema): readonly unknown[] => Object.values(schema.properties ?? {}).flatMap((part) => part.const ?? []);

function typeOf(schema: Schema): string {
  if (schema.secret === true) return '**secret**, sealed text';
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ');
  const variants = alternatives(schema);
  if (variants.length > 0) return `one of ${variants.map((one) => constantsOf(one).map(code).join(' ') || typeOf(one)).join(', ')}`;
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') return `map to ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? 'any JSON value';
}

function boundsOf(schema: Schema): string {
  const parts = [
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minimum, schema.maximum, ''),
    range(schema.minItems, schema.maxItems, ' items'),
    schema.propertyNames === undefined
      ? ''
      : `keys of ${range(schema.propertyNames.minLength, schema.propertyNames.maxLength, ' characters')}`,
    schema.pattern === undefined ? '' : code(schema.pattern),
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** The fields of an object, each followed by those inside it. What is sealed is not opened. */
function fieldsOf(schema: Schema, prefix: string): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const path = prefix + name;
    return [{ path, schema: part, optional: !(schema.required ?? []).includes(name) }, ...inside(part, path)];
  });
}
function inside(schema: Schema, path: string): readonly Field[] {
  if (schema.secret === true) return [];
  if (schema.items !== undefined) return inside(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === 'object') return inside(schema.additionalProperties, `${path}{}`);
  const variants = alternatives(schema).flatMap((variant) =>
    fieldsOf(variant, `${path}(${constantsOf(variant).join(' ')}).`).filter((field) => field.schema.const === undefined),
  );
  return [...variants, ...fieldsOf(schema, `${path}.`)];
}

const code = (value: unknown): string => `\`${String(value)}\``;
const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** What a field means, and its variants where the section has not told them yet (`told`). */
function describe(schema: Schema, told: Set<string>): string {
  const variants = alternatives(schema)
    .filter((one) => one.description !== undefined)
    .map((one) => `${constantsOf(one).map(code).join(' ')}: ${one.description}`)
    .filter((text) => !told.has(text));
  for (const text of variants) told.add(text);
  return [schema.description ?? '', ...variants].filter((text) => text !== '').join(' ');
}

/** Links to the files of a folder whose text names a word. */
function filesNaming(folder: string, word: string): string {
  const names = new RegExp(`\\b${word}\\b`);
  const files = readdirSync(join(top, folder)).filter(
    (file) => file.endsWith('.ts') && names.test(readFileSync(join(top, folder, file), 'utf8')),
  );
  return files.length === 0
    ? 'nobody yet'
    : files
        .sort()
        .map((file) => `[${folder}/${file}](../${folder}/${file})`)
        .join(', ');
}

function eventSection({ type, about, version, schema }: Definition): string {
  const maker = type.charAt(0).toLowerCase() + type.slice(1);
  const told = new Set<string>();
  return [
    `## ${type}`,
    '',
    about,
    '',
    `Version ${version}${version === 1 ? '' : ', and reads every older one'}.`,
    `Raised in ${filesNaming('src/deciders', maker)}; folded in ${filesNaming('projections', type)}.`,
    '',
    row('Field', 'Type', 'Bounds', 'Meaning'),
    row('---', '---', '---', '---'),
    ...fieldsOf(z.toJSONSchema(schema) as Schema, '').map((field) =>
      row(
        code(field.path),
        field.optional ? `${typeOf(field.schema)}, may be absent` : typeOf(field.schema),
        boundsOf(field.schema),
        describe(field.schema, told),
      ),
    ),
    '',
  ].join('\n');
}

/** docs/events.md */
export function eventsPage(): string {
  return [
    '# Events',
    '',
    'Everything that can happen, and all that the log ever holds. Generated from `events/` by `npm run docs`; do not edit.',
    '',
    'Beside the data below, each event carries its `id`, `type`, `version` and `act`: who did it, through which interface, why.',
    'In a path `[]` stands for each item of a list, `{}` for each value of a map, and `(name)` for the variant of that name.',
    'A field marked **secret** is sealed before it reaches the log, and histories and listings show the word `sealed` in its place.',
    '',
    ...[...catalogue.values()].map(eventSection),
  ].join('\n');
}

const kinds: Readonly<Record<RejectionKind, string>> = {
  invalid: 'The request can never succeed as it is: change it.',
  missing: 'It names something that does not exist.',
  denied: 'The caller may not do this.',
  conflict: 'It does not fit the present state: look at that, then decide anew.',
  unavailable: 'Nothing is wrong with it, but this node cannot do it now: send it again later, or to another node.',
};

/** docs/errors.md */
export function errorsPage(): string {
  const sections = Object.entries(kinds).map(([kind, meaning]) => [
    `## ${kind}`,
    '',
    meaning,
    '',
    row('Code', 'What to do'),
    row('---', '---'),
    ...Object.entries(rejections).flatMap(([name, entry]) => (entry.kind === kind ? [row(code(name), entry.remedy)] : [])),
    '',
  ]);
  return [
    '# Refusals',
    '',
    'Every way a request can be refused. A refusal is an answer, not an accident: it carries its code, the field at fault, what was wrong',
    'with it, and the remedy below, and nothing was changed. Generated by `npm run docs`; do not edit.',
    '',
    ...sections.flat(),
    '## SQL',
    '',
    'Of statements, by the code behind `SQL_`. Texts that cannot be read are `SQL_SYNTAX`, with line, column and a caret.',
    '',
    row('Code', 'What to do'),
    row('---', '---'),
    ...Object.entries({ ...statementRefusals, ...remedies }).map(([name, remedy]) => row(code(`SQL_${name}`), remedy)),
    '',
    '## The operator API',
    '',
    'Of HTTP requests, beside all of the above.',
    '',
    row('Code', 'Status', 'What to do'),
    row('---', '---', '---'),
    ...Object.entries(operatorProblems).map(([name, { status, remedy }]) => row(code(name), String(status), remedy)),
    '',
  ].join('\n');
}

/** docs/configs.md */
export function configsPage(): string {
  const section = (keys: readonly KnownKey[]) => [
    row('Key', 'Type', 'Default', 'What it is'),
    row('---', '---', '---', '---'),
    ...keys.map((key) => {
      const definition = configKeyOf(key);
      const marks = definition?.secret ? ' **Secret**: sealed in the log, shown as `user:******`.' : '';
      return row(
        code(key),
        definition?.type.name ?? '',
        definition?.default ? code(definition.default) : 'none',
        `${definition?.about}${marks}`,
      );
    }),
    '',
  ];
  const isFileOnly = (key: KnownKey) => configKeyOf(key)?.fileOnly === true;
  return [
    readFileSync(join(top, 'docs', 'configs.intro.md'), 'utf8'),
    '## Of Fluss',
    '',
    'Beside these, any key that begins with `datalake.` may be set; with a format F in force it must begin with `datalake.F.`.',
    '',
    ...section(knownKeys.filter((key) => !isChanceryKey(key) && !isFileOnly(key))),
    '## Of Chancery itself',
    '',
    ...section(knownKeys.filter(isChanceryKey)),
    '## In a file only',
    '',
    ...section(knownKeys.filter(isFileOnly)),
  ].join('\n');
}

/** What a read asks of its caller, in words. */
function accessWords(access: Access): string {
  const about = access.about === undefined ? '' : access.about;
  switch (access.kind) {
    case 'open':
      return about === '' ? 'nothing' : `nothing: ${about}`;
    case 'known':
      return 'to be known; `User:ANONYMOUS` needs DESCRIBE on the cluster';
    case 'judged':
      return about;
    case 'needs':
      return `${access.needs.map(({ operation }) => `${operation} on the cluster`).join(', ')}${about === '' ? '' : `: ${about}`}`;
  }
}

/** docs/permissions.md */
export function permissionsPage(): string {
  const reads = (title: string, about: string, column: string, accesses: Readonly<Record<string, Access>>) => [
    `## ${title}`,
    '',
    about,
    '',
    row(column, 'What the caller needs'),
    row('---', '---'),
    ...Object.entries(accesses).map(([name, access]) => row(code(name), accessWords(access))),
    '',
  ];
  return [
    '# What each act and read needs',
    '',
    'Of whoever asks, where there is an authorizer ([access.md](access.md)). Super users need nothing. Made by `npm run docs` from',
    '[src/deciders/permissions.ts](../src/deciders/permissions.ts); what is not listed there is not offered.',
    '',
    '## Acts',
    '',
    'The same through whichever interface they come. The node that leads judges them, on the state on which it decides them.',
    '',
    row('Command', 'What it does', 'What the caller needs'),
    row('---', '---', '---'),
    ...allCommands.map(({ about, name }) => row(code(name), about, aboutNeeds(name))),
    '',
    ...reads(
      'The operator API',
      'Reads are judged on the tables that they are answered from, those of `atLeast` and `consistency`.',
      'Route',
      operatorAccess,
    ),
    ...reads(
      'System tables',
      'Of a SELECT, each table that it names. Whoever may read a table may read its past. `User:ANONYMOUS` needs DESCRIBE on the cluster ' +
        'for every SELECT.',
      'Table',
      tableAccess,
    ),
    ...reads(
      'Procedures that only read',
      'All others need what their command needs, with EXPLAIN too; SHOW, DESCRIBE, USE and SET need nothing.',
      'Procedure',
      procedureAccess,
    ),
    ...reads(
      'The Meta Service',
      'Whoever has its token is `User:meta-service`, who may do everything there, unless the setting `meta-service-principal` says ' +
        'otherwise. A method that makes no command after all needs DESCRIBE on the cluster. A denial is `INVALID_ARGUMENT` and begins ' +
        'with `AUTHORIZATION_DENIED`: upstream has no code for it.',
      'Method or route',
      metaServiceAccess,
    ),
  ].join('\n');
}

if (import.meta.main) {
  writeFileSync(join(top, 'docs', 'permissions.md'), permissionsPage());
  writeFileSync(join(top, 'docs', 'events.md'), eventsPage());
  writeFileSync(join(top, 'docs', 'errors.md'), errorsPage());
  writeFileSync(join(top, 'docs', 'configs.md'), configsPage());
}
