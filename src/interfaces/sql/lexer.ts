import { createToken, type IToken, Lexer, type TokenType } from 'chevrotain';

/**
 * One lexer for everything: our own statements are parsed from its tokens; a query is only cut out of the script by them, so it
 * also knows what DuckDB's lexer knows of quotes: E'…' with backslashes, $tag$…$tag$ and comments that nest.
 * It never fails: a character that means nothing to it is an `Other`, a quote that is never closed an `Unclosed`.
 */
const tokens: TokenType[] = [];

/** Runs from one quote to the next that is not doubled; undefined when there is none. Linear, unlike the regular expression. */
const quoted = (text: string, offset: number, quote: string, backslash: boolean): [string] | null => {
  for (let at = offset + 1; at < text.length; at++) {
    if (backslash && text[at] === '\\') at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return [text.slice(offset, at + 1)];
      at++;
    }
  }
  return null;
};

function blockComment(text: string, offset: number): [string] | null {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = offset;
  let depth = 0;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    if (depth === 0 && found.index !== offset) return null;
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return [text.slice(offset, mark.lastIndex)];
  }
  return null;
}

function dollarQuoted(text: string, offset: number): [string] | null {
  const opening = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
  opening.lastIndex = offset;
  const tag = opening.exec(text)?.[0];
  if (tag === undefined) return null;
  const end = text.indexOf(tag, offset + tag.length);
  return end === -1 ? null : [text.slice(offset, end + tag.length)];
}

const define = (config: Parameters<typeof createToken>[0]): TokenType => {
  const token = createToken({ line_breaks: false, ...config });
  tokens.push(token);
  return token;
};

// Non-breaking and other wide spaces come along when statements are copied from web pages; they read as spaces.
define({ name: 'Space', pattern: /[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]+/, group: Lexer.SKIPPED });
define({ name: 'LineComment', pattern: /--[^\n]*/, group: Lexer.SKIPPED });
define({ name: 'BlockComment', pattern: blockComment, start_chars_hint: ['/'], group: Lexer.SKIPPED });

