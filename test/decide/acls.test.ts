/**
 * Goal: the list grows by what is new and shrinks by what matches, in one event each, within its bounds; what could never match is refused.
 * Method: given events, when a command, then exactly these events; filters one by one against a list with one entry of each kind.
 */
import { describe, expect, test } from 'vitest';
import { type Acl, aclGranted, aclLimits } from '../../events/acls.ts';
import type { State } from '../../projections/state.ts';
import { type AclFilter, listAcls } from '../../src/deciders/acls.ts';
import { type Command, decide, parseCommand } from '../../src/deciders/commands.ts';
import { isRejection } from '../../src/rejection.ts';
import { aclOf, authorizing, granted, revoked } from '../fold/aclActs.ts';
import { given, stateAfter, whenOn } from '../support/given.ts';

const began = authorizing({ 'super.users': 'User:root' });
const grant = (...words: readonly string[]): Command => ({ name: 'grantAcls', acls: words.map(aclOf) });
const revoke = (...filters: readonly AclFilter[]): Command => ({ name: 'revokeAcls', filters: [...filters] });
const [a, b, c] = ['ALLOW READ shop User:a *', 'DENY READ shop User:a *', 'ALLOW READ shop User:A *'] as const;
const [d, e, f] = ['ALLOW WRITE shop.orders User:a 10.0.0.1', 'ALLOW READ * *:* *', 'ALLOW ALL cluster User:b *'] as const;

const all = [a, b, c, d, e, f, 'ALLOW READ bank User:a *', 'ALLOW READ *.* User:a *', 'ALLOW READ shop User:a 10.0.0.1'];

describe('grantAcls', () => {
  test('what is new, in the order given', () =>
    given(...began)
      .when(grant(b, a))
      .gives(granted(b, a)));
  test('not what is there, and nothing twice', () =>
    given(...began, granted(a))
      .when(grant(b, a, c, b))
      .gives(granted(b, c)));
  test('all that differ in anything', () =>
    given(...began)
      .when(grant(...all))
      .gives(granted(...all)));
  test('nothing when all of it is there', () =>
    given(...began, granted(a, b))
      .when(grant(b, a))
      .gives());
  test('again, once it was revoked', () =>
    given(...began, granted(a), revoked(a))
      .when(grant(a))
      .gives(granted(a)));
  test.each([
    ['effect', b],
    ['operation', 'ALLOW WRITE shop User:a *'],
    ['resource', 'ALLOW READ shop.t User:a *'],
    ['type of resource', 'ALLOW READ cluster User:a *'],
    ['name', c],
    ['type of principal', 'ALLOW READ shop Group:a *'],
    ['host', 'ALLOW READ shop User:a 10.0.0.1'],
  ])('an entry that differs in its %s is another one', (_, other) =>
    given(...began, granted(a))
      .when(grant(other))
      .gives(granted(other)),
  );

  const entry = aclOf(a);
  test.each<[what: string, acl: Acl, field: string, detail: string]>([
    [
      'half of everyone',
      { ...entry, principal: { type: 'User', name: '*' } },
      'principal',
      "everyone is *:*, and nobody is called 'User:*'",
    ],
    ['the other half', { ...entry, principal: { type: '*', name: 'a' } }, 'principal', "everyone is *:*, and nobody is called '*:a'"],
    ['another cluster', { ...entry, resource: { type: 'CLUSTER', name: '*' } }, 'resource.name', 'the cluster is called fluss-cluster'],
    [
      'a database with a dot',
      { ...entry, resource: { type: 'DATABASE', name: 'a.b' } },
      'resource.name',
      "a database has no dot in its name: 'a.b'",
    ],
    ...['orders', 'a.b.c', '.b', 'a.', '*.b', '*.*'].map((name): [string, Acl, string, string] => [
      `a table called ${name}`,
      { ...entry, resource: { type: 'TABLE', name } },
      'resource.name',
      `a table is named database.table, and all tables are *: '${name}'`,
    ]),
  ])('not %s', (_, acl, field, detail) => {
    given(...began)
      .when({ name: 'grantAcls', acls: [entry, acl] })
      .isRefused('MALFORMED_REQUEST', `acls[1].${field}`, detail);
  });
});

describe('revokeAcls', () => {
  const state = stateAfter(...began, granted(f, e), granted(d), granted(c, b, a));
  test.each<[what: string, filter: AclFilter, gone: readonly string[]]>([
    ['everything, the oldest first, those of one act by resource and principal', {}, [f, e, d, c, a, b]],
    ['an effect', { effect: 'DENY' }, [b]],
    ['an operation, not what it implies', { operation: 'WRITE' }, [d]],
    ['ALL is an operation like others', { operation: 'ALL' }, [f]],
    ['a host', { host: '10.0.0.1' }, [d]],
    ['the host that is any', { host: '*' }, [f, e, c, a, b]],
    ['a principal as it is written', { principal: { type: 'User', name: 'a' } }, [d, a, b]],
    ['everyone', { principal: { type: '*', name: '*' } }, [e]],
    ['a type of resource', { resource: { type: 'DATABASE' } }, [e, c, a, b]],
    ['a resource, not what is in it', { resource: { type: 'DATABASE', name: 'shop' } }, [c, a, b]],
    ['a name, whatever has it', { resource: { name: 'shop.orders' } }, [d]],
    ['the resource that is all of them', { resource: { type: 'DATABASE', name: '*' } }, [e]],
    ['several parts at once', { effect: 'ALLOW', resource: { type: 'DATABASE', name: 'shop' }, host: '*' }, [c, a]],
    ['one entry that names everything', aclOf(b), [b]],
    ['nothing that is there', { operation: 'CREATE' }, []],
    ['an entry that is not there', aclOf('DENY READ shop User:A *'), []],
  ])('%s', (_, filter, gone) => {
    whenOn(state, revoke(filter)).gives(...(gone.length === 0 ? [] : [revoked(...gone)]));
    const root = { principal: 'User:root', interface: 'sql' } as const;
    const listed = listAcls(state, root, filter);
    if (isRejection(listed)) throw new Error(listed.detail);
    expect(listed, 'what a list shows is what would go').toHaveLength(gone.length);
  });
  test('what any of several filters matches, each once', () => {
    whenOn(state, revoke({ effect: 'DENY' }, { principal: { type: 'User', name: 'a' } }, aclOf(f))).gives(revoked(f, d, a, b));
    whenOn(state, revoke(aclOf(a), aclOf(f), aclOf(a))).gives(revoked(f, a));
  });
});

