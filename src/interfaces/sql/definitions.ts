import { EmbeddedActionsParser, type IToken, type TokenType, tokenMatcher } from 'chevrotain';
import type {
  AlterDatabaseStatement,
  AlterTableStatement,
  ColumnDefinition,
  CreateDatabaseStatement,
  CreateTableStatement,
  DataType,
  DefinitionStatement,
  DropDatabaseStatement,
  DropTableStatement,
  Name,
  PartitionSpec,
  PrimaryKey,
  Property,
  PropertyAction,
  Quoted,
  Span,
  TableAction,
} from './ast.ts';
import { columnFault, noLaterKey } from './definitionRefusals.ts';
import { type Fault, type RowField, takesNumbers, takesOf, takesScale, typeText, type WrittenType } from './definitionTypes.ts';
import * as t from './lexer.ts';

export const spanOf = (first: IToken, last: IToken): Span => ({ start: first.startOffset, end: t.endOf(last) });
const wasQuoted = (token: IToken): boolean =>
  token.tokenType === t.Backticked || token.tokenType === t.DoubleQuoted || token.tokenType === t.Text;
/** What a name or a text says. */
export const textOf = (token: IToken): string => (wasQuoted(token) ? t.unquoted(token.image) : token.image);
export const nameOf = (token: IToken): Name => ({ text: textOf(token), span: spanOf(token, token) });

interface Element {
  readonly column: ColumnDefinition | undefined;
  readonly key: PrimaryKey | undefined;
}

/**
 * CREATE, ALTER and DROP of databases, tables and partitions, in Flink's syntax. What reads well and still cannot be, such as a type
 * that there is not, is left in `fault`. Choices between a name and a keyword are settled by gates, so that one token decides the
 * others and a fault is shown at the token that is wrong.
 */
export class DefinitionParser extends EmbeddedActionsParser {
  /** The first one of the statement at hand. */
  protected fault: Fault | undefined;
  protected readonly definitionRule: () => DefinitionStatement;
  protected readonly pathRule: () => readonly Name[];
  protected readonly shortPathRule: () => readonly Name[];
  protected readonly partitionRule: () => PartitionSpec;
  private readonly createRule: () => CreateDatabaseStatement | CreateTableStatement;
  private readonly alterRule: () => AlterDatabaseStatement | AlterTableStatement;
  private readonly dropRule: () => DropDatabaseStatement | DropTableStatement;
  private readonly tableActionRule: () => TableAction;
  private readonly propertyActionRule: () => PropertyAction;
  private readonly propertiesRule: () => readonly Property[];
  private readonly namesRule: () => readonly Name[];
  private readonly commentRule: () => string;
  private readonly partitionsRule: () => readonly PartitionSpec[];
  private readonly elementRule: () => Element;
  private readonly columnRule: () => Element;
  private readonly typeRule: () => DataType;
  private readonly fieldRule: () => RowField;

