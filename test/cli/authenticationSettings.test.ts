/**
 * Goal: users come from the file as hashes and nothing that stands there is repeated; a node that others reach says at start what they
 * may do without proving who they are.
 * Method: real settings files; texts compared whole.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { printHash } from '../../src/authentication/passwords.ts';
import { exposureWarnings } from '../../src/cli/exposure.ts';
import { loadSettings, type Settings } from '../../src/cli/settings.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-users-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function load(file: string, flags: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(directory, 'chancery.yaml'), file);
  return loadSettings({ flags, env: {}, directory });
}
function settingsOf(file: string, flags: Readonly<Record<string, string>> = {}): Settings {
  const loaded = load(file, flags);
  if (loaded.kind === 'wrong') throw new Error(loaded.problems.map(({ what }) => what).join('\n'));
  return loaded.settings;
}
const hash = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';

describe('users', () => {
  test('stand in a section of the file; with any of them callers are asked who they are', () => {
    const { mode, users } = settingsOf(`users:\n  alice: ${hash}\n  ci.bot+1@example: "${hash}"\n`).authentication;
    expect(mode).toBe('required');
    expect([...users].map(([name, each]) => [name, printHash(each)])).toEqual([
      ['alice', hash],
      ['ci.bot+1@example', hash],
    ]);
  });

  test.each([
    ['', 'none'],
    ['users:\n', 'none'],
    ['users: {}\n', 'none'],
    ['authentication: required\n', 'required'],
    [`authentication: optional\nusers: { alice: "${hash}" }\n`, 'optional'],
    [`authentication: none\nusers: { alice: "${hash}" }\n`, 'none'],
  ])('%j is mode %s', (file, mode) => expect(settingsOf(file).authentication.mode).toBe(mode));

  test('every wrong one is named by its line, and what may be a password is not repeated', () => {
    const loaded = load(
      ['users:', '  alice: my-password', '  "a:b": x', '  bob: 17', `  ANONYMOUS: ${hash}`, 'authentication: maybe'].join('\n'),
    );
    const name = 'Use letters, digits, dot, dash, underscore, @ and +, at most 128, a letter, digit or underscore first; not ANONYMOUS.';
    const make = 'Make one with: chancery hash-password.';
    expect(loaded).toEqual({
      kind: 'wrong',
      problems: [
        { what: "users in chancery.yaml, line 2: what stands at 'alice' is no password hash: it begins $argon2id$v=19$m=", remedy: make },
        { what: "users in chancery.yaml, line 3: 'a:b' is not a name for a user", remedy: name },
        { what: "users in chancery.yaml, line 4: what stands at 'bob' is no text", remedy: make },
        { what: "users in chancery.yaml, line 5: 'ANONYMOUS' is not a name for a user", remedy: name },
        { what: "authentication in chancery.yaml, line 6 'maybe' is no such mode", remedy: 'Use one of none, optional, required.' },
      ],
    });
  });

  test('that are no list are told of', () => {
    expect(load('users: alice')).toEqual({
      kind: 'wrong',
      problems: [
        { what: 'chancery.yaml, line 1: users is not a list of users', remedy: 'Write one per line below it, indented: NAME: HASH.' },
      ],
    });
  });
});

describe('the Meta Service', () => {
  test('has a principal and an RPC form that can be closed', () => {
    expect(settingsOf('').metaService).toMatchObject({ principal: 'User:meta-service', rpc: 'open' });
    const flags = { 'meta-service-principal': 'User:doris', 'meta-service-rpc': 'off' };
    expect(settingsOf('', flags).metaService).toMatchObject({ principal: 'User:doris', rpc: 'off' });
  });
  test.each([
    ['meta-service-principal', 'doris', 'Give a user, such as User:meta-service or User:doris.'],
    ['meta-service-principal', 'User:ANONYMOUS', 'Give a user, such as User:meta-service or User:doris.'],
    ['meta-service-rpc', 'closed', 'Use one of open, token, off.'],
  ])('%s is not %s', (name, value, remedy) => {
    expect(load('', { [name]: value })).toMatchObject({ kind: 'wrong', problems: [{ remedy }] });
  });
  test('says what is wrong with a principal', () => {
    expect(load('', { 'meta-service-principal': 'doris' })).toMatchObject({
      problems: [{ what: "--meta-service-principal 'doris' is not a user" }],
    });
  });
});

describe('what is said at start', () => {
  const openly = 'operator: 0.0.0.0:8480\nadvertise: http://n1:8480\nmeta-service: off\n';
  const operator = 'WHOEVER REACHES 0.0.0.0:8480 MAY DO EVERYTHING';
  const above = 'cluster-configs: { authorizer.enabled: true, super.users: ';
  const noSuperUser =
    'no super user can log in by this file: only a password or token that is in the log already makes one; see users and super.users';
  const metaService = 'meta-service: 0.0.0.0:5000\n';
  test.each<[string, string, readonly string[]]>([
    ['on loopback addresses', '', []],
    ['on [::1]', 'operator: "[::1]:8480"\nmeta-service: localhost:5000\n', []],
    [
      'without authentication',
      openly,
      [`${operator}: there is no authentication; write users into the settings file (chancery hash-password)`],
    ],
    ['with users', `${openly}users: { alice: "${hash}" }\n`, []],
    [
      'where nobody must log in and nobody is judged',
      `${openly}authentication: optional\n`,
      [`${operator}: nobody must log in and there is no authorizer; set authorizer.enabled`],
    ],
    [
      'where nobody must log in and everybody is judged',
      `${openly}authentication: optional\ncluster-configs: { authorizer.enabled: true, super.users: User:ANONYMOUS }\n`,
      [],
    ],
    [
      'where everybody must log in and nobody can',
      'authentication: required\n',
      ['authentication is required and no user is set: only users and tokens that are in the log already get in'],
    ],
    [
      'with the token of everybody',
      metaService,
      ['WHOEVER REACHES 0.0.0.0:5000 HAS THE TOKEN OF THE META SERVICE: everybody knows it; set CHANCERY_META_SERVICE_TOKEN'],
    ],
    [
      'with a token that the RPC form does not ask for',
      `${metaService}meta-service-token: mine\n`,
      ['WHOEVER REACHES 0.0.0.0:5000 MAY DO EVERYTHING through the RPC form of the Meta Service: set meta-service-rpc to token or off'],
    ],
    [
      'with an authorizer that nobody is above',
      'cluster-configs: { authorizer.enabled: true, super.users: " ; " }\n',
      ['the authorizer is on and nobody is a super user: nobody can give anybody a right; set super.users in cluster-configs'],
    ],
    [
      'with super users that nobody can be',
      `users: { dana: "${hash}" }\ncluster-configs: { authorizer.enabled: true, super.users: "user:dana;User:root, User:dana" }\n`,
      ["super.users names 'user:dana'", "super.users names 'User:root, User:dana'"].map(
        (what) => `${what}, which nobody can be: write User:NAME, with semicolons between several`,
      ),
    ],
    [
      'with a super user whom nobody here proves to be',
      `users: { dana: "${hash}" }\ncluster-configs: { authorizer.enabled: true, super.users: User:Dana }\n`,
      [noSuperUser],
    ],
    [
      'with a super user that nobody becomes without credentials',
      'cluster-configs: { authorizer.enabled: true, super.users: User:dana }\n',
      [noSuperUser],
    ],
    [
      'with a super user of the file, in other letters',
      `${above}User:DANA, security.acl.principal.ignore-case: true }\nusers: { dana: "${hash}" }\n`,
      [],
    ],
    ['with everybody a super user', 'cluster-configs: { authorizer.enabled: true, super.users: User:root }\n', []],
    [
      'with a super user whose password may be in the configs',
      `authentication: required\n${above}User:a, security.sasl.plain.credentials: "a:b" }\n`,
      [],
    ],
    ['with a token that everybody must give', `${metaService}meta-service-token: mine\nmeta-service-rpc: token\n`, []],
  ])('%s', (_, file, warnings) => expect(exposureWarnings(settingsOf(file))).toEqual(warnings));
});
