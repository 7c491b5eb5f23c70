import type { AclOperation, AclPrincipal, AclResource } from '../../events/acls.ts';
import type { Act } from '../../events/envelope.ts';
import { type Acls, type Grant, grantsAt, worthAsking } from '../../projections/acls.ts';
import { configOf } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import { type Rejection, rejection } from '../rejection.ts';
import { clusterResource, databaseOf, everyone, principalOf, resourceText } from './resources.ts';

/** Who asks, from where, through what. `host` is an IP address as text; absent when it is not known. */
export type Asker = Pick<Act, 'principal' | 'host' | 'interface'>;
/** What somebody must be allowed to do. */
export interface Need {
  readonly operation: AclOperation;
  readonly resource: AclResource;
}
/** Why somebody may or may not: the entry that says so, or what else does. `nothing`: no entry allows it. */
export type Verdict =
  | { readonly isAllowed: true; readonly because: 'disabled' | 'own' | 'super' }
  | { readonly isAllowed: true; readonly because: 'entry'; readonly grant: Grant }
  | { readonly isAllowed: false; readonly because: 'entry'; readonly grant: Grant }
  | { readonly isAllowed: false; readonly because: 'nothing' };

/** What the caller of the Meta Service is called who has given its token, unless a setting names somebody else. */
export const metaServicePrincipal = 'User:meta-service';

/** Whether there is an authorizer. Without one everything is allowed, but for the ACL calls themselves. */
export const isAuthorizing = (state: State): boolean => configOf(state.configs, 'authorizer.enabled');

/**
 * Whether somebody may do something: a matching DENY beats every ALLOW, super users excepted; nothing said means no.
 * Entries on the resource, on what contains it, and on `*` of its own type count; so do those for everyone and from any host.
 * Looks at no more entries than there can be for these, however long the list is.
 */
export function judge(state: State, asker: Asker, need: Need): Verdict {
  if (asker.interface === 'chancery') return { isAllowed: true, because: 'own' };
  if (!isAuthorizing(state)) return { isAllowed: true, because: 'disabled' };
  if (isSuperUser(state, asker)) return { isAllowed: true, because: 'super' };
  let allowing: Grant | undefined;
  for (const grant of applicable(state, asker, need.resource)) {
    if (grant.effect === 'DENY' && isMeant(grant.operation, need.operation)) return { isAllowed: false, because: 'entry', grant };
    if (grant.effect === 'ALLOW' && isGranted(grant.operation, need.operation)) allowing ??= grant;
  }
  return allowing === undefined ? { isAllowed: false, because: 'nothing' } : { isAllowed: true, because: 'entry', grant: allowing };
}

/** @returns why somebody may not do all of it; undefined when they may. `facts` name principal, operation and resource. */
export function denialOf(state: State, asker: Asker, needs: readonly Need[]): Rejection | undefined {
  for (const need of needs) {
    const verdict = judge(state, asker, need);
    if (verdict.isAllowed) continue;
    const resource = resourceText(need.resource);
    const why = verdict.because === 'nothing' ? 'nothing allows it' : `it is denied by the entry of position ${verdict.grant.position}`;
    const detail = `${asker.principal} may not ${need.operation} on ${resource}: ${why}`;
    return rejection('AUTHORIZATION_DENIED', '', detail, { principal: asker.principal, operation: need.operation, resource });
  }
  return undefined;
}

/** Whether somebody may do everything, whatever the list says. */
export function isSuperUser(state: State, { interface: through, principal }: Asker): boolean {
  if (through === 'metaservice' && principal === metaServicePrincipal) return true;
  const own = principalOf(principal);
  return superUsers(configOf(state.configs, 'super.users')).some((each) => isSamePrincipal(state, each, own));
}

let newestText = '';
let newestUsers: readonly AclPrincipal[] = [];
/** The newest text is kept: it never changes while a node leads. */
function superUsers(text: string): readonly AclPrincipal[] {
  if (text !== newestText) {
    newestText = text;
    newestUsers = text
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(principalOf);
  }
  return newestUsers;
}

function isSamePrincipal(state: State, a: AclPrincipal, b: AclPrincipal): boolean {
  if (a.type !== b.type) return false;
  return a.name === b.name || (ignoresCase(state) && a.name.toLowerCase() === b.name.toLowerCase());
}
const ignoresCase = (state: State): boolean => configOf(state.configs, 'security.acl.principal.ignore-case');

function* applicable(state: State, { host, principal }: Asker, resource: AclResource): Generator<Grant> {
  const { acls }: { readonly acls: Acls } = state;
  const hosts = host === undefined || host === '*' ? ['*'] : [host, '*'];
  const resources = applicableResources(resource);
  const own = principalOf(principal);
  for (const each of worthAsking(acls, own, resources))
    for (const grant of grantsAt(acls, each, own, hosts)) if (isSamePrincipal(state, grant.principal, own)) yield grant;
  for (const each of worthAsking(acls, everyone, resources)) yield* grantsAt(acls, each, everyone, hosts);
}

/** The resource, `*` of its type, and what contains it. `*` of a containing type says nothing about what it contains. */
function applicableResources(resource: AclResource): readonly AclResource[] {
  const { name, type } = resource;
  if (type === 'CLUSTER') return [resource];
  const all = [resource];
  if (name !== '*') all.push({ name: '*', type });
  const database = type === 'TABLE' ? databaseOf(name) : undefined;
  if (database !== undefined) all.push({ name: database, type: 'DATABASE' });
  all.push(clusterResource);
  return all;
}

const isMeant = (said: AclOperation, asked: AclOperation): boolean => said === asked || said === 'ALL';
const describing: ReadonlySet<AclOperation> = new Set(['READ', 'WRITE', 'CREATE', 'DROP', 'ALTER']);
/** DESCRIBE comes with whatever is done to a thing, IDEMPOTENT_WRITE with WRITE; nothing else implies anything. */
const isGranted = (said: AclOperation, asked: AclOperation): boolean =>
  isMeant(said, asked) || (asked === 'DESCRIBE' && describing.has(said)) || (asked === 'IDEMPOTENT_WRITE' && said === 'WRITE');
