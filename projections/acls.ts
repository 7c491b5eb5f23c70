import { type Acl, type AclPrincipal, type AclResource, resourceTypes } from '../events/acls.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** An entry of the list, and the act that put it there: its position, its time in epoch milliseconds, and who did it. */
export interface Grant extends Acl {
  readonly position: number;
  readonly grantedAt: number;
  readonly grantedBy: string;
}
export interface Acls {
  /** By `scopeKey`: what is said of one principal, whatever the case of its name, on one resource, by host. At most `aclLimits.hosts`. */
  readonly byScope: Table<Hosts>;
  /** By `principalKey`, how many entries there are on each `Level`: most lookups can be spared, for there is nothing to be found. */
  readonly byPrincipal: Table<Levels>;
  /** How many entries there are. */
  readonly size: number;
}

/** Short lists. */
type Hosts = Readonly<Record<string, readonly Grant[]>>;
/** The cluster, one database, one table, or all of a type. */
type Level = AclResource['type'] | `all ${AclResource['type']}`;
type Levels = Readonly<Partial<Record<Level, number>>>;

export const acls = defineProjection<Acls>({
  name: 'acls',
  version: 1,
  initial: () => ({ byScope: Table.empty(), byPrincipal: Table.empty(), size: 0 }),
  on: {
    AclGranted: (state, { at, event: { act, data }, position }) => {
      for (const acl of data.acls) grant(state, { ...acl, position, grantedAt: at, grantedBy: act.principal });
    },
    AclRevoked: (state, { event: { data } }) => {
      for (const acl of data.acls) revoke(state, acl);
    },
  },
});

function grant(state: Writable<Acls>, added: Grant): void {
  const key = scopeKey(added.resource, added.principal);
  const hosts = state.byScope.get(key) ?? {};
  const present = at(hosts, added.host);
  invariant(!present.some((each) => isSameAcl(each, added)), `the entry for ${key} is there already`);
  state.byScope = state.byScope.set(key, { ...hosts, [added.host]: [...present, added] });
  count(state, added, 1);
}

function revoke(state: Writable<Acls>, acl: Acl): void {
  const key = scopeKey(acl.resource, acl.principal);
  const { [acl.host]: present = [], ...others } = state.byScope.get(key) ?? {};
  const rest = present.filter((each) => !isSameAcl(each, acl));
  invariant(rest.length === present.length - 1, `the entry for ${key} is not there`);
  const hosts: Hosts = rest.length === 0 ? others : { ...others, [acl.host]: rest };
  state.byScope = Object.keys(hosts).length === 0 ? state.byScope.delete(key) : state.byScope.set(key, hosts);
  count(state, acl, -1);
}

const at = (hosts: Hosts, host: string): readonly Grant[] => (Object.hasOwn(hosts, host) ? (hosts[host] ?? []) : []);

function count(state: Writable<Acls>, { principal, resource }: Acl, by: 1 | -1): void {
  state.size += by;
  const [key, level] = [principalKey(principal), levelOf(resource)];
  const { [level]: counted = 0, ...others } = state.byPrincipal.get(key) ?? {};
  const levels: Levels = counted + by === 0 ? others : { ...others, [level]: counted + by };
  state.byPrincipal = Object.keys(levels).length === 0 ? state.byPrincipal.delete(key) : state.byPrincipal.set(key, levels);
}

/** No part can hold a control character: no two scopes have one key. */
const scopeKey = (resource: AclResource, principal: AclPrincipal): string =>
  `${resource.type}\n${resource.name}\n${principalKey(principal)}`;
const principalKey = ({ name, type }: AclPrincipal): string => `${type}\n${name.toLowerCase()}`;
const levelOf = ({ name, type }: AclResource): Level => (name === '*' ? `all ${type}` : type);

/** Entries of one scope say the same when effect, operation and the exact name of the principal are equal. */
const isSameAcl = (a: Acl, b: Acl): boolean =>
  a.effect === b.effect && a.operation === b.operation && a.principal.name === b.principal.name && a.principal.type === b.principal.type;

/** What is said of a principal on exactly this resource and from exactly these hosts, names of other cases included. */
export function* grantsAt(state: Acls, resource: AclResource, principal: AclPrincipal, hosts: readonly string[]): Generator<Grant> {
  const byHost = state.byScope.get(scopeKey(resource, principal));
  if (byHost !== undefined) for (const host of hosts) yield* at(byHost, host);
}
/** From how many hosts something would be said of a principal on a resource, if it were from these, too. */
export const hostCount = (state: Acls, { principal, resource }: Acl, more: Iterable<string>): number =>
  new Set([...Object.keys(state.byScope.get(scopeKey(resource, principal)) ?? {}), ...more]).size;
/** Those of the resources on the level of which anything is said of a principal, whatever the case of its name. */
export function worthAsking(state: Acls, principal: AclPrincipal, resources: readonly AclResource[]): readonly AclResource[] {
  const levels = state.byPrincipal.get(principalKey(principal));
  return levels === undefined ? [] : resources.filter((resource) => levels[levelOf(resource)] !== undefined);
}
export const grantOf = (state: Acls, acl: Acl): Grant | undefined =>
  at(state.byScope.get(scopeKey(acl.resource, acl.principal)) ?? {}, acl.host).find((each) => isSameAcl(each, acl));
/** Every entry, in no order that means anything. */
export function* grantsOf(state: Acls): Generator<Grant> {
  for (const [, hosts] of state.byScope.rows()) for (const grants of Object.values(hosts)) yield* grants;
}
/** The entry itself, as an event has it. */
export const aclOf = ({ effect, host, operation, principal, resource }: Grant): Acl => ({ effect, host, operation, principal, resource });

/** As people read a list: the cluster, databases, tables, each by name; what is said of one of them by principal, operation, host. */
export const inOrder = (grants: Iterable<Grant>): readonly Grant[] =>
  Array.from(grants, withText)
    .sort(byText)
    .map(({ grant }) => grant);
/** The oldest first. Entries of one act have the same order on every node. */
export const oldestFirst = (grants: Iterable<Grant>): readonly Grant[] =>
  Array.from(grants, withText)
    .sort((a, b) => a.grant.position - b.grant.position || byText(a, b))
    .map(({ grant }) => grant);

interface Sortable {
  readonly text: string;
  readonly grant: Grant;
}
/** No part can hold a control character: it sorts before all that a part can hold. */
function withText(grant: Grant): Sortable {
  const { effect, host, operation, principal, resource } = grant;
  const type = resourceTypes.indexOf(resource.type);
  return { text: [type, resource.name, principal.type, principal.name, operation, host, effect].join('\n'), grant };
}
const byText = (a: Sortable, b: Sortable): number => (a.text === b.text ? 0 : a.text < b.text ? -1 : 1);
