/**
 * How many of the first entries something holds for, by halving: behind one for which it does not hold it must hold for none.
 * @param length how many entries count
 */
export function countWhile<T>(entries: ArrayLike<T>, holds: (entry: T) => boolean, length = entries.length): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(entries[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
