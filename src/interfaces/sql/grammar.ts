import { EOF, type IToken, type TokenType } from 'chevrotain';
import type {
  CallStatement,
  DescribeDatabaseStatement,
  DescribeStatement,
  LikeFilter,
  Literal,
  NamedArgument,
  ResetStatement,
  Scalar,
  SelectStatement,
  SetStatement,
  ShowCreateTableStatement,
  ShowPartitionsStatement,
  ShowStatement,
  Span,
  Statement,
  UseStatement,
} from './ast.ts';
import { nameOf, spanOf, textOf } from './definitionParts.ts';
import { DefinitionParser } from './definitions.ts';
import type { Fault } from './definitionTypes.ts';
import { SqlSyntaxError } from './errors.ts';
import { listed, suggestion, syntaxErrorOf } from './expected.ts';
import * as t from './lexer.ts';

/** The limits of a script. Each is far above any sensible one and far below what would hold up a node. */
export const scriptLimits = {
  bytes: 1_048_576, // Of UTF-8, the operator API's limit for a body.
  statements: 1000,
  arguments: 20_000, // Of one CALL: 10,000 pairs.
  nesting: 200, // Open brackets at one time; DuckDB's own limit for expressions is 1,000.
  typeNesting: 32, // Brackets in a definition, angle brackets among them: each costs a dozen calls on the stack.
  definitionTokens: 50_000, // Words and marks of one definition: 1,000 columns of 50 each.
  columns: 1000, // Of one table.
  properties: 1000, // Of one statement.
  partitions: 1000, // Of one statement.
} as const;

/**
 * Reads a script: statements separated by semicolons, the last one optional, empty ones skipped.
 * @param source any text, at most `scriptLimits.bytes`.
 * @returns the statements in order, with offsets into `source`; none for a text of spaces and comments.
 * @throws SqlSyntaxError for the first fault, and nothing else.
 */
export function parseScript(source: string): readonly Statement[] {
  checkText(source);
  const statements: Statement[] = [];
  for (const tokens of splitStatements(source)) {
    if (statements.length === scriptLimits.statements) {
      const offset = tokens[0]?.startOffset ?? 0;
      throw new SqlSyntaxError(
        source,
        offset,
        `a script may have at most ${scriptLimits.statements} statements; send the rest separately`,
        {
          statement: statements.length + 1,
        },
      );
    }
    statements.push(readStatement(source, tokens, statements.length + 1));
  }
  return statements;
}

/** Whether a text typed so far ends its statement: the last token is a semicolon and no quote or comment is open. For the prompt. */
export function isComplete(source: string): boolean {
  return t.tokensOf(source).at(-1)?.tokenType === t.Semicolon;
}

