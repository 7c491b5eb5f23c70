/**
 * Goal: each act asks of its caller what the contract says, and of nobody else anything; what is not listed is not offered.
 * Method: one command of each name against callers who may nothing, just that, or everything, by a list of rights that is written
 * down again here; the acts that look into the state by given and when.
 */
import { describe, expect, test } from 'vitest';
import { aclOperations } from '../../events/acls.ts';
import { anonymousPrincipal, tokenIssued } from '../../events/tokens.ts';
import type { State } from '../../projections/state.ts';
import type { Asker } from '../../src/deciders/authorizer.ts';
import type { Command } from '../../src/deciders/commands.ts';
import {
  aboutNeeds,
  denialOfCommand,
  metaServiceAccess,
  metaServiceAccessOf,
  needsOf,
  needsOfAccess,
  operatorAccess,
  operatorAccessOf,
} from '../../src/deciders/permissions.ts';
import { resourceText } from '../../src/deciders/resources.ts';
import { aclOf, authorizing, granted } from '../fold/aclActs.ts';
import { stateAfter } from '../support/given.ts';
import { operationFor, sampleCommands } from '../support/rights.ts';

const asker = (principal: string, through: Asker['interface'] = 'operator'): Asker => ({ principal, host: '10.0.0.1', interface: through });
const facts = (state: State, principal: string, command: Command): unknown => denialOfCommand(state, asker(principal), command)?.facts;
const needed = (state: State, command: Command, principal = 'User:etl'): readonly string[] =>
  needsOf(command, state, asker(principal)).map(({ operation, resource }) => `${operation} ${resourceText(resource)}`);

/** Somebody for each operation, who may just that to the cluster, and somebody who may everything but that. */
const withEverybody = stateAfter(
  ...authorizing({ 'super.users': 'User:root' }),
  granted(...aclOperations.map((operation) => `ALLOW ${operation} cluster User:may-${operation} *`)),
  granted(...aclOperations.map((operation) => `ALLOW ALL cluster User:not-${operation} *`)),
  granted(...aclOperations.map((operation) => `DENY ${operation} cluster User:not-${operation} *`)),
);
const onCluster = sampleCommands.flatMap((command) => {
  const operation = operationFor(command.name);
  return operation === undefined ? [] : [{ command: { ...command, principal: 'User:somebody' } as Command, name: command.name, operation }];
});

describe('every act', () => {
  test.each(onCluster)('$name needs $operation', ({ command, operation }) => {
    const denial = (who: string) => ({ principal: who, operation, resource: 'cluster' });
    expect(facts(withEverybody, 'User:nobody', command)).toEqual(denial('User:nobody'));
    expect(facts(withEverybody, `User:not-${operation}`, command)).toEqual(denial(`User:not-${operation}`));
    expect(facts(withEverybody, `User:may-${operation}`, command)).toBeUndefined();
    expect(facts(withEverybody, 'User:may-ALL', command)).toBeUndefined();
    expect(facts(withEverybody, 'User:root', command)).toBeUndefined();
    const others = aclOperations.filter((each) => each !== operation && each !== 'ALL');
    for (const each of others) expect(facts(withEverybody, `User:may-${each}`, command), each).toEqual(denial(`User:may-${each}`));
  });

  test.each(sampleCommands)('$name: nothing without an authorizer, nothing of the cluster itself', (command) => {
    expect(denialOfCommand(stateAfter(), asker('User:nobody'), command)).toBeUndefined();
    expect(denialOfCommand(withEverybody, asker('chancery', 'chancery'), command)).toBeUndefined();
    expect(aboutNeeds(command.name)).toMatch(/./);
  });
});

describe('the list itself', () => {
  const state = stateAfter(
    ...authorizing(),
    granted(
      'ALLOW READ cluster User:a *',
      'ALLOW READ shop User:a *',
      'ALLOW READ shop.orders User:a *',
      'ALLOW READ shop.orders User:b *',
    ),
  );
  test.each([
    ['cluster', 'ALL cluster'],
    ['shop', 'ALL shop'],
    ['shop.orders', 'ALL shop'],
    ['*', 'ALL *'],
    ['*.*', 'ALL *'],
  ])('an entry on %s needs %s', (resource, need) => {
    expect(needed(state, { name: 'grantAcls', acls: [aclOf(`ALLOW READ ${resource} User:x *`)] })).toEqual([need]);
  });

  test('all entries of a call are judged', () => {
    const acls = ['ALLOW READ shop User:x *', 'ALLOW READ mail.box User:x *'].map(aclOf);
    expect(needed(state, { name: 'grantAcls', acls })).toEqual(['ALL shop', 'ALL mail']);
    const half = stateAfter(...authorizing(), granted('ALLOW ALL shop User:half *'));
    expect(facts(half, 'User:half', { name: 'grantAcls', acls })).toEqual({ principal: 'User:half', operation: 'ALL', resource: 'mail' });
  });

  test.each<[string, Command & { name: 'revokeAcls' }, readonly string[]]>([
    ['everything', { name: 'revokeAcls', filters: [{}] }, ['ALL cluster', 'ALL shop', 'ALL shop']],
    ['a type', { name: 'revokeAcls', filters: [{ resource: { type: 'TABLE' } }] }, ['ALL shop']],
    ['a name', { name: 'revokeAcls', filters: [{ resource: { name: 'shop' } }] }, ['ALL shop']],
    ['a resource', { name: 'revokeAcls', filters: [{ resource: { name: 'fluss-cluster', type: 'CLUSTER' } }] }, ['ALL cluster']],
    [
      'two filters, each resource once',
      { name: 'revokeAcls', filters: [{ resource: { name: 'shop.orders', type: 'TABLE' } }, { resource: { type: 'TABLE' } }] },
      ['ALL shop'],
    ],
    [
      'a principal of whom nothing is said, on all resources',
      { name: 'revokeAcls', filters: [{ host: '1.2.3.4' }] },
      ['ALL cluster', 'ALL shop', 'ALL shop'],
    ],
    ['nothing that is there', { name: 'revokeAcls', filters: [{ resource: { name: 'shop', type: 'TABLE' } }] }, []],
  ])('taking off %s', (_, command, needs) => {
    expect([...needed(state, command)].sort()).toEqual(needs);
  });
});

