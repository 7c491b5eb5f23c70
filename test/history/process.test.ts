/**
 * Goal: a node is asked about the past, and neither a long answer, a wild question nor a dead process delays or fells it.
 * Method: a real child process, folding a real log through its parent; killed, blocked, filled up and starved at a known moment: the
 * tests hold the log's answers or a file in their hands, so that what they say of order does not depend on how fast anything is.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHistory, type HistoryParts, historyLimits } from '../../src/engine/history/historyClient.ts';
import { type History, HistoryRefused } from '../../src/engine/history/port.ts';
import type { ReadTexts } from '../../src/engine/history/timeline.ts';
import { configLog, longHistory, sourceOf, textsOf } from './histories.ts';
import { childrenCalled, cpuTicksOf, isGone } from './processes.ts';

const unruly = new URL('./unruly.ts', import.meta.url);
const texts = textsOf(longHistory(60));
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

interface Wish extends Partial<HistoryParts> {
  readonly readTexts?: ReadTexts;
}
/** What the process's node logged. */
const warnings: string[] = [];
function open(wish: Wish = {}): History {
  warnings.length = 0;
  const logger = {
    debug: () => {},
    info: () => {},
    warn: (fields: object, words: string) => warnings.push(`${words} ${JSON.stringify(fields)}`),
    error: () => {},
  };
  const history = createHistory({
    readTexts: sourceOf(texts),
    head: () => ({ index: texts.length, position: 0 }),
    logger,
    memoryMb: 128,
    program: unruly,
    ...wish,
  });
  cleanUp.push(() => history.close());
  return history;
}

const asker = { principal: 'User:root', interface: 'sql' } as const;
const act = async (history: History, sql: string, timeoutMs = 15_000): Promise<unknown> =>
  (await history.select(sql, { asker, maxRows: 1, timeoutMs, live: {} })).rows[0]?.[0];
