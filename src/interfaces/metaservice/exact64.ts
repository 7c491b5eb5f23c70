/** The decimal text of a signed 64-bit integer, the same for the same number. @param digits with an optional sign; undefined beyond 64 bits */
export function exact64Of(digits: string): string | undefined {
  const number = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
  return BigInt.asIntN(64, number) === number ? number.toString() : undefined;
}
