import { EOF, type IRecognitionException, type IToken, type TokenType, tokenLabel } from 'chevrotain';
import { definitionHint, refusedHere } from './definitionRefusals.ts';
import { SqlSyntaxError } from './errors.ts';
import * as t from './lexer.ts';
import { nearest } from './spelling.ts';

/** The grammar's parser: the input is set, then the statement read. */
interface Parser {
  input: IToken[];
  readonly errors: readonly IRecognitionException[];
  readonly statement: () => unknown;
}
/** One statement of a script. */
interface Tried {
  readonly source: string;
  readonly tokens: readonly IToken[];
  /** Which of the script, from 1. */
  readonly number: number;
}

/** The parser's complaint in the words of `SqlSyntaxError`: what could have stood there, found out by trying. */
export function syntaxErrorOf(parser: Parser, { number: statement, source, tokens }: Tried, error: IRecognitionException): SqlSyntaxError {
  const found = tokens.indexOf(error.token); // Not found: the end.
  const index = found === -1 ? tokens.length : found;
  const token = tokens[index];
  const before = tokens[index - 1];
  const expected = expectedAt(parser, tokens.slice(0, index));
  if (before !== undefined && expected.length === 1 && expected[0] === tokenLabel(t.Arrow)) {
    const hint =
      before.tokenType === t.DoubleQuoted ? 'double quotes are for names, text stands in single quotes' : 'put text in single quotes';
    const message = `expected a value, or '=>' behind the name of an argument; ${hint}`;
    return new SqlSyntaxError(source, before.startOffset, message, { statement, expected: [...literalLabels, ...expected] });
  }
  const offset = token?.startOffset ?? (before === undefined ? 0 : t.endOf(before));
  const prefix = tokens.slice(0, index);
  const refused = token === undefined ? undefined : refusedHere(prefix, token, expected);
  const hint = definitionHint(prefix, token, expected) || (token === undefined ? '' : hintFor(token, expected));
  const message = expected.length === 0 ? 'this cannot follow what stands before it' : `expected ${listed(expected)}${hint}`;
  return new SqlSyntaxError(source, offset, refused ?? message, { statement, expected });
}

const literalLabels = [t.Text, t.Numeral, t.True, t.False, t.Null, t.ArrayWord].map(tokenLabel);
const probeTokensMax = 200; // Beyond, the prefix would be parsed too often.

/**
 * What could stand behind a prefix of a statement: each kind of token is tried there, and those that the grammar takes are listed.
 * Where a name may stand, keywords are not listed: each could be one.
 */
function expectedAt(parser: Parser, whole: readonly IToken[]): readonly string[] {
  const isCall = whole[0]?.tokenType === t.Call || whole[0]?.tokenType === t.Explain;
  if (isCall && whole.length > probeTokensMax) return expectedInCall(whole);
  const prefix = whole.length > probeTokensMax ? shortened(whole) : whole;
  if (prefix.length > probeTokensMax) return [];
  const accepted = t.grammarTokens.filter((type) => isAccepted(parser, prefix, type));
  const broad = [t.TypeWord, t.Word].find((type) => accepted.includes(type));
  const shown = accepted.filter((type) => broad === undefined || type === broad || !isKindOf(type, broad));
  const labels = new Set(shown.map((type) => tokenLabel(type)));
  if (isAccepted(parser, prefix, EOF)) labels.add('the end of the statement');
  return [...labels];
}

const isKindOf = (type: TokenType, broad: TokenType): boolean =>
  (type.CATEGORIES ?? []).some((category) => category === broad || isKindOf(category, broad));

/**
 * A long definition without what repeats, so that what may follow is the same: of the elements in parentheses and of the partitions
 * one after the other only the last is left.
 */
function shortened(prefix: readonly IToken[]): readonly IToken[] {
  const kept: IToken[] = [];
  const opened: IToken[] = [];
  let elementsStart = 0;
  let partitionsStart: number | undefined;
  for (const token of prefix) {
    const { tokenType } = token;
    const isOuter = opened.length === 1 && opened[0]?.tokenType === t.Open;
    if (tokenType === t.Comma && isOuter) {
      kept.length = elementsStart;
      continue;
    }
    if (tokenType === t.Partition && opened.length === 0) {
      partitionsStart ??= kept.length;
      kept.length = partitionsStart;
    }
    kept.push(token);
    if (t.closing.includes(tokenType)) opened.pop();
    if (!t.opening.includes(tokenType)) continue;
    opened.push(token);
    if (opened.length === 1) elementsStart = kept.length;
  }
  return kept;
}

function isAccepted(parser: Parser, prefix: readonly IToken[], type: TokenType): boolean {
  const probe: IToken = { image: "''", startOffset: Number.MAX_SAFE_INTEGER, tokenTypeIdx: type.tokenTypeIdx ?? 0, tokenType: type };
  parser.input = type === EOF ? [...prefix] : [...prefix, probe];
  parser.statement();
  return type === EOF ? parser.errors.length === 0 : parser.errors.every((error) => error.token !== probe);
}

/** The arguments of a CALL repeat. */
function expectedInCall(prefix: readonly IToken[]): readonly string[] {
  const last = prefix.at(-1)?.tokenType;
  if (last === t.Comma) return [...literalLabels, tokenLabel(t.Word)];
  return last === t.Arrow ? literalLabels : [t.Comma, t.Close].map(tokenLabel);
}

/** "A, B or C". */
export function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? '';
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
export function suggestion(token: IToken, keywords: readonly string[]): string {
  const near = nearest(
    token.image.toUpperCase(),
    keywords.filter((keyword) => /^[A-Z]+$/.test(keyword)),
  );
  return near === undefined ? '' : `; did you mean ${near}?`;
}
