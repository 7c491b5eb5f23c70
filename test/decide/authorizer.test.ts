/**
 * Goal: the authorizer decides as the contract says (fluss-semantics 2.2, contracts/README for DENY), and names what it rests on.
 * Method: the rules one by one; then random lists and requests over few names, against an oracle that looks at every entry and was
 * written from the contract's table alone.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aclEffects, aclOperations } from '../../events/acls.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { draftState, finishState, foldEvent, type State } from '../../projections/state.ts';
import { type Asker, denialOf, judge, type Verdict } from '../../src/deciders/authorizer.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { denialOfCommand } from '../../src/deciders/permissions.ts';
import { resourceOf } from '../../src/deciders/resources.ts';
import { aclOf, authorizing, granted, revoked } from '../fold/aclActs.ts';
import { actOf, stateAfter } from '../support/given.ts';
import { replay } from '../support/replay.ts';

/** `READ shop.orders` for somebody, from somewhere. */
interface Request {
  readonly principal: string;
  readonly host?: string;
  readonly operation: (typeof aclOperations)[number];
  readonly resource: string;
}
function verdictOf(state: State, { operation, resource: text, ...asker }: Request, through: Asker['interface'] = 'sql'): Verdict {
  const resource = resourceOf(text);
  if (resource === undefined) throw new Error(`'${text}' names nothing`);
  return judge(state, { ...asker, interface: through }, { operation, resource });
}
const mayIn = (state: State, words: string): boolean => {
  const [principal = '', operation = '', resource = '', host = '10.0.0.9'] = words.split(' ');
  return verdictOf(state, { principal, host, operation: operation as Request['operation'], resource }).isAllowed;
};

describe('one entry', () => {
  test.each<[entry: string, allowed: readonly string[], denied: readonly string[]]>([
    [
      'ALLOW READ shop.orders User:a *',
      ['User:a READ shop.orders', 'User:a DESCRIBE shop.orders'],
      ['User:a WRITE shop.orders', 'User:b READ shop.orders', 'User:A READ shop.orders', 'User:a READ shop.items', 'User:a READ shop'],
    ],
    [
      'ALLOW READ shop User:a *',
      ['User:a READ shop', 'User:a READ shop.orders', 'User:a DESCRIBE shop.any'],
      ['User:a READ shops.orders', 'User:a READ sho.p', 'User:a READ cluster', 'User:a READ *'],
    ],
    ['ALLOW READ cluster User:a *', ['User:a READ cluster', 'User:a READ shop', 'User:a READ shop.orders'], ['User:b READ shop']],
    [
      'ALLOW READ * User:a *',
      ['User:a READ shop', 'User:a READ bank', 'User:a READ *'],
      ['User:a READ shop.orders', 'User:a READ cluster'],
    ],
    ['ALLOW READ *.* User:a *', ['User:a READ shop.orders'], ['User:a READ shop', 'User:a READ cluster']],
    ['ALLOW READ shop.* User:a *', ['User:a READ shop.*'], ['User:a READ shop.orders', 'User:a READ shop']],
    ['ALLOW READ shop *:* *', ['User:a READ shop', 'User:ANONYMOUS READ shop', 'Group:a READ shop'], ['User:a READ bank']],
    ['ALLOW READ shop User:a 10.0.0.1', ['User:a READ shop 10.0.0.1'], ['User:a READ shop 10.0.0.2', 'User:a READ shop 10.0.0.10']],
    ['ALLOW READ shop User:a *', ['User:a READ shop 10.0.0.1', 'User:a READ shop ::1'], []],
    ['ALLOW READ shop Group:a *', ['Group:a READ shop'], ['User:a READ shop']],
    ['DENY READ shop User:a *', [], ['User:a READ shop', 'User:b READ shop']],
  ])('%s', (entry, allowed, denied) => {
    const state = stateAfter(...authorizing(), granted(entry));
    for (const words of allowed) expect(mayIn(state, words), words).toBe(true);
    for (const words of denied) expect(mayIn(state, words), words).toBe(false);
  });

  test.each<[said: string, asked: readonly string[]]>([
    ['ALL', aclOperations],
    ['READ', ['READ', 'DESCRIBE']],
    ['WRITE', ['WRITE', 'DESCRIBE', 'IDEMPOTENT_WRITE']],
    ['CREATE', ['CREATE', 'DESCRIBE']],
    ['DROP', ['DROP', 'DESCRIBE']],
    ['ALTER', ['ALTER', 'DESCRIBE']],
    ['DESCRIBE', ['DESCRIBE']],
    ['CLUSTER_ACTION', ['CLUSTER_ACTION']],
    ['IDEMPOTENT_WRITE', ['IDEMPOTENT_WRITE']],
  ])('%s allows exactly %s; denied, it denies itself or all', (said, asked) => {
    const allowing = stateAfter(...authorizing(), granted(`ALLOW ${said} shop User:a *`));
    const denying = stateAfter(...authorizing(), granted('ALLOW ALL cluster User:a *', `DENY ${said} shop User:a *`));
    for (const each of aclOperations) {
      expect(mayIn(allowing, `User:a ${each} shop`), each).toBe(asked.includes(each));
      expect(mayIn(denying, `User:a ${each} shop`), `not ${each}`).toBe(said !== 'ALL' && said !== each);
    }
  });
});

