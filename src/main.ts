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
  openSealer: async (given, logger) => {
    const { createSealer, keyFromSecret } = await import('./secrets/aes.ts');
    const { namedKey, readSecretKey } = await import('./cli/secretKey.ts');
    const named = 'file' in given ? await readSecretKey(given.file, given.mayMake) : namedKey(keyFromSecret(given.clusterSecret));
    if (named.isNew) logger.info({}, 'made a new secret key; keep a copy of it: without it no secret in the log can be opened');
    return createSealer([named], named.keyId);
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
