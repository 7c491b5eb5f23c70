import { z } from 'zod';
import {
  type Acl,
  type AclEvent,
  type AclResource,
  acl,
  aclEffects,
  aclGranted,
  aclHost,
  aclLimits,
  aclOperations,
  aclPrincipal,
  aclResource,
  aclRevoked,
  resourceTypes,
} from '../../events/acls.ts';
import { aclOf, type Grant, grantOf, grantsOf, hostCount, inOrder, oldestFirst } from '../../projections/acls.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, type Rejection, refused, rejection } from '../rejection.ts';
import { type Asker, isAuthorizing, judge } from './authorizer.ts';
import { defineCommand } from './kit.ts';
import { clusterResource, databaseOf, principalText, resourceText } from './resources.ts';

/** What is not given matches everything. A principal or a host `*` is itself, not a pattern. */
export const aclFilter = z.strictObject({
  effect: z.enum(aclEffects).exactOptional(),
  host: aclHost.exactOptional(),
  operation: z.enum(aclOperations).exactOptional(),
  principal: aclPrincipal.exactOptional(),
  resource: z.strictObject({ name: aclResource.shape.name.exactOptional(), type: z.enum(resourceTypes).exactOptional() }).exactOptional(),
});
export type AclFilter = Readonly<z.infer<typeof aclFilter>>;

/**
 * Add entries to the access control list. One that is there already, or is given twice, is no error.
 * @returns at most one `AclGranted` with the new ones, in the order given; or SECURITY_DISABLED, MALFORMED_REQUEST (an entry that
 *   could never match), TOO_LARGE (entries in all, or hosts of one principal on one resource)
 */
export const grantAcls = defineCommand({
  name: 'grantAcls',
  about: 'Add entries to the access control list.',
  input: z.strictObject({ acls: z.array(acl).min(1).max(aclLimits.perCall, `at most ${aclLimits.perCall} entries in one call`) }),
  decide: (state, { acls: given }): Decision<AclEvent> => {
    if (!isAuthorizing(state)) return refused(disabled());
    const added: Acl[] = [];
    const keys = new Set<string>();
    for (const [i, each] of given.entries()) {
      const fault = faultIn(each);
      if (fault !== undefined) return refused(rejection('MALFORMED_REQUEST', `acls[${i}].${fault.field}`, fault.detail));
      const key = JSON.stringify([each.effect, each.host, each.operation, each.principal.type, each.principal.name, each.resource]);
      if (keys.has(key) || grantOf(state.acls, each) !== undefined) continue;
      keys.add(key);
      added.push(each);
    }
    const size = state.acls.size + added.length;
    if (size > aclLimits.total)
      return refused(rejection('TOO_LARGE', 'acls', `there would be ${size} entries; there are at most ${aclLimits.total}`));
    const crowded = crowdedScope(state, added);
    if (crowded !== undefined) return refused(crowded);
    return added.length === 0 ? accept() : accept(aclGranted({ acls: added }));
  },
});

/** Whether somebody would have entries from more hosts on one resource than can be kept beside each other. */
function crowdedScope(state: State, added: readonly Acl[]): Rejection | undefined {
  const hosts = new Map<string, Set<string>>();
  for (const { host, principal, resource } of added) {
    const key = JSON.stringify([resource, principal.type, principal.name.toLowerCase()]);
    hosts.set(key, (hosts.get(key) ?? new Set()).add(host));
  }
  for (const each of added) {
    const key = JSON.stringify([each.resource, each.principal.type, each.principal.name.toLowerCase()]);
    const count = hostCount(state.acls, each, hosts.get(key) ?? []);
    hosts.delete(key); // Looked at once.
    if (count <= aclLimits.hosts) continue;
    const who = `${principalText(each.principal)} on ${resourceText(each.resource)}`;
    return rejection(
      'TOO_LARGE',
      'acls',
      `${who} would have entries from ${count} hosts; there are at most ${aclLimits.hosts}: use host *`,
    );
  }
  return undefined;
}