describe('several entries', () => {
  test('a DENY anywhere beats every ALLOW, however near', () => {
    const state = stateAfter(...authorizing(), granted('ALLOW ALL shop.orders User:a 10.0.0.9', 'DENY READ cluster *:* *'));
    expect(mayIn(state, 'User:a READ shop.orders')).toBe(false);
    expect(mayIn(state, 'User:a WRITE shop.orders')).toBe(true);
  });
  test('what was revoked counts no more', () => {
    const state = stateAfter(
      ...authorizing(),
      granted('DENY READ shop User:a *', 'ALLOW READ shop User:a *'),
      revoked('DENY READ shop User:a *'),
    );
    expect(mayIn(state, 'User:a READ shop')).toBe(true);
  });
  test('nothing at all allows nothing', () => expect(mayIn(stateAfter(...authorizing()), 'User:a DESCRIBE shop')).toBe(false));
});

describe('without looking at entries', () => {
  const deny = granted('DENY ALL cluster *:* *');
  const read: Request = { principal: 'User:a', host: '10.0.0.1', operation: 'READ', resource: 'shop' };
  test('no authorizer: everything', () => {
    expect(verdictOf(stateAfter(deny), read)).toEqual({ isAllowed: true, because: 'disabled' });
    expect(verdictOf(stateAfter(...authorizing({ 'authorizer.enabled': 'false' }), deny), read).isAllowed).toBe(true);
  });
  test('super users, whatever is denied; blanks and empty parts of the setting are passed over', () => {
    const state = stateAfter(...authorizing({ 'super.users': ' User:root ;; a;User:x:y' }), deny);
    for (const principal of ['User:root', 'User:a', 'User:x:y'])
      expect(verdictOf(state, { ...read, principal }), principal).toEqual({ isAllowed: true, because: 'super' });
    for (const principal of ['User:Root', 'Group:root', 'User:', 'User:ro', 'User:meta-service', 'chancery'])
      expect(verdictOf(state, { ...read, principal }).isAllowed, principal).toBe(false);
  });
  test('what the cluster does itself, and whoever has the token of the Meta Service, there alone', () => {
    const state = stateAfter(...authorizing(), deny);
    expect(verdictOf(state, { ...read, principal: 'chancery' }, 'chancery')).toEqual({ isAllowed: true, because: 'own' });
    const metaService = { ...read, principal: 'User:meta-service' };
    expect(verdictOf(state, metaService, 'metaservice')).toEqual({ isAllowed: true, because: 'super' });
    for (const through of ['sql', 'operator', 'fluss'] as const) expect(verdictOf(state, metaService, through).isAllowed).toBe(false);
    expect(verdictOf(state, read, 'metaservice').isAllowed).toBe(false);
  });
  test('a host that is not known is no host that an entry names', () => {
    const { host: _, ...unknown } = read;
    const state = stateAfter(...authorizing(), granted('ALLOW READ shop User:a 10.0.0.1', 'ALLOW READ bank User:a *'));
    expect(verdictOf(state, unknown).isAllowed).toBe(false);
    expect(verdictOf(state, { ...unknown, resource: 'bank' }).isAllowed).toBe(true);
  });
});

test('security.acl.principal.ignore-case takes names for the same, types not', () => {
  const configs = { 'super.users': 'User:Root' };
  const entries = granted('ALLOW READ shop User:Größe *', 'ALLOW READ bank User:a *', 'DENY READ bank User:A *');
  const [exact, ignoring] = [{}, { 'security.acl.principal.ignore-case': 'true' }].map((more) =>
    stateAfter(...authorizing({ ...configs, ...more }), entries),
  ) as [State, State];
  const readers = ['User:gRÖSSE', 'User:GRÖßE', 'User:größe', 'Group:Größe'].map((who) => `${who} READ shop`);
  expect(readers.map((words) => mayIn(exact, words))).toEqual([false, false, false, false]);
  expect(readers.map((words) => mayIn(ignoring, words))).toEqual([false, true, true, false]);
  expect([mayIn(exact, 'User:a READ bank'), mayIn(ignoring, 'User:a READ bank')]).toEqual([true, false]);
  expect([mayIn(exact, 'User:root READ bank'), mayIn(ignoring, 'User:root READ bank')]).toEqual([false, true]);
});

