/** A piece of the script: offsets in UTF-16 units, the end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A name as the reader sees it: without backticks or double quotes, otherwise unchanged. */
export interface Name {
  readonly text: string;
  readonly span: Span;
}

/** A value written out in the statement. A number keeps its digits as text, sign included, so that none is lost. */
export type Literal =
  | { readonly kind: 'string'; readonly value: string; readonly span: Span }
  | { readonly kind: 'number'; readonly value: string; readonly span: Span }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly span: Span }
  | { readonly kind: 'null'; readonly span: Span }
  | { readonly kind: 'array'; readonly values: readonly Scalar[]; readonly span: Span };
export type Scalar = Exclude<Literal, { kind: 'array' }>;

/** `name => v1, v2, …`: values without a name of their own belong to the name before them, as the manual's lists need. */
export interface NamedArgument {
  readonly name: Name;
  /** At least one. */
  readonly values: readonly Literal[];
  /** From the name to the last value. */
  readonly span: Span;
}

/** `CALL [catalog.]sys.proc(…)`. Positional values come first; no name is given twice, whatever its case. */
export interface CallStatement {
  readonly kind: 'call';
  /** `EXPLAIN CALL`: say what would happen, change nothing. */
  readonly explain: boolean;
  /** One to three parts; the last is the procedure. */
  readonly procedure: readonly Name[];
  readonly positional: readonly Literal[];
  readonly named: readonly NamedArgument[];
  /** From the opening parenthesis to behind the closing one. */
  readonly argumentsSpan: Span;
  readonly span: Span;
}

export interface LikeFilter {
  readonly pattern: string;
  readonly negated: boolean;
  readonly ignoreCase: boolean;
}

export interface ShowStatement {
  readonly kind: 'show';
  readonly what: 'PROCEDURES' | 'CATALOGS' | 'DATABASES' | 'TABLES' | 'CURRENT CATALOG' | 'CURRENT DATABASE';
  /** The name after FROM or IN, at most two parts; empty when there was none. */
  readonly from: readonly Name[];
  readonly like: LikeFilter | undefined;
  readonly span: Span;
}

/** `USE [CATALOG] a[.b]`. With `catalog` there is exactly one part. */
export interface UseStatement {
  readonly kind: 'use';
  readonly catalog: boolean;
  readonly name: readonly Name[];
  readonly span: Span;
}

export interface DescribeStatement {
  readonly kind: 'describe';
  readonly extended: boolean;
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly span: Span;
}

/** `SET 'key' = 'value'`; a bare `SET`, which lists the settings, has neither. */
export interface SetStatement {
  readonly kind: 'set';
  readonly assignment: { readonly key: string; readonly value: string } | undefined;
  readonly span: Span;
}

/** `RESET ['key']`; without a key all settings. */
export interface ResetStatement {
  readonly kind: 'reset';
  readonly key: string | undefined;
  readonly span: Span;
}

/** A query for DuckDB, word for word, without its semicolon and the comments around it. */
export interface SelectStatement {
  readonly kind: 'select';
  readonly text: string;
  readonly span: Span;
}

/** CREATE, ALTER and DROP: only their first words are read. `object` is the upper-case word after the verb, empty when there is none. */
export interface DefinitionStatement {
  readonly kind: 'definition';
  readonly verb: 'CREATE' | 'ALTER' | 'DROP';
  readonly object: string;
  readonly text: string;
  readonly span: Span;
}

export type Statement =
  | CallStatement
  | ShowStatement
  | UseStatement
  | DescribeStatement
  | SetStatement
  | ResetStatement
  | SelectStatement
  | DefinitionStatement;
