import type { EventLog } from '../log/port.ts';
import type { Logger } from '../ports/logger.ts';
import type { Membership } from '../ports/membership.ts';
import type { DataKeyTable, KeyRing } from '../secrets/port.ts';
import type { MasterKeySource } from './secretKey.ts';
import type { LogLevel, LogUrl } from './settings.ts';

export interface OpenedLog {
  readonly log: EventLog;
  readonly membership: Membership;
  /** What the opening found and did, for the operator. */
  readonly notices: readonly string[];
}

/** A log as tools use it: no lock, no membership. */
export type ReadableLog = Pick<EventLog, 'read' | 'head' | 'close'>;

export interface LeveledLogger extends Logger {
  level: LogLevel;
  trace(fields: object, message: string): void;
}

/** The master keys at hand. Without `current` it is derived from the cluster secret; all that there are open. */
export interface MasterKeys {
  readonly current?: MasterKeySource;
  readonly previousFile?: string;
  readonly clusterSecret?: string;
}

/** What the command line gets from `main.ts`, which alone knows who implements the ports. Each is loaded when it is first called. */
export interface Implementations {
  /** Opens a log for a node, or to be written by an import. @throws LogRefused, LogUnavailable */
  openLog(url: LogUrl, options: { readonly sessionTimeoutMs: number; readonly logger: Logger }): Promise<OpenedLog>;
  /** @throws LogRefused, LogUnavailable */
  readLog(url: LogUrl): Promise<ReadableLog>;
  /** @throws CommandFailure saying what is wrong with the key and what to do. */
  openSealer(keys: MasterKeys, table: DataKeyTable, logger: Logger): Promise<KeyRing>;
  createLogger(level: LogLevel): Promise<LeveledLogger>;
}
