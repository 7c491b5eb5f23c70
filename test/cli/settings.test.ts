/**
 * Goal: every setting comes from the flag, else the variable, else the file, else the default; a wrong one is named with its place and
 * a remedy, all of them at once.
 * Method: settings are loaded from flags, variables and real files in a directory of their own; texts are compared whole.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settingNames } from '../../src/cli/settingNames.ts';
import { loadSettings, type Problem, parseLogUrl, type Settings, type Sources } from '../../src/cli/settings.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-settings-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const load = (sources: Partial<Sources> & { readonly file?: string }) => {
  if (sources.file !== undefined) writeFileSync(join(directory, 'chancery.yaml'), sources.file);
  return loadSettings({ flags: sources.flags ?? {}, env: sources.env ?? {}, directory });
};
function settingsOf(sources: Parameters<typeof load>[0]): Settings {
  const loaded = load(sources);
  if (loaded.kind === 'wrong') throw new Error(loaded.problems.map(({ what }) => what).join('\n'));
  return loaded.settings;
}
function problemsOf(sources: Parameters<typeof load>[0]): readonly Problem[] {
  const loaded = load(sources);
  return loaded.kind === 'wrong' ? loaded.problems : [];
}

/** Of the settings about who may do what, when none is given. */
const openToAll = { auditDenials: 0, authentication: { mode: 'none', users: new Map() } };
const asEver = { principal: 'User:meta-service', rpc: 'open' };

test('without a word the defaults count', () => {
  expect(settingsOf({})).toEqual({
    nodeId: 'n1',
    log: { kind: 'file', directory: join(directory, 'data'), text: 'file:./data' },
    operator: { host: '127.0.0.1', port: 8480 },
    advertise: 'http://127.0.0.1:8480',
    metaService: { address: { host: '127.0.0.1', port: 5000 }, token: 'greedisgood9999', adminPassword: '', ...asEver },
    tls: { clientCerts: 'none' },
    ...openToAll,
    logLevel: 'info',
    sessionTimeoutMs: 6000,
    secretKey: { file: join(directory, 'data', 'secret.key'), mayMake: true },
    clusterConfigs: new Map(),
  });
});

