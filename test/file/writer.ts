/**
 * A process of its own that appends to a log until it is killed. Usage: writer.ts DIRECTORY.
 * Prints `holding PID` when it has the log, then `INDEX HASH` for each entry, only after it was acknowledged.
 */
import { writeSync } from 'node:fs';
import { headAfter } from '../../src/log/condition.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import { entryAfter } from '../support/entries.ts';

const { log } = await openFileLog(process.argv[2] ?? '');
const epoch = await log.raiseEpoch();
writeSync(1, `holding ${process.pid}\n`);
let tail = await log.head();
const appendForever = async (): Promise<never> => {
  for (;;) {
    const encoded = entryAfter(tail, { epoch, batchId: `${process.pid}-${tail.index}`, events: 1 + (tail.index % 5) });
    tail = headAfter(encoded);
    const outcome = await log.append(encoded);
    if (outcome.kind !== 'appended') throw new Error(JSON.stringify(outcome));
    writeSync(1, `${encoded.entry.index} ${encoded.entry.hash}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, appendForever));
