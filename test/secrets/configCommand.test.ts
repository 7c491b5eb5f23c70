/**
 * Goal: every interface's way from words to a command: bad input is refused with a path and a remedy, never thrown; and no
 * password is ever in a command, a refusal or an entry.
 * Method: tables over `sealChanges` and `sealStaticConfigs` with a real sealer; what is accepted goes through the decider.
 */
import { describe, expect, test } from 'vitest';
import { configLimits } from '../../events/configs.ts';
import { dynamicConfig } from '../../projections/configs.ts';
import { decide, parseCommand } from '../../src/deciders/commands.ts';
import { type PlainChange, sealChanges, sealStaticConfigs, secretSubject } from '../../src/engine/configCommand.ts';
import { digestOfCommand } from '../../src/engine/submission.ts';
import { type RejectionCode, rejection } from '../../src/rejection.ts';
import { createSealer, keyFromSecret } from '../../src/secrets/aes.ts';
import { stateAfter } from '../support/given.ts';

const sealer = createSealer([{ keyId: 'k1', key: keyFromSecret('test') }], 'k1');
const credentials = 'security.sasl.plain.credentials';
const limiter = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
const set = (key: string, value: string | null): PlainChange => ({ op: 'set', key, value });
const password = 'S3cret-p@ss';

/** The command; a refusal fails the test. */
function commandOf(changes: readonly PlainChange[], key?: string) {
  const made = sealChanges(changes, sealer, key);
  if (made.kind === 'rejected') throw new Error(made.rejection.detail);
  return made.command;
}

describe('accepted', () => {
  test('texts go through as they are, and every operation has its form', () => {
    const changes: PlainChange[] = [
      set(limiter, '200MB'),
      set('datalake.x', ' not trimmed '),
      set('datalake.y', null),
      { op: 'set', key: 'datalake.z' },
      { op: 'delete', key: limiter },
      { op: 'delete', key: limiter, value: null },
      { op: 'append', key: 'remote.data.dirs', value: 's3://a' },
      { op: 'subtract', key: 'remote.data.dirs', value: 's3://a' },
    ];
    expect(commandOf(changes)).toEqual({
      name: 'alterClusterConfigs',
      changes: [
        changes[0],
        changes[1],
        changes[2],
        set('datalake.z', null),
        { op: 'delete', key: limiter },
        { op: 'delete', key: limiter },
        changes[6],
        changes[7],
      ],
    });
  });

  test.each<[given: string, users: Readonly<Record<string, string>>]>([
    [`alice:${password},bob:pw2`, { alice: password, bob: 'pw2' }],
    ['alice:pw, bob_2:p w ', { alice: 'pw', bob_2: 'p w ' }],
    ['', {}],
    ['alice:grüße-日本', { alice: 'grüße-日本' }],
    [',alice:pw,,', { alice: 'pw' }],
  ])('credentials %j are taken apart and sealed', (given, users) => {
    const command = commandOf([set(credentials, given)]);
    expect(JSON.stringify(command)).not.toContain(password);
    const [change] = command.changes;
    const entries = change?.op === 'set' && change.value !== null && typeof change.value === 'object' ? change.value.entries : undefined;
    expect(
      Object.fromEntries(
        Object.entries(entries ?? { none: { keyId: '', nonce: '', ciphertext: '' } }).map(([name, sealed]) => [
          name,
          sealer.open(sealed, secretSubject(credentials, name)),
        ]),
      ),
    ).toEqual(users);
    expect(parseCommand(JSON.parse(JSON.stringify(command)))).toEqual({ command });
  });

  test('an append seals one entry, a subtraction carries nothing but the name', () => {
    const command = commandOf([
      { op: 'append', key: credentials, value: `bob:${password}` },
      { op: 'subtract', key: credentials, value: `bob:${password}` },
      { op: 'subtract', key: credentials, value: 'bob:' },
      set(credentials, null),
    ]);
    expect(JSON.stringify(command)).not.toContain(password);
    expect(command.changes.slice(1)).toEqual([
      { op: 'subtract', key: credentials, value: { name: 'bob' } },
      { op: 'subtract', key: credentials, value: { name: 'bob' } },
      set(credentials, null),
    ]);
    const { configs } = stateAfter(...eventsOf(command));
    expect(dynamicConfig(configs, credentials)).toEqual({ kind: 'hidden' });
  });

  test('the same call with the same idempotency key is the same command; without one it is not', () => {
    const call = [set(credentials, `alice:${password}`)];
    expect(digestOfCommand(commandOf(call, 'key-1'))).toBe(digestOfCommand(commandOf(call, 'key-1')));
    expect(digestOfCommand(commandOf(call, 'key-1'))).not.toBe(digestOfCommand(commandOf(call, 'key-2')));
    expect(digestOfCommand(commandOf(call))).not.toBe(digestOfCommand(commandOf(call)));
    const other = [set(credentials, `alice:${password}!`)];
    expect(digestOfCommand(commandOf(call, 'key-1'))).not.toBe(digestOfCommand(commandOf(other, 'key-1')));
  });

  test('as many changes as one call may have', () => {
    const changes = Array.from({ length: configLimits.changesPerCall }, (_, i) => set(`datalake.k${i}`, 'v'));
    expect(eventsOf(commandOf(changes))).toHaveLength(1);
  });
});

