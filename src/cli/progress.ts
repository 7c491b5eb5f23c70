import { SingleBar } from 'cli-progress';
import { grouped, renderSpan } from './moments.ts';
import type { Terminal } from './terminal.ts';

/** How far long work has come. */
export interface Progress {
  /** @param note what else is to be said at the moment */
  update(done: number, total: number, note?: string): void;
  /** Takes the bar away. */
  stop(): void;
}

const quietMs = 1000;
const lineEveryMs = 5000;
const wideColumns = 140;

/**
 * Shows how far work has come once it has taken a second: a bar on a terminal, elsewhere a line every five seconds.
 * @param what `verifying`; @param unit `entries`.
 */
export function startProgress({ err }: Terminal, what: string, unit: string): Progress {
  const began = performance.now();
  let bar: SingleBar | undefined;
  let lastLine = began;
  // Work that had come far before anybody looked says nothing of how fast it goes.
  let first: { readonly at: number; readonly done: number } | undefined;
  return {
    update: (done, total, note) => {
      const now = performance.now();
      first ??= { at: now, done };
      const since = first;
      const payload = () => ({
        done: grouped(done),
        all: grouped(total),
        note: note === undefined ? '' : ` · ${note}`,
        left: done === since.done ? '' : ` · ${renderSpan(((now - since.at) / (done - since.done)) * (total - done))} left`,
      });
      if (now - began < quietMs) return;
      if (err.isTTY !== true) {
        if (now - lastLine < lineEveryMs && lastLine !== began) return;
        lastLine = now;
        err.write(`${what}: ${grouped(done)} of ${grouped(total)} ${unit}${note === undefined ? '' : ` · ${note}`}\n`);
        return;
      }
      if (bar === undefined) {
        const format = `  ${what}  {bar}  {done} of {all} ${unit} · {percentage}%{left}{note}`; // A narrow terminal cuts off its end.
        bar = new SingleBar({
          format,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          barsize: (err.columns ?? wideColumns) < wideColumns ? 10 : 24,
          hideCursor: true,
          clearOnComplete: true,
          fps: 10,
        });
        bar.start(total, done, payload());
      }
      bar.setTotal(total);
      bar.update(done, payload());
    },
    stop: () => bar?.stop(),
  };
}