function checkText(source: string): void {
  const bytes = Buffer.byteLength(source);
  if (bytes > scriptLimits.bytes) {
    throw new SqlSyntaxError(source, 0, `the script has ${bytes} bytes and may have at most ${scriptLimits.bytes}; send it in parts`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(source);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    throw new SqlSyntaxError(source, control.index, `control character U+${code} cannot be part of a statement; remove it`);
  }
  if (!source.isWellFormed()) {
    const offset = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(source)?.index ?? 0;
    throw new SqlSyntaxError(source, offset, 'half of a character stands alone here: the text is not valid Unicode; send it as UTF-8');
  }
}

/** The tokens of each statement that is not empty, semicolons left out. */
function* splitStatements(source: string): Generator<readonly IToken[]> {
  let current: IToken[] = [];
  let open: IToken[] = [];
  let number = 1;
  for (const token of t.tokensOf(source)) {
    if (token.tokenType === t.Semicolon) {
      if (current.length > 0) {
        yield current;
        number++;
      }
      current = [];
      open = [];
      continue;
    }
    if (token.tokenType === t.Unclosed) throw unclosed(source, token, number);
    if (token.tokenType === t.Open || token.tokenType === t.OpenBracket) open.push(token);
    if (token.tokenType === t.Close || token.tokenType === t.CloseBracket) open.pop();
    if (open.length > scriptLimits.nesting) {
      const message = `more than ${scriptLimits.nesting} brackets are open here; write the statement flatter`;
      throw new SqlSyntaxError(source, token.startOffset, message, { statement: number });
    }
    current.push(token);
  }
  if (current.length > 0) yield current;
}

function unclosed(source: string, token: IToken, statement: number): SqlSyntaxError {
  const what = token.image.startsWith('/*')
    ? 'this comment is never closed; end it with */'
    : /^e?'/i.test(token.image)
      ? "this quote is never closed; end it with ', and write a quote inside the text twice"
      : `this is never closed; end it with ${/^\$\w*\$|^./.exec(token.image)?.[0] ?? ''}`;
  return new SqlSyntaxError(source, token.startOffset, what, { statement });
}

/** What a statement may begin with, as the message lists it; a typo is compared with the rest of them, too. */
const openers = ['CALL', 'SHOW', 'USE', 'DESCRIBE', 'EXPLAIN', 'CREATE', 'ALTER', 'DROP', 'SELECT'];
const moreOpeners = ['SET', 'RESET', 'WITH', 'VALUES', 'DESC', 'FROM'];
const queryOpener = /^(?:SELECT|WITH|VALUES|FROM|\()$/i;
const ownOpener = /^(?:CALL|EXPLAIN|SHOW|USE|DESCRIBE|DESC|SET|RESET|CREATE|ALTER|DROP)$/i;

/** Statements of other systems that people try, and what does their work here. */
const otherOpeners: Readonly<Record<string, string>> = {
  GRANT: 'CALL sys.add_acl(…) grants',
  REVOKE: 'CALL sys.drop_acl(…) revokes',
  ...Object.fromEntries(
    ['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE', 'UPSERT', 'REPLACE', 'COPY', 'BEGIN', 'COMMIT', 'ROLLBACK', 'EXECUTE'].map(
      (verb) => [verb, 'state changes through CALL only, SHOW PROCEDURES lists the procedures'],
    ),
  ),
};

function readStatement(source: string, tokens: readonly IToken[], number: number): Statement {
  const first = tokens[0];
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) throw new Error('a statement without tokens'); // splitStatements yields none.
  const span = spanOf(first, last);
  const text = source.slice(span.start, span.end);
  if (queryOpener.test(first.image)) return { kind: 'select', text, span } satisfies SelectStatement;
  if (ownOpener.test(first.image)) return parseOwn(source, tokens, number);
  const instead = otherOpeners[first.image.toUpperCase()];
  const message =
    instead === undefined
      ? `expected ${listed(openers)}${suggestion(first, [...openers, ...moreOpeners])}`
      : `${first.image.toUpperCase()} is not a statement here: ${instead}`;
  throw new SqlSyntaxError(source, first.startOffset, message, { statement: number, expected: openers });
}

/** Flink's statements. Every choice is settled by one token, which `expectedAt` relies on, but `USE CATALOG`. */
class StatementParser extends DefinitionParser {
  readonly statement: () => Statement;
  private readonly callRule: () => CallStatement;
  private readonly showRule: () => ShowStatement | ShowPartitionsStatement | ShowCreateTableStatement;
  private readonly useRule: () => UseStatement;
  private readonly describeRule: () => DescribeStatement | DescribeDatabaseStatement;
  private readonly setRule: () => SetStatement;
  private readonly resetRule: () => ResetStatement;
  private readonly literalRule: () => Literal;
  private readonly scalarRule: () => Scalar;
  private readonly namedRule: () => NamedArgument;
  private readonly likeRule: () => LikeFilter;

  constructor() {
    super();
    this.scalarRule = this.RULE('scalarRule', () => this.readScalar());
    this.literalRule = this.RULE('literalRule', () => this.readLiteral());
    this.namedRule = this.RULE('namedRule', () => this.readNamed());
    this.likeRule = this.RULE('likeRule', () => this.readLike());
    this.callRule = this.RULE('callRule', () => this.readCall());
    this.showRule = this.RULE('showRule', () => this.readShow());
    this.useRule = this.RULE('useRule', () => this.readUse());
    this.describeRule = this.RULE('describeRule', () => this.readDescribe());
    this.setRule = this.RULE('setRule', () => this.readSet());
    this.resetRule = this.RULE('resetRule', () => this.readReset());
    this.statement = this.RULE('statementRule', () =>
      this.OR([
        { ALT: () => this.SUBRULE(this.callRule) },
        { ALT: () => this.SUBRULE(this.showRule) },
        { ALT: () => this.SUBRULE(this.useRule) },
        { ALT: () => this.SUBRULE(this.describeRule) },
        { ALT: () => this.SUBRULE(this.setRule) },
        { ALT: () => this.SUBRULE(this.resetRule) },
        { ALT: () => this.SUBRULE(this.definitionRule) },
      ]),
    );
    this.performSelfAnalysis();
  }

  /** Parses one statement. `errors` then has what could not be read, `fault` what was read and cannot be. */
  read(tokens: readonly IToken[]): { readonly statement: Statement; readonly fault: Fault | undefined } {
    this.fault = undefined;
    this.input = [...tokens];
    return { statement: this.statement(), fault: this.fault };
  }

  private readCall(): CallStatement {
    let explain: IToken | undefined;
    this.OPTION(() => {
      explain = this.CONSUME(t.Explain);
    });
    const first = this.CONSUME(t.Call);
    const procedure = this.SUBRULE(this.pathRule);
    const open = this.CONSUME(t.Open);
    const positional: Literal[] = [];
    const named: NamedArgument[] = [];
    this.MANY_SEP({
      SEP: t.Comma,
      DEF: () =>
        this.OR([
          { ALT: () => named.push(this.SUBRULE(this.namedRule)) },
          {
            ALT: () => {
              const value = this.SUBRULE(this.literalRule);
              this.ACTION(() => addValue(positional, named, value));
            },
          },
        ]),
    });
    const close = this.CONSUME(t.Close);
    return {
      kind: 'call',
      explain: explain !== undefined,
      procedure,
      positional,
      named,
      argumentsSpan: spanOf(open, close),
      span: spanOf(explain ?? first, close),
    };
  }

  private readNamed(): NamedArgument {
    const name = this.CONSUME(t.Word);
    this.CONSUME(t.Arrow);
    const value = this.SUBRULE(this.literalRule);
    return this.ACTION(() => ({ name: nameOf(name), values: [value], span: { start: name.startOffset, end: value.span.end } }));
  }

  private readLiteral(): Literal {
    return this.OR([
      { ALT: (): Literal => this.SUBRULE(this.scalarRule) },
      {
        ALT: (): Literal => {
          const values: Scalar[] = [];
          const first = this.CONSUME(t.ArrayWord);
          this.CONSUME(t.OpenBracket);
          this.MANY_SEP({ SEP: t.Comma, DEF: () => values.push(this.SUBRULE1(this.scalarRule)) });
          return { kind: 'array', values, span: spanOf(first, this.CONSUME(t.CloseBracket)) };
        },
      },
    ]);
  }

  private readScalar(): Scalar {
    const one = (token: IToken): { span: Span } => ({ span: spanOf(token, token) });
    return this.OR([
      {
        ALT: (): Scalar => {
          const token = this.CONSUME(t.Text);
          return this.ACTION(() => ({ kind: 'string', value: textOf(token), ...one(token) }));
        },
      },
      {
        ALT: (): Scalar => {
          let minus: IToken | undefined;
          this.OPTION(() => {
            minus = this.CONSUME(t.Minus);
          });
          const token = this.CONSUME(t.Numeral);
          return { kind: 'number', value: `${minus === undefined ? '' : '-'}${token.image}`, span: spanOf(minus ?? token, token) };
        },
      },
      { ALT: (): Scalar => ({ kind: 'boolean', value: true, ...one(this.CONSUME(t.True)) }) },
      { ALT: (): Scalar => ({ kind: 'boolean', value: false, ...one(this.CONSUME(t.False)) }) },
      { ALT: (): Scalar => ({ kind: 'null', ...one(this.CONSUME(t.Null)) }) },
    ]);
  }

  private readLike(): LikeFilter {
    let negated = false;
    this.OPTION(() => {
      this.CONSUME(t.Not);
      negated = true;
    });
    const ignoreCase = this.OR([{ ALT: () => this.keyword(t.Like, false) }, { ALT: () => this.keyword(t.Ilike, true) }]);
    const pattern = this.CONSUME(t.Text);
    return this.ACTION(() => ({ pattern: textOf(pattern), negated, ignoreCase }));
  }

  private readShow(): ShowStatement | ShowPartitionsStatement | ShowCreateTableStatement {
    const first = this.CONSUME(t.Show);
    return this.OR([
      { ALT: (): ShowStatement => this.readShowListing(first) },
      {
        ALT: (): ShowPartitionsStatement => {
          this.CONSUME(t.Partitions);
          const name = this.SUBRULE(this.pathRule);
          const partition = this.OPTION3(() => this.SUBRULE(this.partitionRule));
          return { kind: 'showPartitions', name, partition, span: spanOf(first, this.LA(0)) };
        },
      },
      {
        ALT: (): ShowCreateTableStatement => {
          this.CONSUME(t.Create);
          this.CONSUME(t.Table);
          return { kind: 'showCreateTable', name: this.SUBRULE1(this.pathRule), span: spanOf(first, this.LA(0)) };
        },
      },
      {
        ALT: (): ShowStatement => {
          this.CONSUME(t.Catalogs);
          const like = this.OPTION2(() => this.SUBRULE1(this.likeRule));
          return { kind: 'show', what: 'CATALOGS', from: [], like, span: spanOf(first, this.LA(0)) };
        },
      },
      {
        ALT: (): ShowStatement => {
          this.CONSUME(t.Current);
          const what = this.OR2([
            { ALT: () => this.keyword(t.Catalog, 'CURRENT CATALOG') },
            { ALT: () => this.keyword(t.Database, 'CURRENT DATABASE') },
          ]);
          return { kind: 'show', what, from: [], like: undefined, span: spanOf(first, this.LA(0)) };
        },
      },
    ]);
  }

  private readShowListing(first: IToken): ShowStatement {
    const what = this.OR1([
      { ALT: () => this.keyword(t.Procedures, 'PROCEDURES') },
      { ALT: () => this.keyword(t.Databases, 'DATABASES') },
      { ALT: () => this.keyword(t.Tables, 'TABLES') },
    ]);
    const from = this.OPTION(() => {
      this.OR3([{ ALT: () => this.CONSUME(t.From) }, { ALT: () => this.CONSUME(t.In) }]);
      return this.SUBRULE(this.shortPathRule);
    });
    const like = this.OPTION1(() => this.SUBRULE(this.likeRule));
    return { kind: 'show', what, from: from ?? [], like, span: spanOf(first, this.LA(0)) };
  }

  private readUse(): UseStatement {
    const first = this.CONSUME(t.Use);
    return this.OR([
      {
        ALT: (): UseStatement => {
          this.CONSUME(t.Catalog);
          const name = this.CONSUME(t.Word);
          return { kind: 'use', catalog: true, name: [nameOf(name)], span: spanOf(first, name) };
        },
      },
      {
        ALT: (): UseStatement => ({ kind: 'use', catalog: false, name: this.SUBRULE(this.shortPathRule), span: spanOf(first, this.LA(0)) }),
      },
    ]);
  }

  private readDescribe(): DescribeStatement | DescribeDatabaseStatement {
    const first = this.OR([{ ALT: () => this.CONSUME(t.Describe) }, { ALT: () => this.CONSUME(t.Desc) }]);
    return this.OR1({
      MAX_LOOKAHEAD: 1,
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.isNext(t.Database, t.Word),
          ALT: (): DescribeDatabaseStatement => {
            this.CONSUME(t.Database);
            const extended = this.readExtended();
            return { kind: 'describeDatabase', extended, name: this.SUBRULE(this.shortPathRule), span: spanOf(first, this.LA(0)) };
          },
        },
        {
          ALT: (): DescribeStatement => {
            let extended = false;
            this.OPTION1({
              GATE: () => this.isNext(t.Extended, t.Word),
              DEF: () => {
                this.CONSUME1(t.Extended);
                extended = true;
              },
            });
            return { kind: 'describe', extended, name: this.SUBRULE(this.pathRule), span: spanOf(first, this.LA(0)) };
          },
        },
      ],
    });
  }

  private readExtended(): boolean {
    let extended = false;
    this.OPTION({
      GATE: () => this.isNext(t.Extended, t.Word),
      DEF: () => {
        this.CONSUME(t.Extended);
        extended = true;
      },
    });
    return extended;
  }

  private readSet(): SetStatement {
    const first = this.CONSUME(t.SetWord);
    let assignment: SetStatement['assignment'];
    this.OPTION(() => {
      const key = this.CONSUME(t.Text);
      this.CONSUME(t.Equals);
      const value = this.CONSUME1(t.Text);
      this.ACTION(() => {
        assignment = { key: textOf(key), value: textOf(value) };
      });
    });
    return { kind: 'set', assignment, span: spanOf(first, this.LA(0)) };
  }

  private readReset(): ResetStatement {
    const first = this.CONSUME(t.Reset);
    let key: string | undefined;
    this.OPTION(() => {
      const token = this.CONSUME(t.Text);
      this.ACTION(() => {
        key = textOf(token);
      });
    });
    return { kind: 'reset', key, span: spanOf(first, this.LA(0)) };
  }
}

