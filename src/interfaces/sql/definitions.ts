import type { IToken } from 'chevrotain';
import type {
  AlterDatabaseStatement,
  AlterTableStatement,
  ColumnDefinition,
  CreateDatabaseStatement,
  CreateTableStatement,
  DefinitionStatement,
  DropDatabaseStatement,
  DropTableStatement,
  Name,
  PartitionSpec,
  PrimaryKey,
  Property,
  PropertyAction,
  Quoted,
  TableAction,
} from './ast.ts';
import { nameOf, PartsParser, spanOf, wasQuoted } from './definitionParts.ts';
import { columnFault, noLaterKey } from './definitionRefusals.ts';
import * as t from './lexer.ts';

interface Element {
  readonly column: ColumnDefinition | undefined;
  readonly key: PrimaryKey | undefined;
}

/**
 * CREATE, ALTER and DROP of databases, tables and partitions, in Flink's syntax. Choices between a name and a keyword are settled by
 * gates, so that one token decides the others and a fault is shown at the token that is wrong.
 */
export class DefinitionParser extends PartsParser {
  protected readonly definitionRule: () => DefinitionStatement;
  protected readonly partitionRule: () => PartitionSpec;
  private readonly createRule: () => CreateDatabaseStatement | CreateTableStatement;
  private readonly alterRule: () => AlterDatabaseStatement | AlterTableStatement;
  private readonly dropRule: () => DropDatabaseStatement | DropTableStatement;
  private readonly tableActionRule: () => TableAction;
  private readonly propertyActionRule: () => PropertyAction;
  private readonly propertiesRule: () => readonly Property[];
  private readonly partitionsRule: () => readonly PartitionSpec[];
  private readonly elementRule: () => Element;
  private readonly columnRule: () => Element;

  constructor() {
    super();
    this.propertiesRule = this.RULE('propertiesRule', () => this.readProperties());
    this.propertyActionRule = this.RULE('propertyActionRule', () => this.readPropertyAction());
    this.partitionRule = this.RULE('partitionRule', () => this.readPartition());
    this.partitionsRule = this.RULE('partitionsRule', () => this.readPartitions());
    this.columnRule = this.RULE('columnRule', () => this.readColumn());
    this.elementRule = this.RULE('elementRule', () => this.readElement());
    this.tableActionRule = this.RULE('tableActionRule', () => this.readTableAction());
    this.createRule = this.RULE('createRule', () => this.readCreate());
    this.alterRule = this.RULE('alterRule', () => this.readAlter());
    this.dropRule = this.RULE('dropRule', () => this.readDrop());
    this.definitionRule = this.RULE('definitionRule', () =>
      this.OR([
        { ALT: (): DefinitionStatement => this.SUBRULE(this.createRule) },
        { ALT: (): DefinitionStatement => this.SUBRULE(this.alterRule) },
        { ALT: (): DefinitionStatement => this.SUBRULE(this.dropRule) },
      ]),
    );
  }