const eventsOf = (command: ReturnType<typeof commandOf>) => {
  const decision = decide(stateAfter(), command, { now: 0, timeOfDay: 0, commandId: 'c' });
  if (decision.kind === 'rejected') throw new Error(decision.rejection.detail);
  return decision.events;
};

const badName = (name: string) =>
  `${credentials}: username '${name}' contains invalid characters. Letters, digits and '_' are allowed, at most 256.`;
const badPassword = (i: number, name: string) =>
  `${credentials}[${i}]: password for user '${name}' contains invalid characters. ` +
  'No comma, colon, quote, semicolon, backslash or control character is allowed.';
const cannotParse = `Cannot parse '******' as Map<String,String> for config '${credentials}'`;
const masked = `${cannotParse}: Could not parse value '******' for key '${credentials}'.`;

describe('refused', () => {
  test.each<[what: string, changes: readonly PlainChange[], code: RejectionCode, field: string, detail: string]>([
    ['no change', [], 'MALFORMED_REQUEST', 'changes', 'no change was given'],
    [
      '10,000 pairs',
      Array.from({ length: 10_000 }, () => set(limiter, '1mb')),
      'TOO_LARGE',
      'changes',
      '10000 changes in one call; at most 500 are taken',
    ],
    ['an empty key', [set(limiter, '1mb'), set('', 'x')], 'MALFORMED_REQUEST', 'changes[1].key', 'the key is empty'],
    ['a long key', [set('k'.repeat(257), 'x')], 'TOO_LARGE', 'changes[0].key', 'the key has 257 characters; at most 256 are taken'],
    [
      'a long value',
      [set('datalake.x', 'x'.repeat(8193))],
      'TOO_LARGE',
      'changes[0].value',
      'the value has 8193 characters; at most 8192 are taken',
    ],
    [
      'a control character in a key',
      [set('datalake.\u0000', 'x')],
      'MALFORMED_REQUEST',
      'changes[0].key',
      'the key holds a control character',
    ],
    [
      'a control character in a value',
      [set('datalake.x', 'a\u001b[31m')],
      'MALFORMED_REQUEST',
      'changes[0].value',
      "the value of 'datalake.x' holds a control character",
    ],
    [
      'half a surrogate pair',
      [set('datalake.x', 'a\ud83d')],
      'MALFORMED_REQUEST',
      'changes[0].value',
      "the value of 'datalake.x' holds half of a surrogate pair, which is no text",
    ],
    [
      'nothing to append',
      [{ op: 'append', key: 'remote.data.dirs' }],
      'MALFORMED_REQUEST',
      'changes[0].value',
      'what to append is missing',
    ],
    [
      'nothing to subtract',
      [{ op: 'subtract', key: 'remote.data.dirs', value: null }],
      'MALFORMED_REQUEST',
      'changes[0].value',
      'what to subtract is missing',
    ],
    [
      'an unknown key, before any secret is looked at',
      [set(credentials, 'rubbish'), set('no.such', 'x')],
      'CONFIG_NOT_DYNAMIC',
      'changes[1].key',
      'The config key no.such is not allowed to be changed dynamically.',
    ],
    [
      'a marker in a secret',
      [set(credentials, 'alice:\u0024{env:PW}')],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `Config provider markers are resolved at startup only and are not supported in dynamic configuration: key '${credentials}'.`,
    ],
    ['credentials without a colon', [set(credentials, `alice:x,${password}`)], 'INVALID_CONFIG_VALUE', 'changes[0].value', masked],
    ['credentials without a name', [set(credentials, `:${password}`)], 'INVALID_CONFIG_VALUE', 'changes[0].value', masked],
    [
      'an appended entry without a colon',
      [{ op: 'append', key: credentials, value: password }],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `Invalid map entry for config '${credentials}': ******`,
    ],
    [
      'a subtracted entry with the colon first',
      [{ op: 'subtract', key: credentials, value: `:${password}` }],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `Invalid map entry for config '${credentials}': ******`,
    ],
    ['a bad user name', [set(credentials, `alice:x,b-b:${password}`)], 'INVALID_CONFIG_VALUE', 'changes[0].value', badName('b-b')],
    [
      'a user name that no JSON object carries',
      [set(credentials, '__proto__:x')],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      badName('__proto__'),
    ],
    ...[`${password}:`, `${password}"`, `${password}'`, `${password};`, `${password}\\`, `${password}\u0007`, `${password}\ud800`].map(
      (bad): [string, readonly PlainChange[], RejectionCode, string, string] => [
        `the password character ${JSON.stringify(bad.at(-1))}`,
        [set(credentials, `alice:x,bob:${bad}`)],
        'INVALID_CONFIG_VALUE',
        'changes[0].value',
        badPassword(1, 'bob'),
      ],
    ),
    [
      'two entries appended as one',
      [{ op: 'append', key: credentials, value: `bob:${password},carol:x` }],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      badPassword(0, 'bob'),
    ],
    [
      'an empty password',
      [set(credentials, 'alice:')],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `${credentials}[0]: password for user 'alice' is empty.`,
    ],
    [
      'a long password',
      [set(credentials, `alice:${password.repeat(30)}`)],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `${credentials}[0]: password for user 'alice' has 330 characters; at most 256 are taken.`,
    ],
    [
      'a name twice',
      [set(credentials, `bob:x,bob:${password}`)],
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
      `${credentials} must not contain duplicate map entry keys: 'bob'.`,
    ],
    [
      'many users',
      [set(credentials, Array.from({ length: 129 }, (_, i) => `u${i}:x`).join(','))],
      'TOO_LARGE',
      'changes[0].value',
      `'${credentials}' would have 129 entries; it has at most 128`,
    ],
  ])('%s', (_, changes, code, field, detail) => {
    expect(sealChanges(changes, sealer)).toEqual({ kind: 'rejected', rejection: rejection(code, field, detail) });
    expect(detail).not.toContain(password);
  });
});

