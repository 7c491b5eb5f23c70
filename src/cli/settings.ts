import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import { z } from 'zod';
import { nodeId } from '../../events/kit.ts';
import { configKeyOf } from '../../projections/configKeys.ts';
import { denialLimits } from '../engine/authorization.ts';
import type { RpcAccess } from '../interfaces/metaservice/service.ts';
import type { TlsSettings } from '../interfaces/tls/material.ts';
import {
  type AuthenticationSettings,
  authenticationChecks,
  authenticationOf,
  type CheckedAuthentication,
  readUsers,
} from './authenticationSettings.ts';
import { nearest } from './nearest.ts';
import { type MasterKeySource, secretKeyForm } from './secretKey.ts';
import { defaultConfigFile, otherVariables, type SettingKey, settingNames, variableOf } from './settingNames.ts';
import { type CheckedTls, tlsChecks, tlsOf } from './tlsSettings.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}
export type LogUrl =
  | { readonly kind: 'file'; readonly directory: string; readonly text: string }
  | { readonly kind: 'zookeeper'; readonly servers: string; readonly root: string; readonly text: string };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** All that `serve` is told, checked. */
export interface Settings {
  readonly nodeId: string;
  readonly log: LogUrl;
  readonly operator: Address;
  /** http://host:port, https:// where this node speaks TLS, without a slash behind it. */
  readonly advertise: string;
  /** Absent when it is off. */
  readonly metaService?: MetaServiceSettings;
  readonly fluss?: Address;
  readonly clusterSecret?: string;
  readonly tls: TlsSettings;
  readonly authentication: AuthenticationSettings;
  readonly logLevel: LogLevel;
  readonly sessionTimeoutMs: number;
  /** How many denials the node keeps. */
  readonly auditDenials: number;
  /** The master key of all secrets; absent: it is derived from the cluster secret. */
  readonly secretKey?: MasterKeySource;
  /** The master key before this one, which only opens. */
  readonly previousSecretKeyFile?: string;
  /** The section `cluster-configs`, not yet checked against the catalogue of configs. */
  readonly clusterConfigs: ReadonlyMap<string, FileConfig>;
}
export interface MetaServiceSettings {
  readonly address: Address;
  readonly token: string;
  /** Of root and admin at cloud_cluster_status; may be empty. */
  readonly adminPassword: string;
  /** Whose acts those of callers with the token are. */
  readonly principal: string;
  /** Whether the plain RPC form answers without the token. */
  readonly rpc: RpcAccess;
}
export interface FileConfig {
  readonly value: string | null;
  /** `cluster-configs in chancery.yaml, line 12`. */
  readonly where: string;
}

/** What is wrong and what to do about it, one line each. */
export interface Problem {
  readonly what: string;
  readonly remedy: string;
}
export type Loaded =
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'wrong'; readonly problems: readonly Problem[] };

