/** A history process whose SELECTs do what a test wants: the first word says what. Everything else about it is the real thing. */
import { existsSync } from 'node:fs';
import { HistoryRefused, type SelectResult } from '../../src/engine/history/port.ts';
import { serveHistory } from '../../src/engine/history/service.ts';

const answer = (...cells: unknown[]): SelectResult => ({ columns: [], rows: [cells], truncated: false });

/** Waits without letting anything else in this process run, until a file is there. */
function spinUntil(file: string): void {
  while (!existsSync(file)) {
    // The whole point.
  }
}

const acts: Readonly<Record<string, (argument: string, signal: AbortSignal) => Promise<SelectResult>>> = {
  pid: async () => answer(process.pid),
  environment: async () => answer(...Object.keys(process.env)),
  limits: async () => answer(process.execArgv.join(' ')),
  spin: async (file) => {
    spinUntil(file);
    return answer('spun');
  },
  /** Never answers, whoever asks it to stop. */
  ignore: async () => await new Promise<SelectResult>(() => {}),
  /** Stops when it is told to. */
  wait: async (_, signal) =>
    await new Promise<SelectResult>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    }),
  crash: async () => process.exit(7),
  hoard: async () => {
    const held: unknown[] = [];
    for (;;) held.push(Array.from({ length: 1_000_000 }, (_, i) => ({ i })));
  },
  refuse: async () => {
    throw new HistoryRefused('SQL_TEST', 'no', 'Do something else.', 3);
  },
  fail: async () => {
    throw new TypeError('a fault of this release');
  },
};

process.on('disconnect', () => process.exit(0));
serveHistory(
  {
    send: (message) => process.send?.(message, undefined, {}, () => {}),
    onMessage: (listener) => process.on('message', listener as () => void),
  },
  {
    select: async (sql, _tables, _options, signal) => {
      const [what = '', argument = ''] = sql.split(' ');
      const act = acts[what];
      if (act === undefined) throw new Error(`there is no act '${what}'`);
      return await act(argument, signal);
    },
  },
);
