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

/** Text in single quotes, without them. */
export interface Quoted {
  readonly text: string;
  readonly span: Span;
}

/** `'key' = 'value'`. The grammar lets a key come twice; whoever carries the statement out refuses it. */
export interface Property {
  readonly key: Quoted;
  readonly value: Quoted;
}

/** A type of Flink's. Which of them a table may have is for its decider to say: Fluss lacks VARCHAR(n) and VARBINARY(n). */
export interface DataType {
  /**
   * As Flink prints it: upper case, aliases resolved, lengths and precisions written out, names in ROW between backticks:
   * `DECIMAL(10, 2)`, `ARRAY<INT NOT NULL>`, `` ROW<`a` INT, `b` STRING 'why'> ``. The outermost NOT NULL is left out.
   */
  readonly text: string;
  /** False with NOT NULL. */
  readonly nullable: boolean;
  readonly span: Span;
}

export interface ColumnDefinition {
  readonly name: Name;
  readonly type: DataType;
  readonly comment: string | undefined;
  readonly span: Span;
}

/** `PRIMARY KEY (a, b) NOT ENFORCED`, or behind a column. Whether its columns exist is not the grammar's business. */
export interface PrimaryKey {
  /** At least one. */
  readonly columns: readonly Name[];
  readonly span: Span;
}

/** `PARTITION (dt = '2026-01-01', nation = 'US')`: at least one column. A number's value is its digits. */
export interface PartitionSpec {
  readonly values: readonly { readonly column: Name; readonly value: Quoted }[];
  readonly span: Span;
}

export interface CreateDatabaseStatement {
  readonly kind: 'createDatabase';
  /** One or two parts; the last is the database. */
  readonly name: readonly Name[];
  readonly ifNotExists: boolean;
  readonly comment: string | undefined;
  readonly properties: readonly Property[];
  readonly span: Span;
}

export interface DropDatabaseStatement {
  readonly kind: 'dropDatabase';
  /** One or two parts; the last is the database. */
  readonly name: readonly Name[];
  readonly ifExists: boolean;
  /** As written; undefined when neither was. */
  readonly behavior: 'RESTRICT' | 'CASCADE' | undefined;
  readonly span: Span;
}

/** SET or RESET behind ALTER DATABASE or ALTER TABLE; at least one property or key. */
export type PropertyAction =
  | { readonly kind: 'setProperties'; readonly properties: readonly Property[] }
  | { readonly kind: 'resetProperties'; readonly keys: readonly Quoted[] };

export interface AlterDatabaseStatement {
  readonly kind: 'alterDatabase';
  /** One or two parts; the last is the database. */
  readonly name: readonly Name[];
  readonly action: PropertyAction;
  readonly span: Span;
}

export interface CreateTableStatement {
  readonly kind: 'createTable';
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly ifNotExists: boolean;
  /** At least one, in order. */
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKey: PrimaryKey | undefined;
  readonly comment: string | undefined;
  /** Empty for a table without partitions. */
  readonly partitionedBy: readonly Name[];
  readonly properties: readonly Property[];
  readonly span: Span;
}

export interface DropTableStatement {
  readonly kind: 'dropTable';
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly ifExists: boolean;
  readonly span: Span;
}

/** What Fluss can change of a table; all else is a SqlSyntaxError with the reason. */
export type TableAction =
  | PropertyAction
  /** At least one, to stand behind the present ones. */
  | { readonly kind: 'addColumns'; readonly columns: readonly ColumnDefinition[] }
  | { readonly kind: 'addPartitions'; readonly ifNotExists: boolean; readonly partitions: readonly PartitionSpec[] }
  | { readonly kind: 'dropPartitions'; readonly ifExists: boolean; readonly partitions: readonly PartitionSpec[] };

export interface AlterTableStatement {
  readonly kind: 'alterTable';
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly ifExists: boolean;
  readonly action: TableAction;
  readonly span: Span;
}

/** `SHOW PARTITIONS t [PARTITION (…)]`: those whose columns have the values given. */
export interface ShowPartitionsStatement {
  readonly kind: 'showPartitions';
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly partition: PartitionSpec | undefined;
  readonly span: Span;
}

export interface ShowCreateTableStatement {
  readonly kind: 'showCreateTable';
  /** One to three parts; the last is the table. */
  readonly name: readonly Name[];
  readonly span: Span;
}

export interface DescribeDatabaseStatement {
  readonly kind: 'describeDatabase';
  readonly extended: boolean;
  /** One or two parts; the last is the database. */
  readonly name: readonly Name[];
  readonly span: Span;
}

/** What changes the catalog. */
export type DefinitionStatement =
  | CreateDatabaseStatement
  | DropDatabaseStatement
  | AlterDatabaseStatement
  | CreateTableStatement
  | DropTableStatement
  | AlterTableStatement;

export type Statement =
  | CallStatement
  | ShowStatement
  | ShowPartitionsStatement
  | ShowCreateTableStatement
  | UseStatement
  | DescribeStatement
  | DescribeDatabaseStatement
  | SetStatement
  | ResetStatement
  | SelectStatement
  | DefinitionStatement;
