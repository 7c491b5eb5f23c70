import { EmbeddedActionsParser, type IToken, type TokenType, tokenMatcher } from 'chevrotain';
import type { DataType, Name, Span } from './ast.ts';
import { type Fault, type RowField, takesNumbers, takesOf, takesScale, typeText, type WrittenType } from './definitionTypes.ts';
import * as t from './lexer.ts';

export const spanOf = (first: IToken, last: IToken): Span => ({ start: first.startOffset, end: t.endOf(last) });
export const wasQuoted = (token: IToken): boolean =>
  token.tokenType === t.Backticked || token.tokenType === t.DoubleQuoted || token.tokenType === t.Text;
/** What a name or a text says. */
export const textOf = (token: IToken): string => (wasQuoted(token) ? t.unquoted(token.image) : token.image);
export const nameOf = (token: IToken): Name => ({ text: textOf(token), span: spanOf(token, token) });

/** Names and types, of which statements are made. What reads well and still cannot be, such as a type there is not, is left in `fault`. */
export class PartsParser extends EmbeddedActionsParser {
  /** The first one of the statement at hand. */
  protected fault: Fault | undefined;
  protected readonly pathRule: () => readonly Name[];
  protected readonly shortPathRule: () => readonly Name[];
  protected readonly namesRule: () => readonly Name[];
  protected readonly commentRule: () => string;
  protected readonly typeRule: () => DataType;
  private readonly fieldRule: () => RowField;

  constructor() {
    super([...t.allTokens], { maxLookahead: 2, recoveryEnabled: false });
    this.pathRule = this.RULE('pathRule', () => this.readPath());
    this.shortPathRule = this.RULE('shortPathRule', () => this.readShortPath());
    this.namesRule = this.RULE('namesRule', () => this.readNames());
    this.commentRule = this.RULE('commentRule', () => this.readComment());
    this.typeRule = this.RULE('typeRule', () => this.readType());
    this.fieldRule = this.RULE('fieldRule', () => this.readField());
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

  protected note(fault: Fault | undefined): void {
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
}
