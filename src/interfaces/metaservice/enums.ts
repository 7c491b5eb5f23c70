import type { EnumType } from './message.ts';

/** An enum's value as the service's answers name it; undefined for a number that the enum does not know. */
export function enumName(type: EnumType, number: number): string | undefined {
  let names = namesByNumber.get(type);
  if (names === undefined) {
    names = new Map(Object.entries(type.numbers).map(([name, value]) => [value, name]));
    namesByNumber.set(type, names);
  }
  return names.get(number);
}
const namesByNumber = new WeakMap<EnumType, Map<number, string>>();

/** A value's number, whether it is a name or a number that the enum does not know; undefined for a name it does not know. */
export const enumNumber = (type: EnumType, value: string | number): number | undefined =>
  typeof value === 'number' ? value : Object.hasOwn(type.numbers, value) ? type.numbers[value] : undefined;