test('without an authorizer there is no list', () => {
  const open = given(...authorizing({ 'authorizer.enabled': 'false' }), granted(a));
  for (const command of [grant(b), grant(a), revoke({}), revoke(aclOf(b))])
    open.when(command).isRefused('SECURITY_DISABLED', '', 'No Authorizer is configured.');
  expect(listAcls(open.state, { principal: 'User:root', interface: 'sql' }, {})).toMatchObject({ code: 'SECURITY_DISABLED' });
});

describe('bounds', () => {
  const words = Array.from({ length: aclLimits.perCall }, (_, i) => `ALLOW READ d${i} User:a *`);

  test('so many entries are revoked at once; of more nothing is', () => {
    const most = given(...began, granted(...words)).when(revoke({})).decision;
    expect(most).toMatchObject({ kind: 'accepted', events: [{ type: 'AclRevoked', data: { acls: { length: aclLimits.perCall } } }] });
    const detail = '1001 entries match; at most 1000 are taken off at once: name more of them';
    given(...began, granted(...words), granted(b))
      .when(revoke({}))
      .isRefused('TOO_LARGE', 'filters', detail);
  });
  test('so many entries are there in all', () => {
    const few = stateAfter(...began, granted(a, c, d), revoked(c));
    expect(few.acls.size).toBe(2);
    const full: State = { ...few, acls: { ...few.acls, size: aclLimits.total } }; // As if they were there: 200,000 take seconds.
    const detail = `there would be ${aclLimits.total + 1} entries; there are at most ${aclLimits.total}`;
    whenOn(full, grant(b)).isRefused('TOO_LARGE', 'acls', detail);
    whenOn(full, grant(a, d)).gives();
    whenOn({ ...few, acls: { ...few.acls, size: aclLimits.total - 1 } }, grant(b)).gives(granted(b));
  });
  test.each<[what: string, command: object]>([
    ['no entries', { name: 'grantAcls', acls: [] }],
    ['no filters', { name: 'revokeAcls', filters: [] }],
    ['too many entries', { name: 'grantAcls', acls: Array.from({ length: 1001 }, () => aclOf(a)) }],
    ['too many filters', { name: 'revokeAcls', filters: Array.from({ length: 1001 }, () => ({})) }],
    ['a part that is missing', { name: 'grantAcls', acls: [{ ...aclOf(a), host: undefined }] }],
    ['a word that is none', { name: 'grantAcls', acls: [{ ...aclOf(a), operation: 'DELETE' }] }],
    ['ANY', { name: 'revokeAcls', filters: [{ operation: 'ANY' }] }],
    ['a name on two lines', { name: 'grantAcls', acls: [{ ...aclOf(a), principal: { type: 'User', name: 'a\nb' } }] }],
    ['half a character', { name: 'revokeAcls', filters: [{ host: '\ud800' }] }],
    ['a long name', { name: 'grantAcls', acls: [{ ...aclOf(a), principal: { type: 'User', name: 'a'.repeat(257) } }] }],
    ['a field too many', { name: 'revokeAcls', filters: [{ who: 'User:a' }] }],
  ])('%s is no command', (_, command) => expect(parseCommand(command)).toHaveProperty('error'));
});

test('entries of one principal on one resource come from a bounded number of hosts', () => {
  const from = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => aclOf(`ALLOW READ shop User:etl 10.1.${(first + i) >> 8}.${(first + i) & 255}`));
  const state = stateAfter(...authorizing(), aclGranted({ acls: from(0, aclLimits.hosts) }));
  const granting = (acls: readonly Acl[]) =>
    decide(state, { name: 'grantAcls', acls: [...acls] }, { now: 1, timeOfDay: 1, commandId: 'c' });
  expect(granting(from(5_000, 1))).toMatchObject({
    kind: 'rejected',
    rejection: {
      code: 'TOO_LARGE',
      field: 'acls',
      detail: 'User:etl on shop would have entries from 1001 hosts; there are at most 1000: use host *',
    },
  });
  // Another operation from a host that is there, another case of the name, another resource.
  expect(granting([aclOf('ALLOW WRITE shop User:etl 10.1.0.0')])).toMatchObject({ kind: 'accepted' });
  expect(granting([aclOf('ALLOW READ shop User:ETL 10.2.0.0')])).toMatchObject({ kind: 'rejected' });
  expect(granting([aclOf('ALLOW READ shop.orders User:etl 10.2.0.0')])).toMatchObject({ kind: 'accepted' });
});
