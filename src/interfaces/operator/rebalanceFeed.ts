import { type RebalanceRow, rebalanceOf } from '../../../projections/rebalance.ts';
import type { Node } from '../../engine/node.ts';
import { viewOfRebalance } from '../../engine/rebalanceProgress.ts';
import type { Rejection } from '../../rejection.ts';
import type { CopyingBoard } from './copyingBoard.ts';
import type { Feed, Reader } from './streamConnection.ts';

/** At most four messages a second; what is being copied is looked at every second. */
const limits = { pauseMs: 250, lookMs: 1_000 } as const;

export interface FeedParts {
  readonly node: Node;
  readonly copying: CopyingBoard;
  readonly rebalanceId: string;
  /** Why the reader may not have more. */
  denied(): Rejection | undefined;
}

/** How far a rebalance is, whenever that changes, until it is over. What changes meanwhile is told in one. */
export class RebalanceFeed implements Feed {
  readonly #parts: FeedParts;
  #sent = '';
  #seen = 0;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  get greeting(): string {
    return `follows ${this.#parts.rebalanceId}`;
  }
  get seen(): number {
    return this.#seen;
  }
  #row(): RebalanceRow | undefined {
    return rebalanceOf(this.#parts.node.state.rebalance, this.#parts.rebalanceId);
  }

  async forward(to: Reader): Promise<void> {
    const row = this.#row();
    if (row === undefined || this.#parts.denied() !== undefined) return to.end(); // Whoever comes back is told.
    const copying = row.moving === 0 ? undefined : await this.#parts.copying.now();
    const text = JSON.stringify({ ...viewOfRebalance(row), ...(copying === undefined ? {} : { copying }) });
    if (text !== this.#sent) {
      this.#sent = text;
      this.#seen = row.position;
      await to.write(`id: ${row.position}\ndata: ${text}\n\n`);
      if (row.endedAt !== undefined) return to.end();
      await to.pause(limits.pauseMs);
    }
    // Entries about something else wake too; the text tells whether there is anything new.
    const { position } = this.#parts.node.state;
    const hasNews = () => (this.#row()?.position ?? 0) > this.#seen || this.#parts.node.state.position > position;
    await to.woken(hasNews, row.moving === 0 ? undefined : limits.lookMs);
  }
}