  constructor() {
    super([...t.allTokens], { maxLookahead: 2, recoveryEnabled: false });
    this.pathRule = this.RULE('pathRule', () => this.readPath());
    this.shortPathRule = this.RULE('shortPathRule', () => this.readShortPath());
    this.namesRule = this.RULE('namesRule', () => this.readNames());
    this.commentRule = this.RULE('commentRule', () => this.readComment());
    this.propertiesRule = this.RULE('propertiesRule', () => this.readProperties());
    this.propertyActionRule = this.RULE('propertyActionRule', () => this.readPropertyAction());
    this.partitionRule = this.RULE('partitionRule', () => this.readPartition());
    this.partitionsRule = this.RULE('partitionsRule', () => this.readPartitions());
    this.typeRule = this.RULE('typeRule', () => this.readType());
    this.fieldRule = this.RULE('fieldRule', () => this.readField());
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

  /** A keyword, and what it means in the statement. */
  protected keyword<const T>(type: TokenType, meaning: T): T {
    this.CONSUME(type);
    return meaning;
  }

  /** For gates: whether the coming tokens are of these kinds. */
  protected isNext(...types: readonly TokenType[]): boolean {
    return types.every((type, i) => tokenMatcher(this.LA(i + 1), type));
  }

  private note(fault: Fault | undefined): void {
    this.fault ??= fault;
  }

  /** One to three names with dots. */
  private readPath(): readonly Name[] {
    const names = [nameOf(this.CONSUME(t.Word))];
    this.OPTION1(() => {
      this.CONSUME1(t.Dot);
      names.push(nameOf(this.CONSUME1(t.Word)));
      this.OPTION2(() => {
        this.CONSUME2(t.Dot);
        names.push(nameOf(this.CONSUME2(t.Word)));
      });
    });
    return names;
  }

  /** One or two names with a dot. */
  private readShortPath(): readonly Name[] {
    const names = [nameOf(this.CONSUME(t.Word))];
    this.OPTION(() => {
      this.CONSUME(t.Dot);
      names.push(nameOf(this.CONSUME1(t.Word)));
    });
    return names;
  }

  /** `(a, b)`. */
  private readNames(): readonly Name[] {
    const names: Name[] = [];
    this.CONSUME(t.Open);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(nameOf(this.CONSUME(t.Word))) });
    this.CONSUME(t.Close);
    return names;
  }

  private readComment(): string {
    this.CONSUME(t.Comment);
    const token = this.CONSUME(t.Text);
    return this.ACTION(() => textOf(token));
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

  private readType(): DataType {
    const name = this.CONSUME(t.TypeWord);
    const numbers = this.readNumbers(name);
    const zone = this.readZone(name);
    this.OPTION5({ GATE: () => takesOf(name) === 'PRECISION', DEF: () => this.CONSUME(t.Precision) });
    const elements: DataType[] = [];
    const fields: RowField[] = [];
    this.readElements(name, elements);
    this.readFields(name, fields);
    let nullable = true;
    this.OPTION8(() => {
      this.OPTION9(() => {
        this.CONSUME(t.Not);
        nullable = false;
      });
      this.CONSUME(t.Null);
    });
    return this.ACTION(() => this.typeOf({ name, numbers, zone, elements, fields }, nullable));
  }

  private typeOf(written: WrittenType, nullable: boolean): DataType {
    const text = this.fault === undefined ? typeText(written) : ''; // After a fault nobody asks.
    if (typeof text === 'object') this.note(text);
    return { text: typeof text === 'object' ? '' : text, nullable, span: spanOf(written.name, this.LA(0)) };
  }

  private readNumbers(name: IToken): readonly IToken[] {
    const numbers: IToken[] = [];
    this.OPTION({
      MAX_LOOKAHEAD: 1,
      GATE: () => takesNumbers(name),
      DEF: () => {
        this.CONSUME(t.Open);
        numbers.push(this.CONSUME(t.Numeral));
        this.OPTION1({
          GATE: () => takesScale(name),
          DEF: () => {
            this.CONSUME(t.Comma);
            numbers.push(this.CONSUME1(t.Numeral));
          },
        });
        this.CONSUME(t.Close);
      },
    });
    return numbers;
  }

  private readZone(name: IToken): WrittenType['zone'] {
    let zone: WrittenType['zone'];
    this.OPTION2({
      GATE: () => takesOf(name) === 'ZONE' || takesOf(name) === 'LOCAL ZONE',
      DEF: () => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(t.Without);
              zone = 'WITHOUT TIME ZONE';
            },
          },
          {
            GATE: () => takesOf(name) === 'LOCAL ZONE',
            ALT: () => {
              this.CONSUME(t.With);
              this.CONSUME(t.Local);
              zone = 'WITH LOCAL TIME ZONE';
            },
          },
        ]);
        this.CONSUME(t.Time);
        this.CONSUME(t.Zone);
      },
    });
    return zone;
  }

  /** `<T>` of ARRAY, `<K, V>` of MAP. */
  private readElements(name: IToken, elements: DataType[]): void {
    this.OPTION3({
      MAX_LOOKAHEAD: 1,
      GATE: () => takesOf(name) === 'ELEMENT' || takesOf(name) === 'KEY AND VALUE',
      DEF: () => {
        this.CONSUME(t.Less);
        elements.push(this.SUBRULE(this.typeRule));
        this.OPTION4({
          GATE: () => takesOf(name) === 'KEY AND VALUE',
          DEF: () => {
            this.CONSUME2(t.Comma);
            elements.push(this.SUBRULE1(this.typeRule));
          },
        });
        this.CONSUME(t.Greater);
      },
    });
  }

  /** `<a T, b T>` of ROW; the standard's parentheses do as well. */
  private readFields(name: IToken, fields: RowField[]): void {
    this.OPTION6({
      MAX_LOOKAHEAD: 1,
      GATE: () => takesOf(name) === 'FIELDS',
      DEF: () => {
        this.OR1([
          {
            ALT: () => {
              this.CONSUME1(t.Less);
              this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => fields.push(this.SUBRULE(this.fieldRule)) });
              this.CONSUME1(t.Greater);
            },
          },
          {
            ALT: () => {
              this.CONSUME1(t.Open);
              this.AT_LEAST_ONE_SEP1({ SEP: t.Comma, DEF: () => fields.push(this.SUBRULE1(this.fieldRule)) });
              this.CONSUME1(t.Close);
            },
          },
        ]);
      },
    });
  }

  private readField(): RowField {
    const name = this.CONSUME(t.Word);
    const type = this.SUBRULE(this.typeRule);
    let comment: string | undefined;
    this.OPTION(() => {
      const token = this.CONSUME(t.Text);
      comment = this.ACTION(() => textOf(token));
    });
    return { name: nameOf(name), type, comment };
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
