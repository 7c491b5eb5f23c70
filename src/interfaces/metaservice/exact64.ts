/** The decimal text of a signed 64-bit integer, one text for each number; undefined beyond 64 bits. @param digits with an optional sign */
export function exact64Of(digits: string): string | undefined {
  const number = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
  return BigInt.asIntN(64, number) === number ? number.toString() : undefined;
}
