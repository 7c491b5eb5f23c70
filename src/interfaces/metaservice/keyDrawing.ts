import { decodeKey, type KeyPart } from './keySpace.ts';

const unicodeSigns = { corner: '┌', line: '─', bar: '│', point: '▼' } as const;
const asciiSigns = { corner: '/', line: '-', bar: '|', point: 'v' } as const;

/**
 * A key with each of its fields over the place where it begins.
 * @param hex of the key, in either case; an odd last digit does not count
 * @returns lines, each with its newline; undefined when it is not the hex of a key
 */
export function drawKey(hex: string, isUnicode: boolean): string | undefined {
  if (!/^[0-9a-fA-F]*$/.test(hex)) return undefined;
  const decoded = decodeKey(Buffer.from(hex, 'hex'));
  if (decoded === undefined) return undefined;
  const signs = isUnicode ? unicodeSigns : asciiSigns;
  const fields = [
    { column: 0, text: `key space: ${decoded.space}` },
    // Two hex digits a byte: the column is where the field's own first digit stands.
    ...decoded.parts.map((part) => ({ column: 2 * part.offset, text: textOf(part) })),
  ];
  const columns = fields.map(({ column }) => column);
  const width = (columns.at(-1) ?? 0) + 2;
  const marked = (sign: string, count: number): string[] => {
    const line = new Array<string>(width).fill(' ');
    for (const column of columns.slice(0, count)) line[column] = sign;
    return line;
  };
  const lines = fields.map(({ column, text }, i) => {
    const line = marked(signs.bar, i);
    line[column] = signs.corner;
    line.fill(signs.line, column + 1);
    return `${line.join('')} ${i}. ${text}`;
  });
  return [...lines, marked(signs.bar, columns.length).join(''), marked(signs.point, columns.length).join(''), hex, ''].join('\n');
}

function textOf(part: KeyPart): string {
  if (part.kind === 'text') return part.text;
  return part.kind === 'integer' ? String(part.integer) : part.stamp.toString('hex');
}