/** What would be stored and never matched: a name that no resource or principal has, most likely meant as a wildcard. */
function faultIn({ principal, resource: { name, type } }: Acl): { readonly field: string; readonly detail: string } | undefined {
  if ((principal.type === '*') !== (principal.name === '*'))
    return { field: 'principal', detail: `everyone is *:*, and nobody is called '${principal.type}:${principal.name}'` };
  const field = 'resource.name';
  if (type === 'CLUSTER' && name !== clusterResource.name) return { field, detail: `the cluster is called ${clusterResource.name}` };
  if (type === 'DATABASE' && name.includes('.')) return { field, detail: `a database has no dot in its name: '${name}'` };
  const isTable = name === '*' || /^[^.]+\.[^.]+$/.test(name);
  if (type === 'TABLE' && (!isTable || databaseOf(name) === '*'))
    return { field, detail: `a table is named database.table, and all tables are *: '${name}'` };
  return undefined;
}

/**
 * Take off the list what any of the filters matches, all of it in one entry.
 * @returns at most one `AclRevoked`, oldest first, nothing when nothing matches; or SECURITY_DISABLED, TOO_LARGE (what matches)
 */
export const revokeAcls = defineCommand({
  name: 'revokeAcls',
  about: 'Take entries off the access control list.',
  input: z.strictObject({ filters: z.array(aclFilter).min(1).max(aclLimits.perCall, `at most ${aclLimits.perCall} filters in one call`) }),
  decide: (state, { filters }): Decision<AclEvent> => {
    if (!isAuthorizing(state)) return refused(disabled());
    const revoked = matching(state, filters);
    if (revoked.length > aclLimits.perCall)
      return refused(
        rejection(
          'TOO_LARGE',
          'filters',
          `${revoked.length} entries match; at most ${aclLimits.perCall} are taken off at once: name more of them`,
        ),
      );
    return revoked.length === 0 ? accept() : accept(aclRevoked({ acls: revoked.map(aclOf) }));
  },
});

const disabled = (): Rejection => rejection('SECURITY_DISABLED', '', 'No Authorizer is configured.');

/** The entries that any of the filters matches, oldest first. Filters that name everything are looked up, others look at all entries. */
function matching(state: State, filters: readonly AclFilter[]): readonly Grant[] {
  const exact = filters.map(exactAcl);
  if (exact.every((each) => each !== undefined)) return oldestFirst(new Set(exact.flatMap((each) => grantOf(state.acls, each) ?? [])));
  return oldestFirst(filtered(grantsOf(state.acls), (each) => filters.some((filter) => matchesAcl(filter, each))));
}

function* filtered(grants: Iterable<Grant>, isWanted: (grant: Grant) => boolean): Generator<Grant> {
  for (const grant of grants) if (isWanted(grant)) yield grant;
}

/**
 * The entries that a filter matches, on the resources that somebody may DESCRIBE, in the order in which people read them.
 * @returns SECURITY_DISABLED where there is no authorizer
 */
export function listAcls(state: State, asker: Asker, filter: AclFilter): readonly Grant[] | Rejection {
  if (!isAuthorizing(state)) return disabled();
  const isShown = mayDescribe(state, asker);
  return inOrder(filtered(grantsOf(state.acls), (each) => matchesAcl(filter, each) && isShown(each.resource)));
}

/** Whether somebody may DESCRIBE a resource; each is judged once. */
export function mayDescribe(state: State, asker: Asker): (resource: AclResource) => boolean {
  const known = new Map<string, boolean>();
  return (resource) => {
    const key = `${resource.type} ${resource.name}`;
    const answer = known.get(key) ?? judge(state, asker, { operation: 'DESCRIBE', resource }).isAllowed;
    known.set(key, answer);
    return answer;
  };
}

/** The one entry that a filter matches which names everything. */
export function exactAcl({ effect, host, operation, principal, resource: { name, type } = {} }: AclFilter): Acl | undefined {
  if (effect === undefined || host === undefined || operation === undefined || principal === undefined) return undefined;
  return name === undefined || type === undefined ? undefined : { effect, host, operation, principal, resource: { name, type } };
}

export const matchesResource = ({ resource: { name, type } = {} }: AclFilter, resource: AclResource): boolean =>
  (type === undefined || type === resource.type) && (name === undefined || name === resource.name);

export const matchesAcl = (filter: AclFilter, each: Acl): boolean =>
  matchesResource(filter, each.resource) &&
  (filter.effect === undefined || filter.effect === each.effect) &&
  (filter.host === undefined || filter.host === each.host) &&
  (filter.operation === undefined || filter.operation === each.operation) &&
  (filter.principal === undefined || (filter.principal.type === each.principal.type && filter.principal.name === each.principal.name));