/** A value without a name belongs to the named argument before it; the AST is still being built here. */
function addValue(positional: Literal[], named: NamedArgument[], value: Literal): void {
  const owner = named.at(-1);
  if (owner === undefined) positional.push(value);
  else named[named.length - 1] = extended(owner, value);
}

function extended(owner: NamedArgument, value: Literal): NamedArgument {
  (owner.values as Literal[]).push(value); // Its array was made by readNamed and is not shared yet; a copy per value would be quadratic.
  return { ...owner, span: { start: owner.span.start, end: value.span.end } };
}

const parser = new StatementParser();

function parseOwn(source: string, tokens: readonly IToken[], number: number): Statement {
  if (definitionVerbs.includes(tokens[0]?.tokenType ?? EOF)) checkDefinition(source, tokens, number);
  const { fault, statement } = parser.read(tokens); // A fault stands before what cannot be read: the text is read from left to right.
  if (fault !== undefined) throw new SqlSyntaxError(source, fault.offset, fault.message, { statement: number });
  const error = parser.errors[0];
  if (error !== undefined) throw syntaxErrorOf(parser, { source, tokens, number }, error);
  if (statement.kind === 'call') checkArguments(source, statement, number);
  else checkCounts(source, statement, number);
  return statement;
}

const definitionVerbs: readonly TokenType[] = [t.Create, t.Alter, t.Drop];

