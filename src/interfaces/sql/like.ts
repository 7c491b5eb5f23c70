/**
 * SQL's LIKE: `%` stands for any run of characters, `_` for one, a backslash takes the next character as it is.
 * Takes at most pattern length × text length steps, whatever the pattern.
 */
export function matchesLike(text: string, pattern: string, ignoreCase = false): boolean {
  const folded = (value: string): string => (ignoreCase ? value.toLowerCase() : value);
  const characters = [...folded(text)];
  const parts = likeParts(folded(pattern));
  let at = 0;
  let part = 0;
  let retry: { readonly part: number; readonly at: number } | undefined;
  while (at < characters.length) {
    const current = parts[part];
    if (current === 'any run') {
      retry = { part, at };
      part++;
    } else if (current !== undefined && (current === 'any one' || current.character === characters[at])) {
      part++;
      at++;
    } else if (retry !== undefined) {
      retry = { part: retry.part, at: retry.at + 1 }; // Let the run swallow one more character.
      part = retry.part + 1;
      at = retry.at;
    } else {
      return false;
    }
  }
  return parts.slice(part).every((rest) => rest === 'any run');
}

type LikePart = 'any run' | 'any one' | { readonly character: string };

function likeParts(pattern: string): readonly LikePart[] {
  const parts: LikePart[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? '';
    if (character === '\\' && i + 1 < characters.length) parts.push({ character: characters[++i] ?? '' });
    else parts.push(character === '%' ? 'any run' : character === '_' ? 'any one' : { character });
  }
  return parts;
}