const pidOf = async (history: History): Promise<number> => Number(await act(history, 'pid'));
const refusalOf = async (question: Promise<unknown>): Promise<HistoryRefused> => {
  const error = await question.catch((reason: unknown) => reason);
  if (!(error instanceof HistoryRefused)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  return error;
};

const expectGone = (pid: number): Promise<unknown> => eventually(() => expect(isGone(pid)).toBe(true));

/** A source that answers only when it is let. */
function gated(source: ReadTexts = sourceOf(texts)) {
  let isOpen = false;
  const waiting: (() => void)[] = [];
  return {
    get reads(): number {
      return waiting.length;
    },
    read: (async (afterIndex, limit) => {
      if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
      return await source(afterIndex, limit);
    }) satisfies ReadTexts,
    open(): void {
      isOpen = true;
      for (const go of waiting) go();
    },
  };
}

/** Waits as long as a loaded machine may need to start a process. */
const eventually = (holds: () => unknown): Promise<unknown> => vi.waitFor(holds, { timeout: 15_000, interval: 20 });

describe('a process that dies', () => {
  test('in the middle of a question: that one is refused, the next one is answered', async () => {
    const history = open();
    const pid = await pidOf(history);
    const asked = refusalOf(act(history, 'ignore'));
    await pidOf(history); // Questions are sent in order: it has that one now.
    process.kill(pid, 'SIGKILL');
    expect(await asked).toMatchObject({ code: 'HISTORY_UNAVAILABLE', message: 'the history process ended (SIGKILL)' });
    expect(await pidOf(history)).not.toBe(pid);
  });

  test('in the middle of reading the log', async () => {
    const gate = gated();
    const history = open({ readTexts: gate.read });
    const asked = refusalOf(history.stateAt({ position: 3 }));
    await eventually(() => expect(gate.reads).toBe(1));
    for (const pid of childrenCalled('unruly')) process.kill(pid, 'SIGKILL');
    expect(await asked).toMatchObject({ code: 'HISTORY_UNAVAILABLE', message: 'the history process ended (SIGKILL)' });
    gate.open();
    expect(await history.stateAt({ position: 3 })).toMatchObject({ position: 3 });
  });

  test('by itself, again and again: it is left alone for a while, and then tried again', async () => {
    let now = 1_000;
    const history = open({ now: () => now });
    for (let i = 0; i < historyLimits.starts; i += 1) expect((await refusalOf(act(history, 'crash'))).message).toContain('status 7');
    now += 10_000;
    const refusal = await refusalOf(pidOf(history));
    expect(refusal).toMatchObject({ code: 'HISTORY_UNAVAILABLE', message: 'the history process ended 5 times lately' });
    expect(refusal.remedy).toContain('in 50 s');
    now += 50_001;
    expect(await pidOf(history)).toBeGreaterThan(1);
  });

  test('for want of memory', async () => {
    const history = open({ memoryMb: 48 });
    expect(await refusalOf(act(history, 'hoard'))).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
    expect(warnings.join('\n')).toContain('heap');
    expect(await pidOf(history)).toBeGreaterThan(1);
  });
});

describe('a question that does not end', () => {
  const times = { slackMs: 0, graceMs: 300 } as const;

  test('and blocks its process is stopped with it', async () => {
    const history = open({ times });
    const pid = await pidOf(history);
    expect(await refusalOf(act(history, 'spin /never/there', 300))).toMatchObject({
      code: 'HISTORY_UNAVAILABLE',
      message: 'no answer within 300 ms',
    });
    await expectGone(pid);
    expect(await pidOf(history)).not.toBe(pid);
    expect(warnings.join('\n')).toContain('did not stop a question');
  });

  test('and does not hear that nobody waits any longer, too', async () => {
    const history = open({ times });
    const pid = await pidOf(history);
    expect((await refusalOf(act(history, 'ignore', 200))).code).toBe('HISTORY_UNAVAILABLE');
    await expectGone(pid);
    expect(await pidOf(history)).not.toBe(pid);
  });

  test('but stops when it is told costs nobody anything', async () => {
    const history = open({ times: { slackMs: 0, graceMs: 10_000 } });
    const pid = await pidOf(history);
    expect((await refusalOf(act(history, 'wait', 100))).code).toBe('HISTORY_UNAVAILABLE');
    expect(await pidOf(history)).toBe(pid);
  });

  test('those beside it and behind it are asked again of the next process', async () => {
    const history = open({ times });
    const pid = await pidOf(history);
    const runaway = refusalOf(act(history, 'spin /never/there', 400));
    const others = Array.from({ length: historyLimits.inFlight + 2 }, () => pidOf(history));
    expect((await runaway).code).toBe('HISTORY_UNAVAILABLE');
    const pids = new Set(await Promise.all(others));
    expect(pids.size).toBe(1);
    expect(pids).not.toContain(pid);
  });

  test('ended together with its node, it does not come back', async () => {
    let closed: Promise<void> | undefined;
    const warn = (_: object, words: string): void => {
      // At the moment when the process is being ended.
      if (words.includes('did not stop a question')) closed = history.close();
    };
    const history = open({ times, logger: { debug: () => {}, info: () => {}, warn, error: () => {} } });
    const pid = await pidOf(history);
    const beside = refusalOf(act(history, 'wait'));
    await refusalOf(act(history, 'spin /never/there', 50));
    await eventually(() => expect(closed).toBeDefined());
    await closed;
    expect((await beside).message).toBe('the node is stopping');
    expect(isGone(pid)).toBe(true);
    expect(childrenCalled('unruly')).toEqual([]);
  });
});

describe('a log that is long', () => {
  test('is read on after the question that waited for it was out of time', async () => {
    const gate = gated();
    const history = open({ readTexts: gate.read, times: { questionMs: 5_000, slackMs: 0, graceMs: 15_000 } });
    const refusal = await refusalOf(history.events({ limit: 1 }));
    expect(refusal).toMatchObject({ code: 'HISTORY_UNAVAILABLE', message: expect.stringContaining('still reading the log: entry 0 of') });
    await eventually(() => expect(gate.reads).toBe(1)); // A busy machine may not even have started it by now.
    gate.open();
    expect((await history.events({ limit: 1 })).events).toHaveLength(1);
    expect(warnings).toEqual([]); // It is the same process.
  });

  test('is folded before anybody asks again', async () => {
    let known = 10;
    let served = 0;
    const source = sourceOf(texts);
    const history = open({
      readTexts: async (afterIndex, limit) => {
        served = Math.max(served, Math.min(known, afterIndex + limit));
        return await source(afterIndex, Math.min(limit, known - afterIndex));
      },
      head: () => ({ index: known, position: 0 }),
      times: { headMs: 20 },
    });
    await pidOf(history);
    known = texts.length;
    await eventually(() => expect(served).toBe(texts.length));
  });
});

test('an answer is never older than what the node had folded when it was asked', async () => {
  let known = 5;
  const source = sourceOf(texts);
  const read: ReadTexts = async (afterIndex, limit) => await source(afterIndex, Math.max(0, Math.min(limit, known - afterIndex)));
  const history = open({ readTexts: read, head: () => ({ index: known, position: 0 }) });
  for (; known <= texts.length; known += 7) {
    const { position } = await history.stateAt(undefined);
    const { events } = await history.events({ limit: 1, order: 'descending' });
    expect(events[0]?.position).toBe(position);
    expect(await act(history, 'pid')).toBeGreaterThan(1);
    const last = JSON.parse(texts[known - 1] ?? '{}') as { firstPosition: number; count: number };
    expect(position).toBeGreaterThanOrEqual(last.firstPosition + last.count - 1);
  }
});

describe('what cannot be read', () => {
  test('now: the question is refused with the reason, the next one answered', async () => {
    let isDown = true;
    const source = sourceOf(texts);
    const history = open({
      readTexts: async (afterIndex, limit) => {
        if (isDown) throw new Error('ZooKeeper cannot be reached');
        return await source(afterIndex, limit);
      },
    });
    expect(await refusalOf(history.events({ limit: 1 }))).toMatchObject({
      code: 'HISTORY_UNAVAILABLE',
      message: 'the log cannot be read: ZooKeeper cannot be reached',
    });
    isDown = false;
    expect((await history.events({ limit: 1 })).events).toHaveLength(1);
  });

  test('ever: the position is named', async () => {
    const broken = texts.with(20, (texts[20] ?? '').replace('"v":1', '"v":2'));
    const refusal = await refusalOf(open({ readTexts: sourceOf(broken) }).events({ limit: 1 }));
    expect(refusal).toMatchObject({ code: 'HISTORY_UNAVAILABLE', message: expect.stringContaining('start a newer Chancery') });
    expect(refusal.remedy).toContain('chancery verify');
  });

  test('yet, although it was promised', async () => {
    const history = open({ head: () => ({ index: texts.length + 1, position: 0 }) });
    expect((await refusalOf(history.events({ limit: 1 }))).code).toBe('NOT_CAUGHT_UP');
  });
});

test('refusals come through as they are', async () => {
  const history = open();
  expect(await refusalOf(act(history, 'refuse'))).toMatchObject({
    code: 'SQL_TEST',
    message: 'no',
    remedy: 'Do something else.',
    offset: 3,
  });
  expect(await refusalOf(history.events({ limit: 0 }))).toMatchObject({ code: 'MALFORMED_REQUEST', offset: undefined });
  expect((await refusalOf(history.stateAt({ position: 1e6 }))).code).toBe('UNKNOWN_POSITION');
  expect((await refusalOf(act(history, 'fail'))).message).toBe('the question failed: a fault of this release');
  await eventually(() => expect(warnings.join('\n')).toContain('TypeError: a fault of this release')); // With its stack, for the log.
});

test('more questions than may wait are refused at once', async () => {
  const gate = gated();
  const history = open({ readTexts: gate.read });
  const asked = Array.from({ length: historyLimits.waiting }, (_, i) => history.events({ limit: 1 }, `User:${i % 4}`));
  expect(await refusalOf(history.events({ limit: 1 }, 'User:4'))).toMatchObject({ code: 'BUSY' });
  gate.open();
  for (const page of await Promise.all(asked)) expect(page.events).toHaveLength(1);
});

test('a question whose turn does not come is refused as such, and more of one caller than may wait', async () => {
  const history = open({ times: { slackMs: 0 } });
  await pidOf(history);
  const waiting = Array.from({ length: historyLimits.inFlightPerCaller }, async () => await refusalOf(act(history, 'wait', 3_000)));
  const late = await refusalOf(act(history, 'pid', 50));
  expect(late).toMatchObject({ code: 'BUSY', message: 'its turn did not come within 50 ms' });
  const more = Array.from({ length: historyLimits.waitingPerCaller - waiting.length }, async () => await act(history, 'pid'));
  expect(await refusalOf(pidOf(history))).toMatchObject({ code: 'BUSY', message: expect.stringContaining('questions of User:root') });
  expect((await history.events({ limit: 1 }, 'User:eve')).events).toHaveLength(1); // Of another caller one more may come.
  expect(new Set(await Promise.all(more)).size).toBe(1);
  for (const { message } of await Promise.all(waiting)) expect(message).toBe('no answer within 3000 ms');
});

describe('many questions of one caller about the past', () => {
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const count = 1_600;
  const past = textsOf(configLog(count, { keyOf: (position) => `k${position}`, text: 'x'.repeat(8_000), perEntry: 4 }));
  const openReal = (memoryMb: number, readTexts: ReadTexts = sourceOf(past)): History => {
    const head = () => ({ index: past.length, position: count });
    const history = createHistory({ readTexts, head, logger: quiet, memoryMb });
    cleanUp.push(() => history.close());
    return history;
  };
  const configsAt = async (history: History, position: number): Promise<unknown> => {
    const sql = `SELECT count(*) FROM sys.cluster_configs AT (VERSION => ${position}) WHERE config_source = 'DYNAMIC_CONFIG'`;
    const { rows } = await history.select(sql, { asker, maxRows: 1, timeoutMs: 120_000, live: {} });
    return Number(rows[0]?.[0]);
  };
  const smallQuestion = async (history: History): Promise<unknown> => {
    const options = { asker: { principal: 'User:eve', interface: 'sql' }, maxRows: 1, timeoutMs: 120_000, live: {} } as const;
    return (await history.select('SELECT count(*) FROM sys.servers', options)).rows[0]?.[0];
  };
  /** Each needs a fold of its own: going back, no question can go on from the one before. */
  const positions = Array.from({ length: 20 }, (_, i) => Math.floor(count * (0.97 - i * 0.025)));

  test('do not end the process: each is answered or refused, and so are the questions of others', async () => {
    const history = openReal(52);
    await history.events({ limit: 1 });
    const pids = childrenCalled('chancery-history');
    expect(pids).toHaveLength(1);
    const asked = positions.map(async (position) => await configsAt(history, position).catch((error: HistoryRefused) => error.code));
    const small = smallQuestion(history);
    const answers = await Promise.all(asked);
    expect(await small).toBe(0);
    for (const [place, answer] of answers.entries()) expect([positions[place], 'BUSY']).toContain(answer);
    expect(answers).toContain(positions[0]);
    expect(childrenCalled('chancery-history')).toEqual(pids);
  });

  test('wait for each other, not others for them; the same position is folded once', async () => {
    const gate = gated(sourceOf(past));
    let isGated = false;
    const source = sourceOf(past);
    const history = openReal(256, async (afterIndex, limit) =>
      isGated ? await gate.read(afterIndex, limit) : await source(afterIndex, limit),
    );
    await history.events({ limit: 1 });
    isGated = true;
    const asked = [...positions, ...positions].map(async (position) => await configsAt(history, position));
    await eventually(() => expect(gate.reads).toBe(1));
    expect(await smallQuestion(history)).toBe(0); // None of the others was answered, nor can be.
    expect(gate.reads).toBe(1); // One fold at a time.
    gate.open();
    expect(await Promise.all(asked)).toEqual([...positions, ...positions]);
  });
});

test('one message carries at most about a megabyte of log, however much is asked for', async () => {
  const large = textsOf(configLog(1_000, { text: 'x'.repeat(8_000), perEntry: 25 }));
  const length = large[0]?.length ?? 0;
  expect(length).toBeGreaterThan(200_000);
  const asked: number[] = [];
  const history = open({
    readTexts: async (afterIndex) => {
      asked.push(afterIndex);
      return large.slice(afterIndex);
    },
    head: () => ({ index: large.length, position: 0 }),
  });
  expect(await history.stateAt(undefined)).toMatchObject({ position: 1_000 });
  const most = Math.floor(historyLimits.replyCharacters / length);
  expect(asked).toEqual(Array.from({ length: large.length / most }, (_, i) => i * most)); // And not once more: the end was known.
});

test('the process gets no secret of its node, and the memory it may have', async () => {
  process.env['CHANCERY_CLUSTER_SECRET'] = 'swordfish';
  cleanUp.push(() => {
    delete process.env['CHANCERY_CLUSTER_SECRET'];
  });
  const history = open({ memoryMb: 123 });
  const { rows } = await history.select('environment', { asker, maxRows: 1, timeoutMs: 10_000, live: {} });
  expect(rows[0]).toContain('PATH');
  expect(rows[0]).not.toContain('CHANCERY_CLUSTER_SECRET');
  expect(await act(history, 'limits')).toContain('--max-old-space-size=123');
  const limits = readFileSync(`/proc/${await pidOf(history)}/limits`, 'utf8');
  expect(limits).toMatch(new RegExp(`Max data size +${(123 + 1024) * 1024 * 1024} `));
});

describe('the end', () => {
  test('closing ends the process, whatever it is doing, and refuses what was asked', async () => {
    const history = open({ times: { closeMs: 200 } });
    const pid = await pidOf(history);
    const asked = refusalOf(act(history, 'spin /never/there'));
    await eventually(() => expect(cpuTicksOf(pid)).toBeGreaterThan(10)); // It is at it.
    await history.close();
    expect(isGone(pid)).toBe(true);
    expect(await asked).toMatchObject({ message: 'the node is stopping' });
    expect((await refusalOf(pidOf(history))).message).toBe('the node is stopping');
    await history.close();
  });

  test('closing one that was never asked anything starts nothing', async () => {
    const history = open();
    expect(childrenCalled('unruly')).toEqual([]);
    await history.close();
    expect(childrenCalled('unruly')).toEqual([]);
  });

  test('a parent that is killed takes its process with it, whatever that is doing', async () => {
    const parent = spawn(process.execPath, [fileURLToPath(new URL('./parent.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanUp.push(() => parent.kill('SIGKILL'));
    await new Promise((resolve) => parent.stdout.once('data', resolve));
    const [pid = 0, ...more] = childrenCalled('chancery-history', parent.pid);
    expect(pid).toBeGreaterThan(1);
    expect(more).toEqual([]);
    const ticks = cpuTicksOf(pid);
    await eventually(() => expect(cpuTicksOf(pid)).toBeGreaterThan(ticks + 50)); // DuckDB is at it.
    parent.kill('SIGKILL');
    await expectGone(pid);
  });
});

describe('the node goes on', () => {
  async function server(): Promise<() => Promise<string>> {
    const http = createServer((_, response) => response.end('pong'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    cleanUp.push(
      () => http.closeAllConnections(),
      () => http.close(),
    );
    const { port } = http.address() as AddressInfo;
    return async () => await (await fetch(`http://127.0.0.1:${port}/`)).text();
  }

  test('while its history process is blocked by a question', async () => {
    const ping = await server();
    const folder = mkdtempSync(join(tmpdir(), 'chancery-history-'));
    cleanUp.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'go');
    const asked = act(open(), `spin ${file}`);
    // The question ends when this file is there, and it is made when the node has answered: in one process this would wait for ever.
    for (let i = 0; i < 50; i += 1) expect(await ping()).toBe('pong');
    writeFileSync(file, '');
    expect(await asked).toBe('spun');
  });

  test('while a long replay runs', async () => {
    const ping = await server();
    const long = textsOf(longHistory(300));
    const history = createHistory({
      readTexts: sourceOf(long),
      head: () => ({ index: long.length, position: 0 }),
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      memoryMb: 512,
    });
    cleanUp.push(() => history.close());
    let isDone = false;
    let pings = 0;
    let pages = 0;
    const replaying = (async () => {
      let steps = 0;
      for (let next: number | undefined = 1; next !== undefined; ) {
        const page = await history.replay({ fromPosition: next, limit: 100, includeBookkeeping: true });
        steps += page.steps.length;
        pages += 1;
        next = page.next;
      }
      isDone = true;
      return steps;
    })();
    while (!isDone) {
      expect(await ping()).toBe('pong');
      pings += 1;
    }
    expect(await replaying).toBe(long.reduce((sum, text) => sum + (JSON.parse(text) as { count: number }).count, 0));
    expect(pings).toBeGreaterThan(pages); // Folding here, the node could have answered once between two pages at best.
  });
});
