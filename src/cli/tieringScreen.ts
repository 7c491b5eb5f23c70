import { type Terminal, write } from './terminal.ts';

const defaultRows = 24;
const fewestRows = 3;
const control = '\u001b[';

/** Lines on a terminal that are drawn again in place. What is above them stays. */
export class Screen {
  readonly #out: Terminal['out'];
  #drawn = 0;

  constructor({ out }: Pick<Terminal, 'out'>) {
    this.#out = out;
  }

  /** How many lines fit; the cursor stands in one below them. */
  get rows(): number {
    const { rows = 0 } = this.#out;
    return Math.max(fewestRows, rows === 0 ? defaultRows : rows) - 1; // 0: a terminal that does not know.
  }

  /** Lines that are too long are cut by the terminal: one that goes on in the next row would shift all that is drawn after it. */
  async draw(lines: readonly string[]): Promise<void> {
    const up = this.#drawn === 0 ? '' : `${control}${this.#drawn}A`;
    const shown = lines.slice(0, this.rows);
    this.#drawn = shown.length;
    await write(this.#out, `${up}\r${control}?7l${shown.map((line) => `${line}${control}K\n`).join('')}${control}J${control}?7h`);
  }
}
