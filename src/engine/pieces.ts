/**
 * A list in pieces, in its order, each as JSON within bounds; an empty one has none.
 * @param limits `bytes` counts items with a comma behind each; an item that is larger is a piece of its own
 */
export function* inPieces<T>(items: Iterable<T>, limits: { readonly bytes: number; readonly items?: number }): Generator<readonly T[]> {
  let piece: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (piece.length === limits.items || (piece.length > 0 && bytes + size > limits.bytes)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(item);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}