describe('tokens', () => {
  const hash = '0'.repeat(64);
  const state = stateAfter(...authorizing(), tokenIssued({ tokenId: 't1', principal: 'User:ci', hash, about: '' }));
  const issue = (principal: string): Command => ({ name: 'issueToken', principal, hash, about: '', tokenId: 't2' });
  test.each<[string, string, Command, readonly string[]]>([
    ['for oneself', 'User:ci', issue('User:ci'), []],
    ['for somebody else', 'User:ci', issue('User:root'), ['ALTER cluster']],
    ['for nobody', anonymousPrincipal, issue(anonymousPrincipal), ['ALTER cluster']],
    ['revoked by its bearer', 'User:ci', { name: 'revokeToken', tokenId: 't1' }, []],
    ['revoked by somebody else', 'User:etl', { name: 'revokeToken', tokenId: 't1' }, ['ALTER cluster']],
    ['that is none', 'User:ci', { name: 'revokeToken', tokenId: 't9' }, ['ALTER cluster']],
  ])('%s', (_, principal, command, needs) => {
    expect(needed(state, command, principal)).toEqual(needs);
  });
});

describe('reads', () => {
  test('what is known of everybody but those without credentials', () => {
    const access = operatorAccessOf('GET', '/metrics');
    if (access === undefined) throw new Error('it is not listed');
    expect(needsOfAccess(access, asker('User:nobody'))).toEqual([]);
    expect(needsOfAccess(access, asker(anonymousPrincipal))).toMatchObject([{ operation: 'DESCRIBE', resource: { type: 'CLUSTER' } }]);
  });

  test('HEAD is judged as GET, acts by one line, and nothing else by another', () => {
    expect(operatorAccessOf('HEAD', '/v1/configs')).toBe(operatorAccess['GET /v1/configs']);
    expect(operatorAccessOf('POST', '/v1/acts/dropInstance')).toBe(operatorAccess['POST /v1/acts/:command']);
    for (const [method, path] of [
      ['POST', '/v1/acts/a/b'],
      ['DELETE', '/v1/acts/dropInstance'],
      ['GET', '/v1/nothing'],
      ['toString', ''],
    ] as const)
      expect(operatorAccessOf(method, path)).toBeUndefined();
  });

  test('a method of the Meta Service that is not listed has no rights that anybody could have', () => {
    expect(metaServiceAccessOf('get_instance')).toBe(metaServiceAccess['get_instance']);
    for (const name of ['', 'get_snapshot', 'constructor', '__proto__']) expect(() => metaServiceAccessOf(name)).toThrow('is not in');
  });
});

describe('the means to log in as a super user', () => {
  const sealedText = { keyId: 'k1', nonce: 'bm9uY2Utb2YtMTI=', ciphertext: 'c2VhbGVk' };
  const tokenFor = (principal: string): Command => ({ name: 'issueToken', about: '', hash: 'a'.repeat(64), principal, tokenId: 'T1' });
  const passwordsOf = (op: 'set' | 'append', ...users: readonly string[]): Command => ({
    name: 'alterClusterConfigs',
    changes: [
      { op, key: 'security.sasl.plain.credentials', value: { entries: Object.fromEntries(users.map((user) => [user, sealedText])) } },
    ],
  });
  const denied = { principal: 'User:may-ALTER', operation: 'ALL', resource: 'cluster' };

  test.each([
    ['a token', tokenFor('User:root')],
    ['a password among others', passwordsOf('set', 'lee', 'root')],
    ['a password more', passwordsOf('append', 'root')],
  ])('%s is given by super users alone', (_, command) => {
    expect(facts(withEverybody, 'User:may-ALTER', command)).toEqual(denied);
    expect(facts(withEverybody, 'User:may-ALL', command)).toEqual({ ...denied, principal: 'User:may-ALL' });
    expect(facts(withEverybody, 'User:root', command)).toBeUndefined();
  });

  test('those of others are not', () => {
    for (const command of [tokenFor('User:lee'), passwordsOf('set', 'lee'), passwordsOf('append', 'roots')])
      expect(facts(withEverybody, 'User:may-ALTER', command)).toBeUndefined();
    const removal: Command = {
      name: 'alterClusterConfigs',
      changes: [
        { op: 'subtract', key: 'security.sasl.plain.credentials', value: { name: 'root' } },
        { op: 'delete', key: 'security.sasl.plain.credentials' },
      ],
    };
    expect(facts(withEverybody, 'User:may-ALTER', removal)).toBeUndefined();
  });

  test('names of another case are the same where the authorizer takes them for the same', () => {
    const state = stateAfter(
      ...authorizing({ 'super.users': 'User:root', 'security.acl.principal.ignore-case': 'true' }),
      granted('ALLOW ALTER cluster User:may-ALTER *'),
    );
    expect(facts(state, 'User:may-ALTER', tokenFor('User:ROOT'))).toEqual(denied);
  });
});
