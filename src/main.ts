/** The program. Only this file knows who implements the ports; each implementation is loaded when it is needed. */
import { enableCompileCache } from 'node:module';
import type { Implementations, LeveledLogger } from './cli/implementations.ts';
import { run } from './cli/run.ts';

enableCompileCache();

const implementations: Implementations = {
  openLog: async (url, { logger, sessionTimeoutMs }) => {
    if (url.kind === 'file') {
      const { openFileLog } = await import('./log/file/open.ts');
      return await openFileLog(url.directory);
    }
    const { openZooKeeper } = await import('./log/zookeeper/open.ts');
    const onProgress = (text: string): void => logger.info({}, text);
    return { ...(await openZooKeeper({ connect: `${url.servers}${url.root}`, sessionTimeoutMs, onProgress })), notices: [] };
  },
  readLog: async (url) => {
    if (url.kind === 'file') {
      const { openFileLog } = await import('./log/file/open.ts');
      return (await openFileLog(url.directory, { readOnly: true })).log;
    }
    const { openZooKeeper } = await import('./log/zookeeper/open.ts');
    return (await openZooKeeper({ connect: `${url.servers}${url.root}`, startTimeoutMs: 10_000, readOnly: true })).log;
  },
  openSealer: async ({ clusterSecret, current, previousFile }, table, logger) => {
    const { createSealer, keyFromSecret, namedKey } = await import('./secrets/aes.ts');
    const { readMasterKey, readPreviousKey } = await import('./cli/secretKey.ts');
    const derived = clusterSecret === undefined ? undefined : keyFromSecret(clusterSecret);
    const read = current === undefined ? undefined : await readMasterKey(current);
    if (read?.isNew) logger.info({}, 'made a new secret key; keep a copy of it: without it no secret in the log can be opened');
    const previous = previousFile === undefined ? undefined : await readPreviousKey(previousFile);
    const [master, ...others] = [read?.key ?? derived, previous, derived].filter((key) => key !== undefined).map(namedKey);
    if (master === undefined) throw new Error('there is neither a master key nor a cluster secret');
    const keys = new Map([master, ...others].map((key) => [key.keyId, key]));
    return createSealer([...keys.values()], master.keyId, table);
  },
  createLogger: async (level) => {
    const { pino } = await import('pino');
    const { humanLogLine } = await import('./cli/logLine.ts');
    const { stderr } = process;
    const hasColor = stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '';
    // A synchronous destination: the last words before an end must not be lost.
    const destination = stderr.isTTY
      ? { write: (line: string) => stderr.write(`${humanLogLine(line, Date.now(), hasColor)}\n`) }
      : pino.destination({ fd: 2, sync: true });
    return pino({ level }, destination) as unknown as LeveledLogger;
  },
};

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // The reader has seen enough, as with `chancery history | head`.
    throw error;
  });

process.exitCode = await run(process.argv.slice(2), implementations, { out: process.stdout, err: process.stderr, env: process.env });
