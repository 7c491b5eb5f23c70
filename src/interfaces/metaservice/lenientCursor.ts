/** What comes next; `key` is a bare word, `end` the end of the input, `unknown` anything that JSON has no use for. */
export type Token = 'string' | 'number' | 'true' | 'false' | 'null' | '{' | '}' | '[' | ']' | ':' | ',' | 'key' | 'end' | 'unknown';

/**
 * Reads JSON as protobuf's C++ parser does: single quotes, bare keys and commas before a closing bracket are accepted. The first
 * fault stays; after one, nothing that a method returns means anything, so that callers look at `fault` before they go on.
 * @see protobuf, json_stream_parser.cc
 */
export class LenientCursor {
  fault: string | undefined;
  private readonly text: string;
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next token's kind; nothing but white space is consumed. */
  peek(): Token {
    const { text } = this;
    let { at } = this;
    while (at < text.length && isBlank(text.charCodeAt(at))) at++;
    this.at = at;
    if (at === text.length) return 'end';
    const code = text.charCodeAt(at);
    if (code === 0x22 || code === 0x27) return 'string';
    if (code === 0x2d || isDigit(code)) return 'number';
    const known = punctuation.get(code);
    if (known !== undefined) return known;
    for (const word of ['true', 'false', 'null'] as const) if (text.startsWith(word, this.at)) return word;
    return isLetter(code) ? 'key' : 'unknown';
  }

  /** Over a token of one character, or one of the three words. */
  skip(token: Token): undefined {
    this.at += token.length;
  }

  /** A fault at the present place, with what surrounds it. Only the first counts. */
  fail(what: string): undefined {
    if (this.fault !== undefined) return undefined;
    const { text, at } = this;
    const before = text.slice(Math.max(at - contextLength, 0), at);
    this.fault = `${what}\n${before}${text.slice(at, at + contextLength)}\n${' '.repeat(before.length)}^`.toWellFormed();
  }
  /** The same for a token that cannot be here, which may be the end of the input. */
  failAt(token: Token, what: string): undefined {
    this.fail(token === 'end' ? `Unexpected end of string. ${what}` : what);
  }
  /** A fault that is not one of syntax. Only the first counts. */
  refuse(what: string): undefined {
    this.fault ??= what.toWellFormed();
  }

  /** Over a whole object: `entry` is called at each value and reads it. */
  object(entry: (key: string) => void): undefined {
    this.skip('{');
    if (!this.descend()) return undefined;
    for (;;) {
      const token = this.peek();
      if (token === '}') break;
      const key = this.key(token);
      if (this.fault !== undefined) return undefined;
      const colon = this.peek();
      if (colon !== ':') return this.failAt(colon, 'Expected : between key:value pair.');
      this.skip(':');
      entry(key);
      if (this.fault !== undefined) return undefined;
      const next = this.peek();
      if (next === '}') break;
      if (next !== ',') return this.failAt(next, 'Expected , or } after key:value pair.');
      this.skip(',');
    }
    this.skip('}');
    this.depth--;
  }

  /** Over a whole array: `item` is called at each value and reads it. */
  array(item: (index: number) => void): undefined {
    this.skip('[');
    if (!this.descend()) return undefined;
    for (let index = 0; ; index++) {
      const token = this.peek();
      if (token === ']') break;
      if (token === 'end' || token === 'unknown') return this.failAt(token, 'Expected a value or ] within an array.');
      item(index);
      if (this.fault !== undefined) return undefined;
      const next = this.peek();
      if (next === ']') break;
      if (next !== ',') return this.failAt(next, 'Expected , or ] after array value.');
      this.skip(',');
    }
    this.skip(']');
    this.depth--;
  }

  /** Over a value that nobody asked for. */
  skipValue(): undefined {
    const token = this.peek();
    if (token === '{') this.object(() => this.skipValue());
    else if (token === '[') this.array(() => this.skipValue());
    else if (token === 'string') this.string();
    else if (token === 'number') this.number();
    else if (token === 'true' || token === 'false' || token === 'null') this.skip(token);
    else this.failAtValue(token);
  }
  failAtValue(token: Token): undefined {
    if (token === 'end' || token === 'unknown') this.failAt(token, 'Expected a value.');
    else this.fail('Unexpected token.');
  }

