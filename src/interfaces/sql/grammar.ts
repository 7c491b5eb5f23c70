import { EmbeddedActionsParser, EOF, type IRecognitionException, type IToken, type TokenType, tokenLabel } from 'chevrotain';
import type {
  CallStatement,
  DescribeStatement,
  LikeFilter,
  Literal,
  Name,
  NamedArgument,
  ResetStatement,
  Scalar,
  SelectStatement,
  SetStatement,
  ShowStatement,
  Span,
  Statement,
  UnreadStatement,
  UseStatement,
} from './ast.ts';
import { SqlSyntaxError } from './errors.ts';
import * as t from './lexer.ts';
import { nearest } from './spelling.ts';

/** The limits of a script. Each is far above any sensible one and far below what would hold up a node. */
export const scriptLimits = {
  bytes: 1_048_576, // Of UTF-8, the operator API's limit for a body.
  statements: 1000,
  arguments: 20_000, // Of one CALL: 10,000 pairs.
  nesting: 200, // Open brackets at one time; DuckDB's own limit for expressions is 1,000.
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

const spanOf = (first: IToken, last: IToken): Span => ({ start: first.startOffset, end: t.endOf(last) });

/** What a statement may begin with, as the message lists it; a typo is compared with the rest of them, too. */
const openers = ['CALL', 'SHOW', 'USE', 'DESCRIBE', 'EXPLAIN', 'CREATE', 'ALTER', 'DROP', 'SELECT'];
const moreOpeners = ['SET', 'RESET', 'WITH', 'VALUES', 'DESC', 'FROM'];
const queryOpener = /^(?:SELECT|WITH|VALUES|FROM|\()$/i;
const definitionOpener = /^(?:CREATE|ALTER|DROP)$/i;
const ownOpener = /^(?:CALL|EXPLAIN|SHOW|USE|DESCRIBE|DESC|SET|RESET)$/i;

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
  if (definitionOpener.test(first.image)) {
    const verb = first.image.toUpperCase() as UnreadStatement['verb']; // The expression admits these three.
    return { kind: 'definition', verb, object: tokens[1]?.image.toUpperCase() ?? '', text, span };
  }
  if (ownOpener.test(first.image)) return parseOwn(source, tokens, number);
  const instead = otherOpeners[first.image.toUpperCase()];
  const message =
    instead === undefined
      ? `expected ${listed(openers)}${suggestion(first, [...openers, ...moreOpeners])}`
      : `${first.image.toUpperCase()} is not a statement here: ${instead}`;
  throw new SqlSyntaxError(source, first.startOffset, message, { statement: number, expected: openers });
}

const textOf = (token: IToken): string =>
  token.tokenType === t.Backticked || token.tokenType === t.DoubleQuoted || token.tokenType === t.Text
    ? t.unquoted(token.image)
    : token.image;
const nameOf = (token: IToken): Name => ({ text: textOf(token), span: spanOf(token, token) });

/** Flink's statements. Every choice is settled by one token, which `expectedAt` relies on, but `USE CATALOG` and `DESCRIBE EXTENDED`. */
class StatementParser extends EmbeddedActionsParser {
  readonly statement: () => Statement;
  private readonly callRule: () => CallStatement;
  private readonly showRule: () => ShowStatement;
  private readonly useRule: () => UseStatement;
  private readonly describeRule: () => DescribeStatement;
  private readonly setRule: () => SetStatement;
  private readonly resetRule: () => ResetStatement;
  private readonly literalRule: () => Literal;
  private readonly scalarRule: () => Scalar;
  private readonly namedRule: () => NamedArgument;
  private readonly pathRule: () => readonly Name[];
  private readonly shortPathRule: () => readonly Name[];
  private readonly likeRule: () => LikeFilter;

  constructor() {
    super([...t.allTokens], { maxLookahead: 2, recoveryEnabled: false });
    this.scalarRule = this.RULE('scalarRule', () => this.readScalar());
    this.literalRule = this.RULE('literalRule', () => this.readLiteral());
    this.namedRule = this.RULE('namedRule', () => this.readNamed());
    this.pathRule = this.RULE('pathRule', () => this.readPath());
    this.shortPathRule = this.RULE('shortPathRule', () => this.readShortPath());
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
      ]),
    );
    this.performSelfAnalysis();
  }

  /** A keyword, and what it means in the statement. */
  private keyword<const T>(type: TokenType, meaning: T): T {
    this.CONSUME(type);
    return meaning;
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

  private readShow(): ShowStatement {
    const first = this.CONSUME(t.Show);
    return this.OR([
      { ALT: (): ShowStatement => this.readShowListing(first) },
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

  private readDescribe(): DescribeStatement {
    const first = this.OR([{ ALT: () => this.CONSUME(t.Describe) }, { ALT: () => this.CONSUME(t.Desc) }]);
    return this.OR1([
      {
        ALT: (): DescribeStatement => {
          this.CONSUME(t.Extended);
          return { kind: 'describe', extended: true, name: this.SUBRULE(this.pathRule), span: spanOf(first, this.LA(0)) };
        },
      },
      {
        ALT: (): DescribeStatement => ({
          kind: 'describe',
          extended: false,
          name: this.SUBRULE1(this.pathRule),
          span: spanOf(first, this.LA(0)),
        }),
      },
    ]);
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
  parser.input = [...tokens];
  const statement = parser.statement();
  const error = parser.errors[0];
  if (error !== undefined) throw syntaxErrorOf(source, tokens, error, number);
  if (statement.kind === 'call') checkArguments(source, statement, number);
  return statement;
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

function syntaxErrorOf(source: string, tokens: readonly IToken[], error: IRecognitionException, statement: number): SqlSyntaxError {
  const found = tokens.indexOf(error.token); // Not found: the end.
  const index = found === -1 ? tokens.length : found;
  const token = tokens[index];
  const before = tokens[index - 1];
  const expected = expectedAt(tokens.slice(0, index));
  if (before !== undefined && expected.length === 1 && expected[0] === tokenLabel(t.Arrow)) {
    const hint =
      before.tokenType === t.DoubleQuoted ? 'double quotes are for names, text stands in single quotes' : 'put text in single quotes';
    const message = `expected a value, or '=>' behind the name of an argument; ${hint}`;
    return new SqlSyntaxError(source, before.startOffset, message, { statement, expected: [...literalLabels, ...expected] });
  }
  const offset = token?.startOffset ?? (before === undefined ? 0 : t.endOf(before));
  const hint = token === undefined ? '' : hintFor(token, expected);
  return new SqlSyntaxError(source, offset, `expected ${listed(expected)}${hint}`, { statement, expected });
}

const literalLabels = [t.Text, t.Numeral, t.True, t.False, t.Null, t.ArrayWord].map(tokenLabel);
const probeTokensMax = 200; // Beyond, the prefix would be parsed too often.

/**
 * What could stand behind a prefix of a statement: each kind of token is tried there, and those that the grammar takes are listed.
 * Where a name may stand, keywords are not listed: each could be one.
 */
function expectedAt(prefix: readonly IToken[]): readonly string[] {
  if (prefix.length > probeTokensMax) return expectedInCall(prefix);
  const accepted = t.grammarTokens.filter((type) => isAccepted(prefix, type));
  const isName = accepted.includes(t.Word);
  const shown = accepted.filter((type) => !isName || type === t.Word || !(type.CATEGORIES ?? []).includes(t.Word));
  const labels = new Set(shown.map((type) => tokenLabel(type)));
  if (isAccepted(prefix, EOF)) labels.add('the end of the statement');
  return [...labels];
}

function isAccepted(prefix: readonly IToken[], type: TokenType): boolean {
  const probe: IToken = { image: "''", startOffset: Number.MAX_SAFE_INTEGER, tokenTypeIdx: type.tokenTypeIdx ?? 0, tokenType: type };
  parser.input = type === EOF ? [...prefix] : [...prefix, probe];
  parser.statement();
  return type === EOF ? parser.errors.length === 0 : parser.errors.every((error) => error.token !== probe);
}

/** Only a CALL is that long, and its arguments repeat. */
function expectedInCall(prefix: readonly IToken[]): readonly string[] {
  const last = prefix.at(-1)?.tokenType;
  if (last === t.Comma) return [...literalLabels, tokenLabel(t.Word)];
  return last === t.Arrow ? literalLabels : [t.Comma, t.Close].map(tokenLabel);
}

/** "A, B or C". */
function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? 'something else';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} or ${last}`;
}

function hintFor(token: IToken, expected: readonly string[]): string {
  if (/^[‘’“”„‚«»]/.test(token.image)) return "; this is a typographic quote, use '";
  const wantsText = expected.includes(tokenLabel(t.Text)) && !expected.includes(tokenLabel(t.Word));
  if (wantsText && token.tokenType === t.DoubleQuoted) return '; double quotes are for names, text stands in single quotes';
  if (wantsText && token.tokenType === t.Identifier) return '; put text in single quotes';
  return suggestion(token, expected);
}

/** "; did you mean X?" when a keyword is close to the word. */
function suggestion(token: IToken, keywords: readonly string[]): string {
  const near = nearest(
    token.image.toUpperCase(),
    keywords.filter((keyword) => /^[A-Z]+$/.test(keyword)),
  );
  return near === undefined ? '' : `; did you mean ${near}?`;
}
