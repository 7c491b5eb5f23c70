import { createInterface } from 'node:readline';
import { HistoryRefused, type ReplayQuery, type ReplayStep, type StatePatch } from '../engine/history/port.ts';
import { replay as replaySteps } from '../engine/history/replay.ts';
import { Timeline } from '../engine/history/timeline.ts';
import type { EntrySource } from './entrySource.ts';
import { refusal, wrongUsage } from './exit.ts';
import { HistoryLines } from './historyLines.ts';
import type { Implementations } from './implementations.ts';
import { grouped, parseMoment, type TypedMoment, timeForms } from './moments.ts';
import { openSource, type SourceOptions } from './openSource.ts';
import { startProgress } from './progress.ts';
import { harmless, styled, type Terminal, write } from './terminal.ts';
import { brokenAt, isOfTheLog } from './verify.ts';

export interface ReplayOptions extends SourceOptions {
  readonly from?: string;
  readonly to?: string;
  readonly step?: boolean;
  readonly type?: readonly string[];
  readonly subject?: string;
  readonly json?: boolean;
}

/** `chancery replay`: folds the log here, whoever wrote it, and tells of each act what it changed. */
export async function replay(options: ReplayOptions, parts: Implementations, terminal: Terminal): Promise<void> {
  const now = Date.now();
  const from = momentOf('from', options.from, now);
  const to = momentOf('to', options.to, now);
  const source = await openSource(options, parts, terminal);
  try {
    const timeline = new Timeline((after, limit) => source.read(after, limit));
    const broken = await foldAll(timeline, source, terminal);
    try {
      await show(timeline, queryOf(options, timeline, from, to), options, terminal);
    } catch (error) {
      if (error instanceof HistoryRefused) throw refusal(`refused: ${error.message}`, error.remedy);
      throw error;
    }
    if (broken !== undefined) throw broken;
  } finally {
    await source.close();
  }
}

function momentOf(name: string, text: string | undefined, now: number): TypedMoment | undefined {
  if (text === undefined) return undefined;
  const moment = parseMoment(text, now);
  if (moment === undefined)
    throw wrongUsage(`--${name} '${text}' is neither a position nor a time`, `Give a position, or a time: ${timeForms}.`);
  return moment;
}

/** Folds what there is. @returns what to say at the end of a log that cannot be believed to its end: what is before can be shown. */
async function foldAll(timeline: Timeline, source: EntrySource, terminal: Terminal): Promise<Error | undefined> {
  const progress = startProgress(terminal, `reading ${source.name}`, source.unit);
  const timer = setInterval(() => {
    const done = source.upTo(timeline.state);
    progress.update(done, Math.max(source.total, done));
  }, 200);
  try {
    await timeline.catchUp();
    return undefined;
  } catch (error) {
    if (isOfTheLog(error)) return brokenAt(timeline.state.position + 1, error.message.replace(/^position \d+:? /, ''));
    throw error;
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}

function queryOf(
  { subject, type }: ReplayOptions,
  timeline: Timeline,
  from: TypedMoment | undefined,
  to: TypedMoment | undefined,
): ReplayQuery {
  // From a time on: behind everything that happened before it.
  const fromPosition = from === undefined ? undefined : 'position' in from ? from.position : timeline.positionAt(from.at - 1) + 1;
  return {
    ...(fromPosition === undefined ? {} : { fromPosition }),
    ...(to === undefined ? {} : { to }),
    ...(type === undefined ? {} : { types: type }),
    ...(subject === undefined ? {} : { subject }),
  };
}

async function show(timeline: Timeline, query: ReplayQuery, { json, step }: ReplayOptions, terminal: Terminal): Promise<void> {
  if (query.fromPosition !== undefined && query.fromPosition > timeline.state.position && query.to === undefined) return;
  const lines = new HistoryLines(terminal.out, terminal.env);
  const keys = step === true ? new Keys() : undefined;
  try {
    for await (const shown of replaySteps(timeline, query)) {
      const text = json === true ? JSON.stringify(shown) : renderStep(shown, lines, terminal);
      await write(terminal.out, `${text}\n`);
      if (keys !== undefined && !(await keys.goOn(terminal))) return;
    }
  } finally {
    keys?.close();
  }
}

function renderStep({ event, patches }: ReplayStep, lines: HistoryLines, terminal: Terminal): string {
  const changes = patches.map((patch) => `    ${styled(terminal.out, terminal.env, styleOf[patch.op], renderPatch(patch))}`);
  return [...lines.render([event], Date.now()), ...changes].join('\n');
}

const signOf = { add: '+', replace: '~', remove: '-' } as const;
const styleOf = { add: 'green', replace: 'yellow', remove: 'red' } as const;
const patchWidth = 200;

/** `~ configs.dynamic.datalake.format  {"value":…}`, cut where it would fill the screen. */
export function renderPatch({ op, path, value }: StatePatch): string {
  const text = value === undefined ? '' : `  ${JSON.stringify(value)}`;
  const note = `… (${grouped(text.length)} characters, whole with --json)`;
  const shown = text.length > patchWidth ? `${text.slice(0, patchWidth)}${note}` : text;
  return `${signOf[op]} ${harmless(path.join('.'))}${harmless(shown)}`;
}

/** Enter goes on, q or the end of the input ends. */
class Keys {
  readonly #interface = createInterface({ input: process.stdin, terminal: false });
  readonly #lines = this.#interface[Symbol.asyncIterator]();

  async goOn({ env, err }: Terminal): Promise<boolean> {
    if (err.isTTY === true) err.write(styled(err, env, 'dim', '    Enter: next, q: end '));
    const { done, value } = await this.#lines.next();
    return done !== true && !/^q(uit)?$/i.test(value.trim());
  }

  close(): void {
    this.#interface.close();
  }
}