  /** The decimal text of a number, as it was written. */
  number(): string {
    const { text } = this;
    let end = this.at;
    while (isNumeral(text.charCodeAt(end))) end++;
    const written = text.slice(this.at, end);
    if (/^-?0[^.eE]+$/.test(written)) this.fail('Octal/hex numbers are not valid JSON values.');
    else if (!decimal.test(written)) this.fail('Unable to parse number.');
    else if (!Number.isFinite(Number(written))) this.fail('Number exceeds the range of double.');
    else this.at = end;
    return written;
  }

  /** The content of a quoted text. */
  string(): string {
    const { text } = this;
    const quote = text.charCodeAt(this.at);
    this.at++;
    let content = '';
    for (;;) {
      const start = this.at;
      let end = start;
      let code = text.charCodeAt(end);
      while (end < text.length && code !== quote && code !== backslash) code = text.charCodeAt(++end);
      content = start === end ? content : content + text.slice(start, end);
      this.at = end;
      if (end === text.length) this.fail('Closing quote expected in string.');
      else if (code === backslash) content += this.escape();
      else {
        this.at++;
        return content;
      }
      if (this.fault !== undefined) return '';
    }
  }

  private key(token: Token): string {
    if (token === 'string') return this.string();
    bareKey.lastIndex = this.at;
    const word = token === 'key' || token === 'true' || token === 'false' || token === 'null' ? (bareKey.exec(this.text)?.[0] ?? '') : '';
    if (word === '' || word === 'true' || word === 'false' || word === 'null')
      this.failAt(token === 'end' ? 'end' : 'unknown', 'Expected an object key or }.');
    else this.at += word.length;
    return word;
  }

  private escape(): string {
    const char = this.text.charAt(this.at + 1);
    if (char === 'u') return this.unicodeEscape();
    if (char === '') {
      this.fail('Closing quote expected in string.');
      return '';
    }
    this.at += 2;
    return escapes.get(char) ?? char;
  }

  private unicodeEscape(): string {
    const high = this.codeUnit(this.at);
    if (high === undefined) {
      this.fail(this.at + 6 > this.text.length ? 'Illegal hex string.' : 'Invalid escape sequence.');
      return '';
    }
    this.at += 6;
    if (high >= 0xdc00 && high <= 0xdfff) this.fail('Invalid unicode code point.');
    if (high < 0xd800 || high > 0xdbff) return String.fromCharCode(high);
    const low = this.codeUnit(this.at);
    if (low === undefined || low < 0xdc00 || low > 0xdfff) {
      this.fail(low === undefined ? 'Missing low surrogate.' : 'Invalid low surrogate.');
      return '';
    }
    this.at += 6;
    return String.fromCharCode(high, low);
  }
  private codeUnit(at: number): number | undefined {
    const digits = /^\\u([0-9a-fA-F]{4})$/.exec(this.text.slice(at, at + 6))?.[1];
    return digits === undefined ? undefined : Number.parseInt(digits, 16);
  }

  private descend(): boolean {
    if (++this.depth <= depthMax) return true;
    this.fail(`Message too deep. At most ${depthMax} levels of objects and arrays are accepted.`);
    return false;
  }
}

const backslash = 0x5c;
/** What protobuf takes together as a number before it looks whether it is one: digits, `-`, `+`, `.`, `e`, `E` and `x`. */
const isNumeral = (code: number): boolean =>
  isDigit(code) || code === 0x2d || code === 0x2b || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x78;
/** Characters either side of a fault's place. */
const contextLength = 20;
/** Protobuf's own limit. */
const depthMax = 100;
const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLetter = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x24;
const punctuation: ReadonlyMap<number, Token> = new Map(
  (['{', '}', '[', ']', ':', ','] as const).map((char) => [char.charCodeAt(0), char]),
);
const bareKey = /[A-Za-z_$][A-Za-z0-9_$]*/y;
const decimal = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const escapes: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);