/** Before it is parsed. Types hold types: an overflown stack is not an answer. */
function checkDefinition(source: string, tokens: readonly IToken[], statement: number): void {
  const excess = tokens[scriptLimits.definitionTokens];
  if (excess !== undefined) {
    const message = `a definition may have at most ${scriptLimits.definitionTokens} words and marks`;
    throw new SqlSyntaxError(source, excess.startOffset, message, { statement });
  }
  let depth = 0;
  for (const { startOffset, tokenType } of tokens) {
    if (t.opening.includes(tokenType)) depth++;
    else if (t.closing.includes(tokenType)) depth--;
    if (depth > scriptLimits.typeNesting) {
      const message = `more than ${scriptLimits.typeNesting} brackets are open here; give the column a flatter type`;
      throw new SqlSyntaxError(source, startOffset, message, { statement });
    }
  }
}

/** What one statement may hold of each, with a span to point at. */
function countsOf(statement: Statement): readonly (readonly [what: 'columns' | 'properties' | 'partitions', items: readonly Span[]])[] {
  if (statement.kind === 'createTable') {
    const { columns, properties } = statement;
    return [
      ['columns', columns.map(({ span }) => span)],
      ['properties', properties.map(({ key }) => key.span)],
    ];
  }
  if (statement.kind === 'createDatabase') return [['properties', statement.properties.map(({ key }) => key.span)]];
  if (statement.kind !== 'alterTable' && statement.kind !== 'alterDatabase') return [];
  const { action } = statement;
  switch (action.kind) {
    case 'setProperties':
      return [['properties', action.properties.map(({ key }) => key.span)]];
    case 'resetProperties':
      return [['properties', action.keys.map(({ span }) => span)]];
    case 'addColumns':
      return [['columns', action.columns.map(({ span }) => span)]];
    case 'addPartitions':
    case 'dropPartitions':
      return [['partitions', action.partitions.map(({ span }) => span)]];
  }
}

function checkCounts(source: string, statement: Statement, number: number): void {
  for (const [what, spans] of countsOf(statement)) {
    const excess = spans[scriptLimits[what]];
    if (excess === undefined) continue;
    const message = `a statement may have at most ${scriptLimits[what]} ${what}`;
    throw new SqlSyntaxError(source, excess.start, message, { statement: number });
  }
}

function checkArguments(source: string, call: CallStatement, statement: number): void {
  const groups = [call.positional, ...call.named.map((argument) => argument.values)];
  const values = groups.flat().flatMap((value) => (value.kind === 'array' ? value.values : [value]));
  const excess = values[scriptLimits.arguments];
  if (excess !== undefined) {
    const message = `a CALL may have at most ${scriptLimits.arguments} values; split it into several calls`;
    throw new SqlSyntaxError(source, excess.span.start, message, { statement });
  }
  const seen = new Set<string>();
  for (const { name } of call.named) {
    if (seen.has(name.text.toLowerCase())) {
      throw new SqlSyntaxError(source, name.span.start, `argument ${name.text} is given twice`, { statement });
    }
    seen.add(name.text.toLowerCase());
  }
}
