import type { CallStatement, Literal, Name, Span } from './ast.ts';
import { refusal, type StatementRefusal } from './refusals.ts';
import { nearest } from './spelling.ts';

/** What a procedure takes. All are texts; numbers and booleans are taken as they are written. */
export interface Parameter {
  readonly name: string;
  /** A list takes all values behind its name, or, without names, all that are left; only the last parameter may be one. */
  readonly isList: boolean;
  readonly isOptional: boolean;
  readonly about: string;
}

/** `text` is null for NULL. */
export interface ArgumentValue {
  readonly text: string | null;
  readonly span: Span;
}
/** Values by parameter; a parameter that was left out, or is NULL as a whole, has none. */
export type Arguments = ReadonlyMap<string, readonly ArgumentValue[]>;
export type Binding =
  | { readonly kind: 'bound'; readonly values: Arguments }
  | { readonly kind: 'refused'; readonly refusal: StatementRefusal };

const refused = (field: string, detail: string, offset: number): Binding => ({
  kind: 'refused',
  refusal: refusal('WRONG_ARGUMENTS', field, detail, offset),
});

/** Gives each value of a call to its parameter. Names are compared in lower case. */
export function bindArguments(procedure: string, parameters: readonly Parameter[], call: CallStatement): Binding {
  const values = new Map<string, readonly ArgumentValue[]>();
  const surplus = bindPositional(values, parameters, call.positional);
  if (surplus !== undefined) return refused('', `${procedure} takes ${countOf(parameters)}, this is one too many`, surplus.span.start);
  for (const { name, values: given } of call.named) {
    const parameter = parameters.find((each) => each.name.toLowerCase() === name.text.toLowerCase());
    if (parameter === undefined) return refused(name.text, unknownArgument(procedure, parameters, name), name.span.start);
    if (values.has(parameter.name)) return refused(parameter.name, `argument ${parameter.name} is given twice`, name.span.start);
    const second = given[1];
    if (!parameter.isList && second !== undefined)
      return refused(parameter.name, `argument ${parameter.name} takes one value`, second.span.start);
    values.set(parameter.name, textsOf(given));
  }
  for (const { name, isList, isOptional } of parameters) {
    const given = values.get(name) ?? [];
    const array = isList ? undefined : arrayIn(call, name, parameters);
    if (array !== undefined) return refused(name, `argument ${name} takes one value, no array`, array.span.start);
    if (isNullAlone(given)) values.set(name, []);
    const isMissing = !isOptional && !isList && !values.has(name); // NULL is for the procedure to judge.
    if (isMissing) return refused(name, `${procedure} needs argument ${name}`, call.argumentsSpan.end - 1);
  }
  return { kind: 'bound', values };
}

/** @returns the first value that no parameter takes */
function bindPositional(
  values: Map<string, readonly ArgumentValue[]>,
  parameters: readonly Parameter[],
  positional: readonly Literal[],
): Literal | undefined {
  for (const [i, parameter] of parameters.entries()) {
    const given = parameter.isList ? positional.slice(i) : positional.slice(i, i + 1);
    if (given.length > 0) values.set(parameter.name, textsOf(given));
    if (parameter.isList) return undefined;
  }
  return positional[parameters.length];
}

const isNullAlone = (given: readonly ArgumentValue[]): boolean => given.length === 1 && given[0]?.text === null;

const textsOf = (literals: readonly Literal[]): readonly ArgumentValue[] =>
  literals
    .flatMap((literal) => (literal.kind === 'array' ? literal.values : [literal]))
    .map((literal) => ({ text: textOf(literal), span: literal.span }));

const textOf = (literal: Exclude<Literal, { kind: 'array' }>): string | null => (literal.kind === 'null' ? null : String(literal.value));

function arrayIn(call: CallStatement, name: string, parameters: readonly Parameter[]): Literal | undefined {
  const named = call.named.find((argument) => argument.name.text.toLowerCase() === name.toLowerCase())?.values;
  const given = named ?? [call.positional[parameters.findIndex((each) => each.name === name)]];
  return given.find((literal) => literal?.kind === 'array');
}

function countOf(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return 'no arguments';
  return `at most ${parameters.length} ${parameters.length === 1 ? 'argument' : 'arguments'}`;
}

function unknownArgument(procedure: string, parameters: readonly Parameter[], name: Name): string {
  const names = parameters.map((each) => each.name);
  const known = names.length === 0 ? 'it takes none' : `it takes ${names.join(', ')}`;
  return `${procedure} has no argument ${name.text.slice(0, 100)}; ${known}${didYouMean(name.text, names)}`;
}

/** "; did you mean X?" when one of the names is close to what was typed. */
export function didYouMean(typed: string, names: readonly string[]): string {
  const near = typed.length > 100 ? undefined : nearest(typed.toLowerCase(), names);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