describe('a denial', () => {
  const state = stateAfter(...authorizing(), granted('ALLOW READ shop User:a *', 'ALLOW ALL bank User:a *', 'DENY WRITE shop User:a *'));
  const asker: Asker = { principal: 'User:a', host: '10.0.0.9', interface: 'sql' };
  const need = (operation: Request['operation'], text: string) => ({ operation, resource: resourceOf(text) ?? expect.fail(text) });

  test('names who, what and on what, and the entry that it rests on', () => {
    expect(denialOf(state, asker, [need('READ', 'shop'), need('WRITE', 'shop.orders'), need('DROP', 'shop')])).toMatchObject({
      code: 'AUTHORIZATION_DENIED',
      field: '',
      detail: 'User:a may not WRITE on shop.orders: it is denied by the entry of position 3',
      facts: { principal: 'User:a', operation: 'WRITE', resource: 'shop.orders' },
    });
    expect(denialOf(state, asker, [need('DROP', 'cluster')])?.detail).toBe('User:a may not DROP on cluster: nothing allows it');
    expect(denialOf(state, asker, [need('READ', 'shop'), need('DROP', 'bank.t')])).toBeUndefined();
    expect(denialOf(state, asker, [])).toBeUndefined();
  });

  test.each<[entry: string, allowed: boolean]>([
    ['ALLOW READ bank User:b *', true],
    ['ALLOW READ bank.accounts User:b *', true],
    ['ALLOW READ shop User:b *', false],
    ['ALLOW READ *.* User:b *', false],
    ['ALLOW READ cluster User:b *', false],
  ])('of granting and revoking: whoever may do ALL to the resource, or to the database of the table: %s', (entry, allowed) => {
    const acl = aclOf(entry);
    const there = stateAfter(...authorizing(), granted('ALLOW ALL bank User:a *', entry));
    expect(denialOfCommand(state, asker, { name: 'grantAcls', acls: [acl] }) === undefined).toBe(allowed);
    const revoke: Command = { name: 'revokeAcls', filters: [{ resource: acl.resource }] };
    expect(denialOfCommand(there, asker, revoke) === undefined, 'revoke').toBe(allowed);
    expect(denialOfCommand(state, asker, { name: 'grantAcls', acls: [aclOf('DENY READ bank User:b *'), acl] }) === undefined).toBe(allowed);
  });

  test('of granting: ALL to a table, or to all tables, is not ALL to the database', () => {
    const onTables = stateAfter(...authorizing(), granted('ALLOW ALL shop.orders User:a *', 'ALLOW ALL *.* User:a *'));
    const onDatabases = stateAfter(...authorizing(), granted('ALLOW ALL * User:a *'));
    const databases = { 'shop.orders': 'shop', '*.*': '*', 'bank.accounts': 'bank' };
    for (const [resource, database] of Object.entries(databases)) {
      const command: Command = { name: 'grantAcls', acls: [aclOf(`ALLOW READ ${resource} User:b *`)] };
      expect(denialOfCommand(onTables, asker, command)?.detail).toBe(`User:a may not ALL on ${database}: nothing allows it`);
      expect(denialOfCommand(onDatabases, asker, command), resource).toBeUndefined();
    }
  });

  test('of revoking: every resource that the filter matches counts, whatever its entries are', () => {
    const filters = [{ principal: { type: 'User', name: 'nobody' } }];
    expect(denialOfCommand(state, asker, { name: 'revokeAcls', filters })?.detail).toContain('may not ALL on shop');
    const onBank = filters.map((each) => ({ ...each, resource: { type: 'DATABASE', name: 'bank' } as const }));
    expect(denialOfCommand(state, asker, { name: 'revokeAcls', filters: onBank })).toBeUndefined();
  });
});

const principals = ['User:a', 'User:A', 'User:b', 'Group:a'] as const;
const resources = ['cluster', 'd', 'e', '*', 'd.t', 'd.u', 'e.t', '*.*'] as const;
const hosts = ['1.1.1.1', '1.1.1.2'] as const;
interface Entry {
  readonly effect: (typeof aclEffects)[number];
  readonly operation: (typeof aclOperations)[number];
  readonly resource: string;
  readonly principal: string;
  readonly host: string;
}
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  effect: fc.constantFrom('ALLOW', ...aclEffects),
  operation: fc.constantFrom(...aclOperations),
  resource: fc.constantFrom(...resources),
  principal: fc.constantFrom(...principals, '*:*'),
  host: fc.constantFrom(...hosts, '*', '*'),
});
const anyRequest: fc.Arbitrary<Request> = fc
  .record({
    principal: fc.constantFrom(...principals),
    host: fc.constantFrom(...hosts, undefined),
    operation: fc.constantFrom(...aclOperations),
    resource: fc.constantFrom('cluster', 'd', 'e', 'd.t', 'd.u', 'e.t'),
  })
  .map(({ host, ...rest }) => ({ ...rest, ...(host === undefined ? {} : { host }) }));