describe('where a setting comes from', () => {
  const file = 'node-id: from-file\n';
  const env = { CHANCERY_NODE_ID: 'from-variable' };
  test.each([
    ['the file', { file }, 'from-file'],
    ['the variable before the file', { file, env }, 'from-variable'],
    ['the flag before both', { file, env, flags: { 'node-id': 'from-flag' } }, 'from-flag'],
  ])('%s', (_, sources, expected) => {
    expect(settingsOf(sources).nodeId).toBe(expected);
  });

  test('every setting can stand in the file', () => {
    const all = [
      'node-id: n7',
      'log: zookeeper://zk1,zk2:2182/team/chancery',
      'operator: 0.0.0.0:9000',
      'advertise: https://host1.example:9000/',
      'meta-service: "[::1]:5001"',
      'meta-service-token: 1234567890',
      'meta-service-admin-password: ""',
      'fluss: "[::1]:9123"',
      'cluster-secret: correct horse',
      'log-level: debug',
      'session-timeout: 10 s',
      'secret-key-file: key.hex',
      'previous-secret-key-file: old.hex',
      'tls-cert: node.pem',
      'tls-key: /run/node.key',
      'tls-client-ca: clients.pem',
      'tls-client-certs: optional',
      'tls-ca: nodes.pem',
    ];
    expect(settingsOf({ file: all.join('\n') })).toEqual({
      nodeId: 'n7',
      log: { kind: 'zookeeper', servers: 'zk1:2181,zk2:2182', root: '/team/chancery', text: 'zookeeper://zk1:2181,zk2:2182/team/chancery' },
      operator: { host: '0.0.0.0', port: 9000 },
      advertise: 'https://host1.example:9000',
      metaService: { address: { host: '::1', port: 5001 }, token: '1234567890', adminPassword: '', ...asEver },
      fluss: { host: '::1', port: 9123 },
      clusterSecret: 'correct horse',
      logLevel: 'debug',
      sessionTimeoutMs: 10_000,
      secretKey: { file: join(directory, 'key.hex'), mayMake: false },
      previousSecretKeyFile: join(directory, 'old.hex'),
      tls: {
        own: { cert: join(directory, 'node.pem'), key: '/run/node.key' },
        clientCa: join(directory, 'clients.pem'),
        clientCerts: 'optional',
        ca: join(directory, 'nodes.pem'),
      },
      ...openToAll,
      clusterConfigs: new Map(),
    });
  });

  test('the master key can be a variable', () => {
    const hex = '0123456789abcdefABCDEF'.padEnd(64, '0');
    expect(settingsOf({ env: { CHANCERY_SECRET_KEY: hex } }).secretKey).toEqual({ hex });
    expect(settingsOf({ file: `secret-key: ${'7'.repeat(64)}\n` }).secretKey).toEqual({ hex: '7'.repeat(64) });
  });

  test('every setting can be a variable', () => {
    const env = {
      CHANCERY_NODE_ID: 'n7',
      CHANCERY_LOG: 'file:/var/lib/chancery',
      CHANCERY_OPERATOR: '[::]:9000',
      CHANCERY_ADVERTISE: 'http://10.0.0.7:9000',
      CHANCERY_META_SERVICE: 'h:1',
      CHANCERY_META_SERVICE_TOKEN: 'of-my-own',
      CHANCERY_META_SERVICE_ADMIN_PASSWORD: 'pass word',
      CHANCERY_FLUSS: 'h:2',
      CHANCERY_CLUSTER_SECRET: 'correct horse',
      CHANCERY_LOG_LEVEL: 'warn',
      CHANCERY_SESSION_TIMEOUT: '1500ms',
      CHANCERY_SECRET_KEY_FILE: '/run/key',
    };
    expect(settingsOf({ env })).toMatchObject({
      nodeId: 'n7',
      log: { directory: '/var/lib/chancery' },
      operator: { host: '::', port: 9000 },
      advertise: 'http://10.0.0.7:9000',
      metaService: { address: { host: 'h', port: 1 }, token: 'of-my-own', adminPassword: 'pass word' },
      fluss: { host: 'h', port: 2 },
      clusterSecret: 'correct horse',
      logLevel: 'warn',
      sessionTimeoutMs: 1500,
      secretKey: { file: '/run/key', mayMake: false },
    });
  });

  test('the Meta Service can be switched off, in the file too', () => {
    expect(settingsOf({ flags: { 'meta-service': 'off' } }).metaService).toBeUndefined();
    expect(settingsOf({ file: 'meta-service: off\n' }).metaService).toBeUndefined();
  });

  test('the file may be named by flag or by variable', () => {
    writeFileSync(join(directory, 'one.yaml'), 'node-id: one\n');
    writeFileSync(join(directory, 'two.yaml'), 'node-id: two\n');
    expect(settingsOf({ flags: { config: 'one.yaml' } }).nodeId).toBe('one');
    expect(settingsOf({ env: { CHANCERY_CONFIG: 'two.yaml' } }).nodeId).toBe('two');
    expect(settingsOf({ flags: { config: 'one.yaml' }, env: { CHANCERY_CONFIG: 'two.yaml' } }).nodeId).toBe('one');
  });

  test('cluster configs keep their texts and their places', () => {
    const configs = [
      'datalake.format: paimon',
      'datalake.enabled: true',
      'log.replica.min-in-sync-replicas-number: 2',
      'kv.snapshot.interval:',
    ];
    const file = ['cluster-configs:', ...configs].join('\n  ');
    const at = (line: number): string => `cluster-configs in chancery.yaml, line ${line}`;
    expect([...settingsOf({ file }).clusterConfigs]).toEqual([
      ['datalake.format', { value: 'paimon', where: at(2) }],
      ['datalake.enabled', { value: 'true', where: at(3) }],
      ['log.replica.min-in-sync-replicas-number', { value: '2', where: at(4) }],
      ['kv.snapshot.interval', { value: null, where: at(5) }],
    ]);
  });

  test('an empty file, an empty section and what a container platform puts into the environment are no mistakes', () => {
    const env = {
      CHANCERY_SERVICE_HOST: '10.0.0.1',
      CHANCERY_SERVICE_PORT: '8480',
      CHANCERY_SERVICE_PORT_OPERATOR: '8480',
      CHANCERY_PORT: 'tcp://10.0.0.1:8480',
      CHANCERY_PORT_8480_TCP_ADDR: '10.0.0.1',
      CHANCERY_FLUSS_SERVICE_HOST: '10.0.0.2',
      CHANCERY_OPERATOR_URL: 'http://10.0.0.1:8480',
    };
    expect(settingsOf({ file: '', env }).nodeId).toBe('n1');
    expect(settingsOf({ file: '# nothing yet\n' }).nodeId).toBe('n1');
    expect(settingsOf({ file: 'cluster-configs:\n' }).clusterConfigs.size).toBe(0);
  });
});