/** What can stand as a type's name as far as the lexer knows: any word, and ARRAY. */
export const TypeWord = createToken({ name: 'TypeWord', pattern: Lexer.NA, label: 'a type' });
/** What can stand as a name: identifiers, quoted or not, and every keyword that is not a value. */
export const Word = createToken({ name: 'Word', pattern: Lexer.NA, categories: [TypeWord], label: 'a name' });
export const Text = define({
  name: 'Text',
  pattern: (text, offset) => (text[offset] === "'" ? quoted(text, offset, "'", false) : null),
  start_chars_hint: ["'"],
  label: 'text in single quotes',
});
export const Backticked = define({
  name: 'Backticked',
  pattern: (text, offset) => (text[offset] === '`' ? quoted(text, offset, '`', false) : null),
  start_chars_hint: ['`'],
  categories: [Word],
});
export const DoubleQuoted = define({
  name: 'DoubleQuoted',
  pattern: (text, offset) => (text[offset] === '"' ? quoted(text, offset, '"', false) : null),
  start_chars_hint: ['"'],
  categories: [Word],
});
define({
  name: 'EscapeText',
  pattern: (text, offset) => (/^e'/i.test(text.slice(offset, offset + 2)) ? shifted(text, offset) : null),
  start_chars_hint: ['e', 'E'],
});
define({ name: 'DollarText', pattern: dollarQuoted, start_chars_hint: ['$'] });

/** E'…': the quote stands one further, and a backslash protects what follows. */
function shifted(text: string, offset: number): [string] | null {
  const found = quoted(text, offset + 1, "'", true);
  return found === null ? null : [text.slice(offset, offset + 1) + found[0]];
}

/** Takes the whole rest, so that what is never closed is searched for once. */
export const Unclosed = define({
  name: 'Unclosed',
  pattern: /(?:[eE]?'|["`]|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\t-\uffff]*/,
});

// Letters of any script; punctuation and spaces of the blocks in between stay out, so that pasted “quotes” are not letters.
const identifierPattern =
  /[A-Za-z_\u00aa-\u1fff\u2c00-\u2fff\u3001-\ufefe\uff00-\uffff][\w$\u00aa-\u1fff\u2c00-\u2fff\u3001-\ufefe\uff00-\uffff]*/;
export const Identifier = createToken({ name: 'Identifier', pattern: identifierPattern, categories: [Word], label: 'a name' });

const keyword = (name: string, categories: TokenType[]): TokenType =>
  define({ name, pattern: new RegExp(name, 'i'), longer_alt: Identifier, categories, label: name });
const word = (name: string): TokenType => keyword(name, [Word]);
/** A word that is a value, or opens one, and so cannot name an argument without backticks. */
const value = (name: string, ...categories: TokenType[]): TokenType => keyword(name, categories);

// A longer word stands before its own beginning: DATABASES before DATABASE, DESCRIBE before DESC, WITHOUT before WITH.
export const Call = word('CALL');
export const Explain = word('EXPLAIN');
export const Show = word('SHOW');
export const Procedures = word('PROCEDURES');
export const Catalogs = word('CATALOGS');
export const Catalog = word('CATALOG');
export const Databases = word('DATABASES');
export const Database = word('DATABASE');
export const Tables = word('TABLES');
export const Current = word('CURRENT');
export const From = word('FROM');
export const In = word('IN');
export const Not = word('NOT');
export const Like = word('LIKE');
export const Ilike = word('ILIKE');
export const Use = word('USE');
export const Describe = word('DESCRIBE');
export const Desc = word('DESC');
export const Extended = word('EXTENDED');
export const SetWord = word('SET');
export const Reset = word('RESET');
export const Create = word('CREATE');
export const Alter = word('ALTER');
export const Drop = word('DROP');
export const Table = word('TABLE');
export const If = word('IF');
export const Exists = word('EXISTS');
export const Restrict = word('RESTRICT');
export const Cascade = word('CASCADE');
export const Add = word('ADD');
export const Column = word('COLUMN');
export const Comment = word('COMMENT');
export const Partitioned = word('PARTITIONED');
export const Partitions = word('PARTITIONS');
export const Partition = word('PARTITION');
export const By = word('BY');
export const Constraint = word('CONSTRAINT');
export const Primary = word('PRIMARY');
export const Key = word('KEY');
export const Enforced = word('ENFORCED');
export const Without = word('WITHOUT');
export const With = word('WITH');
export const Local = word('LOCAL');
export const Time = word('TIME');
export const Zone = word('ZONE');
export const Precision = word('PRECISION');
export const True = value('TRUE');
export const False = value('FALSE');
export const Null = value('NULL');
export const ArrayWord = value('ARRAY', TypeWord);
tokens.push(Identifier);

export const Numeral = define({ name: 'Numeral', pattern: /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/, label: 'a number' });
export const Arrow = define({ name: 'Arrow', pattern: /=>/, label: "'=>'" });
export const Equals = define({ name: 'Equals', pattern: /=/, label: "'='" });
export const Minus = define({ name: 'Minus', pattern: /-/, label: 'a number' });
export const Comma = define({ name: 'Comma', pattern: /,/, label: "','" });
export const Dot = define({ name: 'Dot', pattern: /\./, label: "'.'" });
export const Open = define({ name: 'Open', pattern: /\(/, label: "'('" });
export const Close = define({ name: 'Close', pattern: /\)/, label: "')'" });
export const OpenBracket = define({ name: 'OpenBracket', pattern: /\[/, label: "'['" });
export const CloseBracket = define({ name: 'CloseBracket', pattern: /\]/, label: "']'" });
export const Less = define({ name: 'Less', pattern: /</, label: "'<'" });
export const Greater = define({ name: 'Greater', pattern: />/, label: "'>'" });
export const Semicolon = define({ name: 'Semicolon', pattern: /;/, label: "';'" });
// Control characters below the tab never come this far: parseScript refuses them.
define({ name: 'Other', pattern: /[\t-\uffff]/ });

/** Brackets of a definition: a query's are its own business. */
export const opening: readonly TokenType[] = [Open, Less];
export const closing: readonly TokenType[] = [Close, Greater];

/** Every kind of token a statement of ours can hold, in the order a message should list them. */
export const grammarTokens: readonly TokenType[] = [...tokens.filter((token) => token.LABEL !== undefined), Word, TypeWord];
export const allTokens: readonly TokenType[] = [TypeWord, Word, ...tokens];

const lexer = new Lexer(tokens, { positionTracking: 'onlyOffset', ensureOptimizations: true });

/** @returns the tokens of a text, spaces and comments left out. Any text has some. */
export const tokensOf = (text: string): readonly IToken[] => lexer.tokenize(text).tokens;

export const endOf = (token: IToken): number => token.startOffset + token.image.length;

/** What a quoted token says: without its quotes, doubled ones single. */
export function unquoted(image: string): string {
  const quote = image.charAt(0);
  return image.slice(1, -1).replaceAll(quote + quote, quote);
}