const files = ['false', 'true'].flatMap((ignoring) =>
  ['', 'User:b'].map((superUsers) => ({ 'security.acl.principal.ignore-case': ignoring, 'super.users': superUsers })),
);
type File = (typeof files)[number];

/** fluss-semantics 2.2, line by line. It looks at every entry, and at texts alone. */
function oracle(entries: readonly Entry[], file: File, request: Request): 'super' | 'denied' | 'allowed' | 'nothing' {
  const ignoresCase = file['security.acl.principal.ignore-case'] === 'true';
  const isWho = (a: string, b: string) =>
    a === b || (ignoresCase && a.split(':')[0] === b.split(':')[0] && a.toUpperCase() === b.toUpperCase());
  if (isWho(file['super.users'], request.principal)) return 'super';
  const ancestors = ['cluster', ...request.resource.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'))];
  const star = request.resource.includes('.') ? '*.*' : '*';
  const matching = entries.filter(
    ({ host, principal, resource }) =>
      (ancestors.includes(resource) || (resource === star && request.resource !== 'cluster')) &&
      (principal === '*:*' || isWho(principal, request.principal)) &&
      (host === '*' || host === request.host),
  );
  const implying: Record<string, readonly string[]> = {
    DESCRIBE: ['READ', 'WRITE', 'CREATE', 'DROP', 'ALTER'],
    IDEMPOTENT_WRITE: ['WRITE'],
  };
  const says = (effect: string, more: readonly string[]) =>
    matching.some((each) => each.effect === effect && ['ALL', request.operation, ...more].includes(each.operation));
  if (says('DENY', [])) return 'denied';
  return says('ALLOW', implying[request.operation] ?? []) ? 'allowed' : 'nothing';
}

const wordsOf = ({ effect, host, operation, principal, resource }: Entry): string =>
  `${effect} ${operation} ${resource} ${principal} ${host}`;
const began = files.map((file) => ({ file, state: stateAfter(...authorizing(file)) }));

/** Folds some of the entries and others that are gone again. */
function stateWith(start: State, kept: readonly string[], gone: readonly string[]): State {
  const draft = draftState(start);
  const fold = (event: ChanceryEvent) =>
    foldEvent(draft, { position: draft.position + 1, at: start.at, epoch: 1, event: { ...event, id: 'e', act: actOf('c') } });
  const first = [...gone, ...kept];
  if (first.length > 0) fold(granted(...first));
  if (gone.length > 0) fold(revoked(...gone));
  return finishState(draft);
}

/** 20 requests to a list. CHANCERY_RUNS=10 makes it 100,000 pairs. */
test('10,000 random requests are decided as an oracle decides them that looks at every entry', () => {
  const counts = { super: 0, denied: 0, allowed: 0, nothing: 0 };
  const list = fc.array(anyEntry, { maxLength: 24, size: 'max' });
  const requests = fc.array(anyRequest, { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(
      fc.constantFrom(...began),
      list,
      fc.array(anyEntry, { maxLength: 4 }),
      requests,
      ({ file, state: start }, all, more, asked) => {
        const kept = new Map(all.map((each) => [wordsOf(each), each]));
        const gone = new Set(more.map(wordsOf).filter((words) => !kept.has(words)));
        const state = stateWith(start, [...kept.keys()], [...gone]);
        for (const request of asked) {
          const expected = oracle([...kept.values()], file, request);
          counts[expected] += 1;
          const verdict = verdictOf(state, request);
          const shown = JSON.stringify(request);
          expect(verdict.isAllowed, shown).toBe(expected === 'allowed' || expected === 'super');
          expect(verdict.because, shown).toBe(expected === 'denied' || expected === 'allowed' ? 'entry' : expected);
          if (verdict.because === 'entry') expect(verdict.grant.effect, shown).toBe(verdict.isAllowed ? 'ALLOW' : 'DENY');
        }
      },
    ),
    replay({ numRuns: 500 }).params as object,
  );
  const total = Object.values(counts).reduce((a, b) => a + b);
  if (process.env['CHANCERY_RUNS'] !== undefined) console.log(`${total} pairs: ${JSON.stringify(counts)}`);
  // Far below what is drawn (8 % are denied), so that chance does not fail it: it is to show that each outcome was put to the test.
  for (const [outcome, count] of Object.entries(counts)) expect(count / total, outcome).toBeGreaterThan(0.02);
});