describe('where others reach a node', () => {
  const zookeeper = { log: 'zookeeper://zk1:2181/chancery', 'cluster-secret': 'correct horse' };
  test.each([
    ['127.0.0.1:8490', 'http://127.0.0.1:8490'],
    ['host1.example:8480', 'http://host1.example:8480'],
    ['[::1]:8480', 'http://[::1]:8480'],
    ['0.0.0.0:8480', 'http://127.0.0.1:8480'],
  ])('listening on %s', (operator, advertise) => {
    expect(settingsOf({ flags: { operator } }).advertise).toBe(advertise);
  });

  test('a node of a cluster that listens everywhere must be told', () => {
    expect(problemsOf({ flags: { ...zookeeper, operator: '0.0.0.0:8480' } })).toEqual([
      {
        what: '--operator 0.0.0.0:8480 listens on every address: which of them reaches this node is not known',
        remedy: 'Set --advertise to the one that the other nodes can use, such as http://host1.example:8480.',
      },
    ]);
    expect(settingsOf({ flags: { ...zookeeper, operator: '0.0.0.0:8480', advertise: 'http://h:8480' } }).advertise).toBe('http://h:8480');
  });

  test('a log in ZooKeeper needs a secret, and seals with it', () => {
    expect(problemsOf({ flags: { log: zookeeper.log } })).toEqual([
      {
        what: 'a log in ZooKeeper needs a cluster secret, by which its nodes know each other',
        remedy: 'Set CHANCERY_CLUSTER_SECRET to the same long random text on every node.',
      },
    ]);
    expect(settingsOf({ flags: zookeeper }).secretKey).toBeUndefined();
  });
});