describe("a node's file", () => {
  test('its secrets are sealed, its texts are kept', () => {
    const made = sealStaticConfigs({ [credentials]: `alice:${password}`, 'remote.data.dir': 's3://z' }, sealer);
    expect(JSON.stringify(made)).not.toContain(password);
    expect(made).toMatchObject({ kind: 'configs', configs: { 'remote.data.dir': { kind: 'text', text: 's3://z' } } });
    const secrets = made.kind === 'configs' ? made.configs[credentials] : undefined;
    const sealed = secrets?.kind === 'secrets' ? secrets.entries['alice'] : undefined;
    expect(sealed && sealer.open(sealed, secretSubject(credentials, 'alice'))).toBe(password);
  });
  test.each([
    [{ [credentials]: `alice:${password};` }, badPassword(0, 'alice')],
    [{ [credentials]: `alice-1:${password}` }, badName('alice-1')],
    [{ [credentials]: password }, masked],
  ])('bad credentials are refused without the password', (section, detail) => {
    expect(sealStaticConfigs(section, sealer)).toEqual({
      kind: 'rejected',
      rejection: rejection('INVALID_CONFIG_VALUE', credentials, detail),
    });
    expect(detail).not.toContain(password);
  });
  test('anything else that is wrong is refused by its key', () => {
    expect(sealStaticConfigs({ 'no.such': 'x' }, sealer)).toMatchObject({ kind: 'rejected', rejection: { field: 'no.such' } });
  });
});