export interface Sources {
  /** By setting name; `config` is the file named with --config. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

/** Settings by flag, variable and file, in that order. Every problem is found, not only the first. */
export function loadSettings({ flags, env, directory }: Sources): Loaded {
  const problems: Problem[] = [...unknownVariables(env)];
  const file = readConfigFile(flags['config'] ?? env['CHANCERY_CONFIG'], directory);
  problems.push(...file.problems);
  const given = (name: SettingKey): Given | undefined => {
    const flag = flags[name];
    if (flag !== undefined) return { text: flag, where: `--${name}` };
    const variable = env[variableOf(name)];
    if (variable !== undefined) return { text: variable, where: variableOf(name) };
    return file.given.get(name);
  };
  const checked: Partial<Record<SettingKey, unknown>> = {};
  for (const setting of settingNames) {
    const source = given(setting.name) ?? ('fallback' in setting ? { text: setting.fallback, where: 'the default' } : undefined);
    if (source === undefined) continue;
    const { problem, value } = check(setting.name, source);
    if (problem !== undefined) problems.push(problem);
    checked[setting.name] = value;
  }
  if (problems.length > 0) return { kind: 'wrong', problems };
  return assemble(checked as Checked, file, directory);
}

interface Given {
  readonly text: string;
  readonly where: string;
}

const address = z.string().transform((text, context): Address => {
  const [, inBrackets, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65535) return { host, port };
  context.addIssue({ code: 'custom', message: 'is not HOST:PORT' });
  return z.NEVER;
});

const logUrl = z.string().transform((text, context): LogUrl => {
  const [, directory] = /^file:(?:\/\/(?=\/))?(.+)$/.exec(text) ?? [];
  if (directory !== undefined) return { kind: 'file', directory, text };
  const [, servers = '', root = ''] = /^zookeeper:\/\/([^/]+)(\/.*)?$/.exec(text) ?? [];
  const path = root.replace(/\/$/, '') || '/chancery';
  const addresses = servers.split(',').map((server) => (/^(\[.*\]|[^:]*)$/.test(server) ? `${server}:2181` : server));
  if (servers !== '' && addresses.every((server) => address.safeParse(server).success) && /^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(path))
    return { kind: 'zookeeper', servers: addresses.join(','), root: path, text: `zookeeper://${addresses.join(',')}${path}` };
  context.addIssue({ code: 'custom', message: 'is neither file:DIR nor zookeeper://HOST:PORT,.../ROOT' });
  return z.NEVER;
});

const advertised = z.string().transform((text, context): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (url !== undefined && isBare && /^https?:$/.test(url.protocol) && url.hostname !== '') return url.origin;
  context.addIssue({ code: 'custom', message: 'is not http://HOST:PORT' });
  return z.NEVER;
});

const unitsMs = { ms: 1, s: 1000, min: 60_000 } as const;
const sessionTimeout = z.string().transform((text, context): number => {
  const [, digits, unit] = /^(\d{1,7}) ?(ms|s|min)$/.exec(text) ?? [];
  const ms = Number(digits) * unitsMs[(unit ?? 'ms') as keyof typeof unitsMs];
  if (ms >= 1000 && ms <= 300_000) return ms;
  context.addIssue({ code: 'custom', message: 'is not a time from 1s to 5min' });
  return z.NEVER;
});

const denialCount = z
  .string()
  .regex(/^\d{1,6}$/, 'is no such number')
  .transform(Number)
  .refine((count) => count <= denialLimits.kept, 'is no such number');

/** How each setting is checked, and what to do when it is wrong. `isSecret`: the value is not repeated. */
const checks: Readonly<Record<SettingKey, { schema: z.ZodType; remedy: string; isSecret?: boolean }>> = {
  'node-id': {
    schema: z.string().refine((text) => nodeId.safeParse(text).success, 'is not a node name'),
    remedy: 'Use letters, digits, dot, dash and underscore, at most 64, a letter or digit first.',
  },
  log: {
    schema: logUrl,
    remedy: 'Give a directory, such as file:./data, or a ZooKeeper and a path in it, such as zookeeper://zk1:2181,zk2:2181/chancery.',
  },
  operator: { schema: address, remedy: 'Give a host and a port from 1 to 65535, such as 127.0.0.1:8480 or [::1]:8480.' },
  advertise: {
    schema: advertised,
    remedy: 'Give the address by which others reach this node, without a path, such as http://host1.example:8480.',
  },
  'meta-service': {
    schema: z.union([z.literal('off'), address], 'is neither HOST:PORT nor off'),
    remedy: 'Give a host and a port from 1 to 65535, such as 127.0.0.1:5000, or off.',
  },
  'meta-service-token': {
    schema: z.string().regex(/^[\x21-\x7e]{1,256}$/, 'is not 1 to 256 visible ASCII characters'),
    remedy: 'Give a long random text of letters and digits, the same on every node.',
    isSecret: true,
  },
  'meta-service-admin-password': {
    schema: z.string().max(256, 'is longer than 256 characters'),
    remedy: 'Give a password, the same on every node.',
    isSecret: true,
  },
  fluss: { schema: address, remedy: 'Give a host and a port from 1 to 65535, such as 127.0.0.1:9123.' },
  'cluster-secret': {
    schema: z.string().min(8, 'is shorter than 8 characters').max(1024, 'is longer than 1024 characters'),
    remedy: 'Give a long random text, the same on every node.',
    isSecret: true,
  },
  'log-level': { schema: z.enum(logLevels, 'is not a level'), remedy: `Use one of ${logLevels.join(', ')}.` },
  'audit-denials': { schema: denialCount, remedy: `Give a whole number from 0 to ${denialLimits.kept}.` },
  'session-timeout': { schema: sessionTimeout, remedy: 'Give a number and a unit (ms, s, min), such as 10s.' },
  ...tlsChecks,
  ...authenticationChecks,
  'secret-key-file': { schema: z.string().min(1, 'is empty'), remedy: 'Give the path of a file that holds the key.' },
  'secret-key': {
    schema: z.string().regex(secretKeyForm, 'is not 64 hex digits'),
    remedy: 'Make one with: openssl rand -hex 32. It must be the same on every node.',
    isSecret: true,
  },
  'previous-secret-key-file': {
    schema: z.string().min(1, 'is empty'),
    remedy: 'Give the path of the file that holds the key before this one.',
  },
};