describe('what is wrong is named', () => {
  const address = 'Give a host and a port from 1 to 65535, such as 127.0.0.1:8480 or [::1]:8480.';
  const log = 'Give a directory, such as file:./data, or a ZooKeeper and a path in it, such as zookeeper://zk1:2181,zk2:2181/chancery.';
  const names = 'Use letters, digits, dot, dash and underscore, at most 64, a letter or digit first.';
  const time = 'Give a number and a unit (ms, s, min), such as 10s.';
  test.each([
    [{ flags: { 'node-id': 'a b' } }, "--node-id 'a b' is not a node name", names],
    [{ env: { CHANCERY_NODE_ID: '-x' } }, "CHANCERY_NODE_ID '-x' is not a node name", names],
    [{ flags: { operator: '8480' } }, "--operator '8480' is not HOST:PORT", address],
    [
      { flags: { 'meta-service': 'on' } },
      "--meta-service 'on' is neither HOST:PORT nor off",
      'Give a host and a port from 1 to 65535, such as 127.0.0.1:5000, or off.',
    ],
    [
      { env: { CHANCERY_META_SERVICE_TOKEN: 'with a blank' } },
      'CHANCERY_META_SERVICE_TOKEN is not 1 to 256 visible ASCII characters',
      'Give a long random text of letters and digits, the same on every node.',
    ],
    [{ flags: { operator: 'h:0' } }, "--operator 'h:0' is not HOST:PORT", address],
    [{ flags: { operator: 'h:65536' } }, "--operator 'h:65536' is not HOST:PORT", address],
    [{ flags: { operator: '::1:8480' } }, "--operator '::1:8480' is not HOST:PORT", address],
    [{ flags: { operator: 'http://h:80' } }, "--operator 'http://h:80' is not HOST:PORT", address],
    [{ file: 'a: 1\noperator: nowhere\n' }, "operator in chancery.yaml, line 2 'nowhere' is not HOST:PORT", address],
    [{ flags: { log: 'data' } }, "--log 'data' is neither file:DIR nor zookeeper://HOST:PORT,.../ROOT", log],
    [{ flags: { log: 'zookeeper://zk1:x/c' } }, "--log 'zookeeper://zk1:x/c' is neither file:DIR nor zookeeper://HOST:PORT,.../ROOT", log],
    [
      { flags: { log: 'zookeeper://zk1/a//b' } },
      "--log 'zookeeper://zk1/a//b' is neither file:DIR nor zookeeper://HOST:PORT,.../ROOT",
      log,
    ],
    [{ flags: { log: 'file:' } }, "--log 'file:' is neither file:DIR nor zookeeper://HOST:PORT,.../ROOT", log],
    [
      { env: { CHANCERY_ADVERTISE: 'host1:8480' } },
      "CHANCERY_ADVERTISE 'host1:8480' is not http://HOST:PORT",
      'Give the address by which others reach this node, without a path, such as http://host1.example:8480.',
    ],
    [
      { flags: { advertise: 'http://h:1/path' } },
      "--advertise 'http://h:1/path' is not http://HOST:PORT",
      'Give the address by which others reach this node, without a path, such as http://host1.example:8480.',
    ],
    [{ flags: { 'log-level': 'loud' } }, "--log-level 'loud' is not a level", 'Use one of trace, debug, info, warn, error.'],
    [{ flags: { 'audit-denials': '100001' } }, "--audit-denials '100001' is no such number", 'Give a whole number from 0 to 100000.'],
    [
      { env: { CHANCERY_AUDIT_DENIALS: 'many' } },
      "CHANCERY_AUDIT_DENIALS 'many' is no such number",
      'Give a whole number from 0 to 100000.',
    ],
    [{ flags: { 'session-timeout': '10' } }, "--session-timeout '10' is not a time from 1s to 5min", time],
    [{ flags: { 'session-timeout': '999ms' } }, "--session-timeout '999ms' is not a time from 1s to 5min", time],
    [{ flags: { 'session-timeout': '6min' } }, "--session-timeout '6min' is not a time from 1s to 5min", time],
    [{ flags: { 'secret-key-file': '' } }, "--secret-key-file '' is empty", 'Give the path of a file that holds the key.'],
    [
      { env: { CHANCERY_SECRET_KEY: 'ab'.repeat(31) } }, // The value is not repeated.
      'CHANCERY_SECRET_KEY is not 64 hex digits',
      'Make one with: openssl rand -hex 32. It must be the same on every node.',
    ],
    [
      { env: { CHANCERY_SECRET_KEY: 'ab'.repeat(32) }, file: 'secret-key-file: key.hex\n' },
      'secret-key and secret-key-file are both given',
      'Give the master key one way: as a text or as a file.',
    ],
    [
      { file: 'authorizer.enabled: true\n' },
      "chancery.yaml, line 1: 'authorizer.enabled' is not a setting",
      'It is a cluster config: write it below cluster-configs:, indented.',
    ],
    [{ file: 'node-ids: n1\n' }, "chancery.yaml, line 1: 'node-ids' is not a setting", 'Did you mean node-id?'],
    [
      { file: '\n\nclusterconfigs:\n  a: b\n' },
      "chancery.yaml, line 3: 'clusterconfigs' is not a setting",
      'Did you mean cluster-configs?',
    ],
    [{ file: 'node-id:\n' }, "chancery.yaml, line 1: 'node-id' has no value", 'Write node-id: VALUE, or take the line out.'],
    [{ file: 'node-id: [n1]\n' }, "chancery.yaml, line 1: 'node-id' has no value", 'Write node-id: VALUE, or take the line out.'],
    [{ file: '- a\n- b\n' }, 'chancery.yaml does not hold settings', 'Write one setting per line, such as node-id: n1.'],
    [
      { file: 'cluster-configs: [a]\n' },
      'chancery.yaml, line 1: cluster-configs is not a list of configs',
      'Write one per line below it, indented: key: value.',
    ],
    [
      { file: 'cluster-configs:\n  a.b: {c: d}\n' },
      "cluster-configs in chancery.yaml, line 2: 'a.b' has a value that is no text",
      'Put the value on the same line, in quotes if need be.',
    ],
    [{ env: { CHANCERY_NODEID: 'n1' } }, 'CHANCERY_NODEID in the environment is not a setting', 'Did you mean CHANCERY_NODE_ID?'],
    [
      { flags: { config: 'nowhere.yaml' } },
      'the settings file nowhere.yaml cannot be read: ENOENT',
      'Name a file that exists and that this user may read.',
    ],
    [{ flags: { config: '.' } }, 'the settings file . cannot be read: EISDIR', 'Name a file that exists and that this user may read.'],
  ])('%j', (sources, what, remedy) => {
    expect(problemsOf(sources)).toContainEqual({ what, remedy });
  });

  test('YAML that cannot be read is refused with its line', () => {
    const [problem, ...more] = problemsOf({ file: 'node-id: n1\nlog: "file:./data\n' });
    expect(problem?.what).toMatch(/^chancery\.yaml, line \d: /);
    expect(problem?.remedy).toBe('Correct the YAML there; keys and values are written name: value.');
    expect(more).toEqual([]);
    expect(problemsOf({ file: 'node-id: n1\nnode-id: n2\n' })[0]?.what).toBe('chancery.yaml, line 2: Map keys must be unique');
  });

  test('a name far from all others is answered with the whole list', () => {
    const [problem] = problemsOf({ file: 'replication-factor-of-things: 3\n' });
    const names = settingNames.map(({ name }) => name).join(', ');
    expect(problem?.what).toBe("chancery.yaml, line 1: 'replication-factor-of-things' is not a setting");
    expect(problem?.remedy).toBe(`The settings are ${names}, cluster-configs, users.`);
  });

  test('a node that speaks TLS says so in its address', () => {
    const flags = { 'tls-cert': 'c.pem', 'tls-key': 'k.pem' };
    expect(settingsOf({ flags }).advertise).toBe('https://127.0.0.1:8480');
    expect(problemsOf({ flags: { ...flags, advertise: 'http://h:1' } })).toEqual([
      { what: '--advertise http://h:1 is not what this node speaks: it has a tls-cert', remedy: 'Set --advertise to https://h:1.' },
    ]);
    expect(settingsOf({ flags: { advertise: 'https://proxy:443' } }).advertise).toBe('https://proxy');
  });

  test('all problems are told at once', () => {
    const wrong = problemsOf({ flags: { operator: 'x' }, env: { CHANCERY_LOGS: 'a' }, file: 'log-level: loud\nnode: n1\n' });
    expect(wrong.map(({ what }) => what)).toEqual([
      'CHANCERY_LOGS in the environment is not a setting',
      "chancery.yaml, line 2: 'node' is not a setting",
      "--operator 'x' is not HOST:PORT",
      "log-level in chancery.yaml, line 1 'loud' is not a level",
    ]);
  });

  test('a secret is never repeated', () => {
    const text = JSON.stringify(problemsOf({ flags: { 'cluster-secret': 'hunter2' } }));
    expect(text).toContain('--cluster-secret is shorter than 8 characters');
    expect(text).not.toContain('hunter2');
  });
});

test.each([
  ['file:./data', { kind: 'file', directory: '/here/data', text: 'file:./data' }],
  ['file:/abs', { kind: 'file', directory: '/abs', text: 'file:/abs' }],
  ['file:///abs', { kind: 'file', directory: '/abs', text: 'file:///abs' }],
  ['zookeeper://zk1', { kind: 'zookeeper', servers: 'zk1:2181', root: '/chancery', text: 'zookeeper://zk1:2181/chancery' }],
  [
    'zookeeper://[::1]:2182,zk2/a/',
    { kind: 'zookeeper', servers: '[::1]:2182,zk2:2181', root: '/a', text: 'zookeeper://[::1]:2182,zk2:2181/a' },
  ],
  ['http://zk1', undefined],
])('the log %s', (text, expected) => {
  expect(parseLogUrl(text, '/here')).toEqual(expected);
});