  /** `('k' = 'v', …)`. */
  private readProperties(): readonly Property[] {
    const properties: Property[] = [];
    this.CONSUME(t.Open);
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const key = this.CONSUME(t.Text);
        this.CONSUME(t.Equals);
        const value = this.CONSUME1(t.Text);
        this.ACTION(() => properties.push({ key: nameOf(key), value: nameOf(value) }));
      },
    });
    this.CONSUME(t.Close);
    return properties;
  }

  private readPropertyAction(): PropertyAction {
    return this.OR([
      {
        ALT: (): PropertyAction => {
          this.CONSUME(t.SetWord);
          return { kind: 'setProperties', properties: this.SUBRULE(this.propertiesRule) };
        },
      },
      {
        ALT: (): PropertyAction => {
          const keys: Quoted[] = [];
          this.CONSUME(t.Reset);
          this.CONSUME(t.Open);
          this.AT_LEAST_ONE_SEP({
            SEP: t.Comma,
            DEF: () => {
              const key = this.CONSUME(t.Text);
              this.ACTION(() => keys.push(nameOf(key)));
            },
          });
          this.CONSUME(t.Close);
          return { kind: 'resetProperties', keys };
        },
      },
    ]);
  }

  /** `PARTITION (c = 'v', …)`. */
  private readPartition(): PartitionSpec {
    const values: { column: Name; value: Quoted }[] = [];
    const first = this.CONSUME(t.Partition);
    this.CONSUME(t.Open);
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const column = this.CONSUME(t.Word);
        this.CONSUME(t.Equals);
        const value = this.OR([{ ALT: () => this.CONSUME(t.Text) }, { ALT: () => this.CONSUME(t.Numeral) }]);
        this.ACTION(() => values.push({ column: nameOf(column), value: nameOf(value) }));
      },
    });
    return { values, span: spanOf(first, this.CONSUME(t.Close)) };
  }

  /** One after the other, as Flink adds them, or with commas, as it drops them. */
  private readPartitions(): readonly PartitionSpec[] {
    const partitions = [this.SUBRULE(this.partitionRule)];
    this.MANY(() => {
      this.OPTION(() => this.CONSUME(t.Comma));
      partitions.push(this.SUBRULE1(this.partitionRule));
    });
    return partitions;
  }

  /** `name TYPE [[CONSTRAINT c] PRIMARY KEY NOT ENFORCED] [COMMENT '…']`. */
  private readColumn(): Element {
    const name = this.CONSUME(t.Word);
    const second = this.LA(1);
    this.ACTION(() => this.note(wasQuoted(name) ? undefined : columnFault(name, second)));
    const type = this.SUBRULE(this.typeRule);
    let key: PrimaryKey | undefined;
    this.OPTION(() => {
      const first = this.LA(1);
      this.readKeyWords();
      key = { columns: [nameOf(name)], span: spanOf(first, this.LA(0)) };
    });
    const comment = this.OPTION1(() => this.SUBRULE(this.commentRule));
    return { column: { name: nameOf(name), type, comment, span: spanOf(name, this.LA(0)) }, key };
  }

  private readKeyWords(): void {
    this.OPTION7(() => {
      this.CONSUME(t.Constraint);
      this.CONSUME7(t.Word); // Read and not kept: a key has no use for a name here.
    });
    this.CONSUME(t.Primary);
    this.CONSUME(t.Key);
    this.CONSUME(t.Not);
    this.CONSUME(t.Enforced);
  }

  /** A column, or `[CONSTRAINT c] PRIMARY KEY (a, b) NOT ENFORCED`. */
  private readElement(): Element {
    return this.OR({
      MAX_LOOKAHEAD: 1,
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.isNext(t.Primary, t.Key) || this.isNext(t.Constraint, t.Word, t.Primary),
          ALT: (): Element => {
            const first = this.LA(1);
            this.OPTION(() => {
              this.CONSUME(t.Constraint);
              this.CONSUME(t.Word);
            });
            this.CONSUME(t.Primary);
            this.CONSUME(t.Key);
            const columns = this.SUBRULE(this.namesRule);
            this.CONSUME(t.Not);
            return { column: undefined, key: { columns, span: spanOf(first, this.CONSUME(t.Enforced)) } };
          },
        },
        { ALT: (): Element => this.SUBRULE(this.columnRule) },
      ],
    });
  }

  private readCreate(): CreateDatabaseStatement | CreateTableStatement {
    const first = this.CONSUME(t.Create);
    return this.OR([
      { ALT: (): CreateDatabaseStatement => this.readCreateDatabase(first) },
      { ALT: (): CreateTableStatement => this.readCreateTable(first) },
    ]);
  }

  private readCreateDatabase(first: IToken): CreateDatabaseStatement {
    let ifNotExists = false;
    this.CONSUME(t.Database);
    this.OPTION(() => {
      this.CONSUME(t.If);
      this.CONSUME(t.Not);
      this.CONSUME(t.Exists);
      ifNotExists = true;
    });
    const name = this.SUBRULE(this.shortPathRule);
    const comment = this.OPTION1(() => this.SUBRULE(this.commentRule));
    const properties = this.OPTION2(() => {
      this.CONSUME(t.With);
      return this.SUBRULE(this.propertiesRule);
    });
    return { kind: 'createDatabase', name, ifNotExists, comment, properties: properties ?? [], span: spanOf(first, this.LA(0)) };
  }

  private readCreateTable(first: IToken): CreateTableStatement {
    let ifNotExists = false;
    this.CONSUME(t.Table);
    this.OPTION3(() => {
      this.CONSUME1(t.If);
      this.CONSUME1(t.Not);
      this.CONSUME1(t.Exists);
      ifNotExists = true;
    });
    const name = this.SUBRULE(this.pathRule);
    const elements: Element[] = [];
    this.CONSUME(t.Open);
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const element = this.SUBRULE(this.elementRule);
        this.ACTION(() => {
          if (element.key !== undefined && elements.some(({ key }) => key !== undefined))
            this.note({ offset: element.key.span.start, message: 'a table has one primary key; list all of its columns there' });
          elements.push(element);
        });
      },
    });
    this.CONSUME(t.Close);
    const comment = this.OPTION4(() => this.SUBRULE1(this.commentRule));
    const partitionedBy = this.OPTION5(() => {
      this.CONSUME(t.Partitioned);
      this.CONSUME(t.By);
      return this.SUBRULE(this.namesRule);
    });
    const properties = this.OPTION6(() => {
      this.CONSUME1(t.With);
      return this.SUBRULE1(this.propertiesRule);
    });
    return {
      kind: 'createTable',
      name,
      ifNotExists,
      columns: columnsOf(elements),
      primaryKey: elements.find(({ key }) => key !== undefined)?.key,
      comment,
      partitionedBy: partitionedBy ?? [],
      properties: properties ?? [],
      span: spanOf(first, this.LA(0)),
    };
  }

  private readAlter(): AlterDatabaseStatement | AlterTableStatement {
    const first = this.CONSUME(t.Alter);
    return this.OR([
      {
        ALT: (): AlterDatabaseStatement => {
          this.CONSUME(t.Database);
          const name = this.SUBRULE(this.shortPathRule);
          const action = this.SUBRULE(this.propertyActionRule);
          return { kind: 'alterDatabase', name, action, span: spanOf(first, this.LA(0)) };
        },
      },
      {
        ALT: (): AlterTableStatement => {
          let ifExists = false;
          this.CONSUME(t.Table);
          this.OPTION(() => {
            this.CONSUME(t.If);
            this.CONSUME(t.Exists);
            ifExists = true;
          });
          const name = this.SUBRULE(this.pathRule);
          const action = this.SUBRULE(this.tableActionRule);
          return { kind: 'alterTable', name, ifExists, action, span: spanOf(first, this.LA(0)) };
        },
      },
    ]);
  }

  private readTableAction(): TableAction {
    return this.OR([
      { ALT: (): TableAction => this.SUBRULE(this.propertyActionRule) },
      {
        ALT: (): TableAction => {
          this.CONSUME(t.Add);
          return this.readAddition();
        },
      },
      {
        ALT: (): TableAction => {
          let ifExists = false;
          this.CONSUME(t.Drop);
          this.OPTION(() => {
            this.CONSUME(t.If);
            this.CONSUME(t.Exists);
            ifExists = true;
          });
          return { kind: 'dropPartitions', ifExists, partitions: this.SUBRULE(this.partitionsRule) };
        },
      },
    ]);
  }

  /** What follows ADD: partitions, one column, or several in parentheses. */
  private readAddition(): TableAction {
    const elements: Element[] = [];
    const column = (element: Element): void => {
      if (element.key !== undefined) this.note({ offset: element.key.span.start, message: noLaterKey });
      elements.push(element);
    };
    return this.OR1({
      MAX_LOOKAHEAD: 1,
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.isNext(t.If, t.Not) || this.isNext(t.Partition, t.Open),
          ALT: (): TableAction => {
            let ifNotExists = false;
            this.OPTION1(() => {
              this.CONSUME1(t.If);
              this.CONSUME(t.Not);
              this.CONSUME1(t.Exists);
              ifNotExists = true;
            });
            return { kind: 'addPartitions', ifNotExists, partitions: this.SUBRULE1(this.partitionsRule) };
          },
        },
        {
          ALT: (): TableAction => {
            this.CONSUME(t.Open);
            this.AT_LEAST_ONE_SEP({
              SEP: t.Comma,
              DEF: () => {
                const element = this.SUBRULE(this.columnRule);
                this.ACTION(() => column(element));
              },
            });
            this.CONSUME(t.Close);
            return { kind: 'addColumns', columns: columnsOf(elements) };
          },
        },
        {
          ALT: (): TableAction => {
            this.OPTION2({ GATE: () => this.isNext(t.Column, t.Word, t.TypeWord), DEF: () => this.CONSUME(t.Column) });
            const element = this.SUBRULE1(this.columnRule);
            this.ACTION(() => column(element));
            return { kind: 'addColumns', columns: columnsOf(elements) };
          },
        },
      ],
    });
  }

  private readDrop(): DropDatabaseStatement | DropTableStatement {
    const first = this.CONSUME(t.Drop);
    return this.OR([
      { ALT: (): DropDatabaseStatement => this.readDropDatabase(first) },
      {
        ALT: (): DropTableStatement => {
          this.CONSUME(t.Table);
          const ifExists = this.readIfExists();
          return { kind: 'dropTable', name: this.SUBRULE(this.pathRule), ifExists, span: spanOf(first, this.LA(0)) };
        },
      },
    ]);
  }

  private readIfExists(): boolean {
    let found = false;
    this.OPTION(() => {
      this.CONSUME(t.If);
      this.CONSUME(t.Exists);
      found = true;
    });
    return found;
  }

  private readDropDatabase(first: IToken): DropDatabaseStatement {
    let ifExists = false;
    this.CONSUME(t.Database);
    this.OPTION1(() => {
      this.CONSUME1(t.If);
      this.CONSUME1(t.Exists);
      ifExists = true;
    });
    const name = this.SUBRULE(this.shortPathRule);
    const behavior = this.OPTION2(() =>
      this.OR1([{ ALT: () => this.keyword(t.Restrict, 'RESTRICT') }, { ALT: () => this.keyword(t.Cascade, 'CASCADE') }]),
    );
    return { kind: 'dropDatabase', name, ifExists, behavior, span: spanOf(first, this.LA(0)) };
  }
}

const columnsOf = (elements: readonly Element[]): readonly ColumnDefinition[] =>
  elements.flatMap(({ column }) => (column === undefined ? [] : [column]));