interface Checked extends CheckedTls, CheckedAuthentication {
  readonly 'node-id': string;
  readonly log: LogUrl;
  readonly operator: Address;
  readonly advertise?: string;
  readonly 'meta-service': Address | 'off';
  readonly 'meta-service-token': string;
  readonly 'meta-service-admin-password'?: string;
  readonly fluss?: Address;
  readonly 'cluster-secret'?: string;
  readonly 'log-level': LogLevel;
  readonly 'session-timeout': number;
  readonly 'audit-denials': number;
  readonly 'secret-key-file'?: string;
  readonly 'secret-key'?: string;
  readonly 'previous-secret-key-file'?: string;
}

function check(name: SettingKey, { text, where }: Given): { readonly value?: unknown; readonly problem?: Problem } {
  const { isSecret, remedy, schema } = checks[name];
  const parsed = schema.safeParse(text);
  if (parsed.success) return { value: parsed.data };
  const what = `${where}${isSecret === true ? '' : ` '${text}'`} ${parsed.error.issues[0]?.message}`;
  return { problem: { what, remedy } };
}

/** What holds between settings. */
function assemble(checked: Checked, { clusterConfigs, users }: ConfigFile, directory: string): Loaded {
  const { advertise, fluss, log: given, operator } = checked;
  const log: LogUrl = given.kind === 'file' ? { ...given, directory: resolve(directory, given.directory) } : given;
  const { problems: tlsProblems, tls } = tlsOf(checked, directory);
  const problems: Problem[] = [...tlsProblems];
  const scheme = tls.own === undefined ? 'http' : 'https';
  const clusterSecret = checked['cluster-secret'];
  if (log.kind === 'zookeeper' && clusterSecret === undefined)
    problems.push({
      what: 'a log in ZooKeeper needs a cluster secret, by which its nodes know each other',
      remedy: 'Set CHANCERY_CLUSTER_SECRET to the same long random text on every node.',
    });
  const listensEverywhere = /^(0\.0\.0\.0|::0?)$/.test(operator.host);
  if (log.kind === 'zookeeper' && listensEverywhere && advertise === undefined)
    problems.push({
      what: `--operator ${textOf(operator)} listens on every address: which of them reaches this node is not known`,
      remedy: `Set --advertise to the one that the other nodes can use, such as ${scheme}://host1.example:${operator.port}.`,
    });
  if (scheme === 'https' && advertise?.startsWith('http:') === true)
    problems.push({
      what: `--advertise ${advertise} is not what this node speaks: it has a tls-cert`,
      remedy: `Set --advertise to ${advertise.replace('http:', 'https:')}.`,
    });
  if (checked['secret-key'] !== undefined && checked['secret-key-file'] !== undefined)
    problems.push({
      what: 'secret-key and secret-key-file are both given',
      remedy: 'Give the master key one way: as a text or as a file.',
    });
  if (problems.length > 0) return { kind: 'wrong', problems };
  const secretKey = masterKeyOf(checked, log, directory);
  const previousFile = checked['previous-secret-key-file'];
  const metaService = metaServiceOf(checked);
  const settings: Settings = {
    nodeId: checked['node-id'],
    log,
    operator,
    advertise: advertise ?? `${scheme}://${textOf(listensEverywhere ? { host: '127.0.0.1', port: operator.port } : operator)}`,
    ...(metaService === undefined ? {} : { metaService }),
    ...(fluss === undefined ? {} : { fluss }),
    ...(clusterSecret === undefined ? {} : { clusterSecret }),
    tls,
    authentication: authenticationOf(checked, users),
    logLevel: checked['log-level'],
    sessionTimeoutMs: checked['session-timeout'],
    auditDenials: checked['audit-denials'],
    ...(secretKey === undefined ? {} : { secretKey }),
    ...(previousFile === undefined ? {} : { previousSecretKeyFile: resolve(directory, previousFile) }),
    clusterConfigs,
  };
  return { kind: 'settings', settings };
}

