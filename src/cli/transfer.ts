import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import type { AppendOutcome, EventLog } from '../log/port.ts';
import { type EntrySource, textsOf } from './entrySource.ts';
import { CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import type { Implementations } from './implementations.ts';
import { grouped } from './moments.ts';
import { logUrlOf, opened, openSource } from './openSource.ts';
import type { OperatorOptions } from './operatorClient.ts';
import { type Progress, startProgress } from './progress.ts';
import { type Terminal, waiting, write } from './terminal.ts';
import { brokenAt, verifySource } from './verify.ts';

export interface ExportOptions extends OperatorOptions {
  readonly log?: string;
  readonly force?: boolean;
}

/**
 * `chancery export`: the entries as they are stored, one per line. A file is written beside its name and renamed when it is whole,
 * so that what carries the name is never a part. The log is checked on the way out.
 */
export async function exportLog(
  file: string | undefined,
  options: ExportOptions,
  parts: Implementations,
  terminal: Terminal,
): Promise<void> {
  const toFile = file === undefined || file === '-' ? undefined : file;
  if (toFile !== undefined && options.force !== true && (await isThere(toFile)))
    throw wrongUsage(`${toFile} is there already`, 'Give another name, or --force to write over it.');
  const source = await openSource(options, parts, terminal);
  const part = `${toFile}.part`;
  const target = toFile === undefined ? undefined : createWriteStream(part, { flags: 'w', flush: true });
  const failed = target === undefined ? undefined : once(target, 'error').then(([error]) => Promise.reject(error as Error));
  failed?.catch(() => {}); // It is raced below; unraced it would end the process.
  try {
    const verdict = await verifySource(source, terminal, async (texts) => {
      const writing = write(target ?? terminal.out, texts.map((text) => `${text}\n`).join(''));
      await (failed === undefined ? writing : Promise.race([writing, failed]));
    });
    if (verdict.kind === 'broken') throw brokenAt(verdict.position, verdict.reason);
    if (target !== undefined) {
      target.end();
      await Promise.race([once(target, 'close'), failed]);
      await rename(part, toFile ?? part);
    }
    const { hash, index, position } = verdict.state;
    terminal.err.write(
      `exported ${grouped(position)} events in ${grouped(index)} entries${toFile === undefined ? '' : ` to ${toFile}`}\nchain ${hash}\n`,
    );
  } catch (error) {
    target?.destroy();
    if (target !== undefined) await rm(part, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && code !== undefined) throw wrongUsage(`${toFile} cannot be written: ${whyNot[code] ?? code}`);
    throw error;
  } finally {
    await source.close();
  }
}

const whyNot: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  EACCES: 'this user may not write there',
  ENOSPC: 'the disk is full',
};

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}

/** `chancery import`: checks the whole file, then appends its entries to an empty log just as they are. */
export async function importLog(
  file: string,
  options: { readonly log: string },
  parts: Implementations,
  terminal: Terminal,
): Promise<void> {
  const url = logUrlOf(options.log);
  const source = await openSource({ file, operator: '' }, parts, terminal);
  try {
    const verdict = await verifySource(source, terminal);
    if (verdict.kind === 'broken')
      throw refusal(`${file} is broken at position ${grouped(verdict.position)}: ${verdict.reason}`, 'Nothing was imported.');
    const { hash, index, position } = verdict.state;
    if (index === 0) throw refusal(`${file} holds no entries`, 'Nothing was imported.');
    const logger = await parts.createLogger('error');
    const { log } = await opened(waiting(terminal, `opening ${url.text}`, parts.openLog(url, { sessionTimeoutMs: 10_000, logger })));
    try {
      const head = await opened(log.head());
      if (head.index > 0)
        throw refusal(
          `${url.text} is not empty: it ends at position ${grouped(head.position)}`,
          'Import into a new log. Nothing was changed.',
        );
      await appendAll(log, source, index, startProgress(terminal, 'importing', 'entries'));
    } finally {
      await log.close();
    }
    terminal.out.write(`imported ${grouped(position)} events in ${grouped(index)} entries into ${url.text}\nchain ${hash}\n`);
  } finally {
    await source.close();
  }
}

/** Appends entries in order, as many together as the log takes and as are of one epoch. */
async function appendAll(log: EventLog, source: EntrySource, total: number, progress: Progress): Promise<void> {
  let done = 0;
  let run: EncodedEntry[] = [];
  const flush = async (): Promise<void> => {
    await appendRun(log, run);
    done += run.length;
    progress.update(done, total);
    run = [];
  };
  try {
    for await (const texts of textsOf(source)) {
      for (const text of texts) {
        // The stored text is appended, not one made anew: an entry may hold events of older versions, which decoding brings up to date.
        const encoded = { entry: decodeEntry(text), text };
        if (run.length >= log.pipelineDepth || encoded.entry.epoch !== run[0]?.entry.epoch) await flush();
        run.push(encoded);
      }
    }
    await flush();
  } finally {
    progress.stop();
  }
}

const triesMost = 5;

/**
 * Appends entries of one epoch that follow each other. What failed, and what failed with it, is sent again as it is: it takes effect once.
 * The log's epoch is raised only when it is behind theirs, since a new log on ZooKeeper has epoch 1 before anybody raised it.
 */
async function appendRun(log: EventLog, entries: readonly EncodedEntry[]): Promise<void> {
  let run = entries;
  for (let tries = 1; ; tries += 1) {
    const outcomes: readonly AppendOutcome[] = await Promise.all(run.map((encoded) => log.append(encoded)));
    const failed = outcomes.findIndex(({ kind }) => kind !== 'appended');
    const outcome = outcomes[failed];
    if (outcome === undefined) return;
    run = run.slice(failed);
    const [first] = run;
    const index = first?.entry.index ?? 0;
    const wanted = first?.entry.epoch ?? 0;
    if (outcome.kind === 'fenced' && outcome.epoch < wanted) await raiseTo(log, wanted);
    const isTaken = outcome.kind === 'fenced' && outcome.epoch > wanted;
    if (isTaken && index === 1)
      throw refusal(
        `the log is empty, but its epoch is ${grouped(outcome.epoch)} already, beyond the import's ${grouped(wanted)}`,
        'Import into a new log.',
      );
    if (!isTaken && tries < triesMost) continue;
    const remedy = 'Remove the half-imported log and import again.';
    if (outcome.kind === 'unknown') throw new CommandFailure(exitStatus.unknown, `the log does not answer: ${outcome.detail}`, remedy);
    throw refusal(`entry ${grouped(index)} was not taken: somebody else writes to this log`, `Stop the others. ${remedy}`);
  }
}

async function raiseTo(log: EventLog, wanted: number): Promise<void> {
  let epoch = 0;
  while (epoch < wanted) epoch = await opened(log.raiseEpoch());
}
