import type { IToken } from 'chevrotain';
import type { Span } from './ast.ts';
import { SqlRefused } from './errors.ts';
import * as t from './lexer.ts';
import type { QualifiedColumn, TableReference } from './queryTree.ts';

/** A piece of the query and what takes its place. */
interface Edit extends Span {
  readonly text: string;
}

/** A query with some pieces replaced that still knows where its characters came from. */
export class EditedText {
  readonly text: string;
  private readonly edits: readonly Edit[];

  /** @param edits pieces of `source` that do not overlap. */
  constructor(source: string, edits: readonly Edit[]) {
    this.edits = edits.toSorted((a, b) => a.start - b.start);
    const kept = this.edits.map((edit, i) => source.slice(this.edits[i - 1]?.end ?? 0, edit.start) + edit.text);
    this.text = kept.join('') + source.slice(this.edits.at(-1)?.end ?? 0);
  }

  /** The place in the source; within a replacement, the beginning of what it replaced. Both in UTF-16 units. */
  sourceOffset(offset: number): number {
    let shift = 0; // What the edits passed so far have added.
    for (const edit of this.edits) {
      const begins = edit.start + shift;
      if (offset < begins) break;
      if (offset < begins + edit.text.length) return edit.start;
      shift += edit.text.length - (edit.end - edit.start);
    }
    return offset - shift;
  }
}

/** Where the parts of `[catalog.][sys.]table [[AS] alias [(columns)]] AT (unit => moment)` stand. */
export interface TravelReference {
  readonly name: Span;
  readonly hasAlias: boolean;
  /** `AT (…)`. */
  readonly clause: Span;
  /** The moment itself. */
  readonly moment: Span;
}

/**
 * Finds the parts of a table reference that has an AT clause.
 * @param offset where its name begins, in UTF-16 units, from the syntax tree.
 * @throws SqlRefused BAD_MOMENT when the tokens do not read as the tree said; the query is then not run.
 */
export function travelReference(tokens: readonly IToken[], offset: number): TravelReference {
  const unclear = (): never => {
    throw new SqlRefused('BAD_MOMENT', 'this AT cannot be read', offset);
  };
  const at = (i: number): IToken => tokens[i] ?? unclear();
  const isAt = (i: number): boolean => /^at$/i.test(at(i).image) && at(i + 1).tokenType === t.Open;
  const first = tokens.findIndex((token) => token.startOffset === offset);
  if (first === -1) return unclear();
  let last = first;
  while (at(last + 1).tokenType === t.Dot) last += 2;
  let next = last + 1;
  let hasAlias = false;
  if (!isAt(next)) {
    hasAlias = true;
    next += /^as$/i.test(at(next).image) ? 2 : 1;
    if (at(next).tokenType === t.Open) next = closing(tokens, next) + 1;
  }
  if (!isAt(next)) return unclear();
  const close = closing(tokens, next + 1);
  if (at(next + 3).tokenType !== t.Arrow || close < next + 5) return unclear();
  return {
    name: { start: at(first).startOffset, end: t.endOf(at(last)) },
    hasAlias,
    clause: { start: at(next).startOffset, end: t.endOf(at(close)) },
    moment: { start: at(next + 4).startOffset, end: t.endOf(at(close - 1)) },
  };
}

/** The parenthesis that closes the one at `open`; -1 when none does. */
function closing(tokens: readonly IToken[], open: number): number {
  let depth = 0;
  return tokens.findIndex((token, i) => {
    if (i < open) return false;
    if (token.tokenType === t.Open) depth++;
    if (token.tokenType === t.Close) depth--;
    return depth === 0;
  });
}

export const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A table reference with its clause, and the table that holds the state of that moment. */
export interface Travel {
  readonly reference: TableReference;
  readonly parts: TravelReference;
  readonly filled: string;
}

/**
 * Takes the AT clauses out: each reference names the table of its moment, under the name it had, so that columns are found as before;
 * `sys.` before such a name in front of a column goes, because an alias has no schema.
 * @param utf16 turns a location of the tree into an offset in UTF-16 units.
 */
export function withoutTravel(
  text: string,
  tokens: readonly IToken[],
  travels: readonly Travel[],
  columns: readonly QualifiedColumn[],
  utf16: (location: number) => number,
): EditedText {
  const edits: Edit[] = travels.flatMap(({ reference, parts, filled }) => [
    { ...parts.name, text: `sys.${quotedName(filled)}${parts.hasAlias ? '' : ` AS ${quotedName(reference.table)}`}` },
    { ...parts.clause, text: '' },
  ]);
  const aliased = new Set(travels.filter(({ parts }) => !parts.hasAlias).map(({ reference }) => reference.table));
  for (const { table, location, prefix } of columns) {
    if (!aliased.has(table)) continue;
    const first = tokens.findIndex((token) => token.startOffset === utf16(location));
    const name = tokens[first + 2 * prefix];
    const start = tokens[first]?.startOffset;
    if (name !== undefined && start !== undefined) edits.push({ start, end: name.startOffset, text: '' });
  }
  return new EditedText(text, edits);
}