/** @returns undefined where it is derived from the cluster secret */
function masterKeyOf(checked: Checked, log: LogUrl, directory: string): MasterKeySource | undefined {
  const file = checked['secret-key-file'];
  const hex = checked['secret-key'];
  if (hex !== undefined) return { hex };
  if (file !== undefined) return { file: resolve(directory, file), mayMake: false };
  return log.kind === 'file' ? { file: join(log.directory, 'secret.key'), mayMake: true } : undefined;
}

const metaServiceOf = (checked: Checked): MetaServiceSettings | undefined =>
  checked['meta-service'] === 'off'
    ? undefined
    : {
        address: checked['meta-service'],
        token: checked['meta-service-token'],
        adminPassword: checked['meta-service-admin-password'] ?? '',
        principal: checked['meta-service-principal'],
        rpc: checked['meta-service-rpc'],
      };

/** HOST:PORT, an IPv6 host in brackets. */
export const textOf = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** A log's URL as a client command takes it. @returns undefined when it is none. */
export function parseLogUrl(text: string, directory: string): LogUrl | undefined {
  const parsed = logUrl.safeParse(text);
  if (!parsed.success) return undefined;
  return parsed.data.kind === 'file' ? { ...parsed.data, directory: resolve(directory, parsed.data.directory) } : parsed.data;
}

/** Kubernetes and Docker links put the addresses of a service `chancery` or `chancery-x` into the environment of every container. */
const ofServiceLinks = /^CHANCERY_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

function unknownVariables(env: Sources['env']): readonly Problem[] {
  const known = [...settingNames.map(({ name }) => variableOf(name)), ...otherVariables];
  return Object.keys(env)
    .filter((name) => name.startsWith('CHANCERY_') && !known.includes(name) && !ofServiceLinks.test(name))
    .sort()
    .map((name) => ({ what: `${name} in the environment is not a setting`, remedy: suggestion(name, known) }));
}

const suggestion = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known);
  return near === undefined ? `The settings are ${known.join(', ')}.` : `Did you mean ${near}?`;
};

interface ConfigFile {
  readonly given: ReadonlyMap<string, Given>;
  readonly clusterConfigs: ReadonlyMap<string, FileConfig>;
  readonly users: AuthenticationSettings['users'];
  readonly problems: readonly Problem[];
}
const maxFileBytes = 1024 * 1024;
const sections = [...settingNames.map(({ name }) => name as string), 'cluster-configs', 'users'];

/** @param named the file asked for; without it `chancery.yaml` counts if there is one. */
function readConfigFile(named: string | undefined, directory: string): ConfigFile {
  const file = named ?? defaultConfigFile;
  const empty: ConfigFile = { given: new Map(), clusterConfigs: new Map(), users: new Map(), problems: [] };
  const wrong = (what: string, remedy: string): ConfigFile => ({ ...empty, problems: [{ what, remedy }] });
  let text: string;
  try {
    text = readFileSync(resolve(directory, file), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (named === undefined && code === 'ENOENT') return empty;
    return wrong(`the settings file ${file} cannot be read: ${code ?? message}`, 'Name a file that exists and that this user may read.');
  }
  if (text.length > maxFileBytes) return wrong(`the settings file ${file} is over 1 MB`, 'Name a settings file.');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined)
    return wrong(
      `${file}, line ${lines.linePos(error.pos[0]).line}: ${error.message}`,
      'Correct the YAML there; keys and values are written name: value.',
    );
  if (document.contents === null) return empty;
  if (!isMap(document.contents)) return wrong(`${file} does not hold settings`, 'Write one setting per line, such as node-id: n1.');
  return readSettings(file, document.contents.items as Pair[], (pair) => lines.linePos(offsetOf(pair)).line);
}

const offsetOf = ({ key }: Pair): number => (isScalar(key) ? (key.range?.[0] ?? 0) : 0);
const nameOf = ({ key }: Pair): string => String(isScalar(key) ? key.value : key);

/** A value as text: numbers and truth values as they were written. @returns undefined for anything but a scalar. */
function scalarText({ value }: Pair): string | null | undefined {
  if (value === null) return null;
  if (!isScalar(value)) return undefined;
  if (value.value === null) return null;
  return typeof value.value === 'string' ? value.value : (value.source ?? JSON.stringify(value.value));
}

function readSettings(file: string, pairs: readonly Pair[], lineOf: (pair: Pair) => number): ConfigFile {
  const given = new Map<string, Given>();
  const clusterConfigs = new Map<string, FileConfig>();
  let users: AuthenticationSettings['users'] = new Map();
  const problems: Problem[] = [];
  for (const pair of pairs) {
    const name = nameOf(pair);
    const place = `${file}, line ${lineOf(pair)}`;
    if (!sections.includes(name)) {
      const isConfig = configKeyOf(name) !== undefined;
      const remedy = isConfig ? 'It is a cluster config: write it below cluster-configs:, indented.' : suggestion(name, sections);
      problems.push({ what: `${place}: '${name}' is not a setting`, remedy });
    } else if (name === 'users') {
      const section = readUsers(pair, place, (user) => `${file}, line ${lineOf(user)}`);
      users = section.users;
      problems.push(...section.problems);
    } else if (name === 'cluster-configs') {
      if (isScalar(pair.value) && pair.value.value === null) continue;
      if (!isMap(pair.value)) {
        problems.push({
          what: `${place}: cluster-configs is not a list of configs`,
          remedy: 'Write one per line below it, indented: key: value.',
        });
        continue;
      }
      for (const config of pair.value.items as Pair[]) {
        const where = `cluster-configs in ${file}, line ${lineOf(config)}`;
        const value = scalarText(config);
        if (value === undefined)
          problems.push({
            what: `${where}: '${nameOf(config)}' has a value that is no text`,
            remedy: 'Put the value on the same line, in quotes if need be.',
          });
        else clusterConfigs.set(nameOf(config), { value, where });
      }
    } else {
      const text = scalarText(pair);
      if (text === undefined || text === null)
        problems.push({ what: `${place}: '${name}' has no value`, remedy: `Write ${name}: VALUE, or take the line out.` });
      else given.set(name, { text, where: `${name} in ${file}, line ${lineOf(pair)}` });
    }
  }
  return { given, clusterConfigs, users, problems };
}
