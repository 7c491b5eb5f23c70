import { z } from 'zod';
import { defineEvent, type EventOf } from './kit.ts';

/** Bounds. Names are in UTF-16 code units; `hosts`: of one principal on one resource. */
export const aclLimits = { perCall: 1000, total: 200_000, hosts: 1000, nameLength: 256, hostLength: 256 } as const;

export const aclEffects = ['ALLOW', 'DENY'] as const;
/** DELETE is another word for DROP on the surfaces; the log knows one of them. */
export const aclOperations = ['ALL', 'READ', 'WRITE', 'CREATE', 'DROP', 'ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'IDEMPOTENT_WRITE'] as const;
export const resourceTypes = ['CLUSTER', 'DATABASE', 'TABLE'] as const;
export type AclEffect = (typeof aclEffects)[number];
export type AclOperation = (typeof aclOperations)[number];

const onOneLine = /^[^\p{Cc}\p{Cs}]+$/u;
const name = (length: number) =>
  z.string().max(length, `at most ${length} characters`).regex(onOneLine, 'not empty, and no control characters');

export const aclPrincipal = z.strictObject({
  name: name(aclLimits.nameLength).describe('`*` together with type `*`: everyone.'),
  type: name(64).describe('`User`, or `*`.'),
});
export const aclResource = z.strictObject({
  name: name(2 * aclLimits.nameLength + 1).describe('`fluss-cluster`, `db` or `db.table`; `*`: all resources of the type.'),
  type: z.enum(resourceTypes),
});
export const aclHost = name(aclLimits.hostLength).describe('An IP address as text, compared exactly; `*`: any.');
export const acl = z.strictObject({
  effect: z.enum(aclEffects),
  host: aclHost,
  operation: z.enum(aclOperations),
  principal: aclPrincipal,
  resource: aclResource,
});
/** Who may, or may not, do what to what, from where. */
export type Acl = Readonly<z.infer<typeof acl>>;
export type AclPrincipal = Readonly<z.infer<typeof aclPrincipal>>;
export type AclResource = Readonly<z.infer<typeof aclResource>>;

const acls = z.array(acl).min(1).max(aclLimits.perCall);
const subjectsOf = ({ acls: all }: { readonly acls: readonly Acl[] }): readonly string[] => [
  ...new Set(
    all.flatMap(({ principal, resource }) => [`acl/${resource.type}/${resource.name}`, `principal/${principal.type}:${principal.name}`]),
  ),
];

/** Raised by `grantAcls`; folded by `projections/acls.ts`. */
export const aclGranted = defineEvent('AclGranted', {
  about: 'Operators added entries to the access control list.',
  version: 1,
  data: z.strictObject({ acls: acls.describe('Entries that were not there before.') }),
  subjects: subjectsOf,
});

/** Raised by `revokeAcls`; folded by `projections/acls.ts`. */
export const aclRevoked = defineEvent('AclRevoked', {
  about: 'Operators took entries off the access control list.',
  version: 1,
  data: z.strictObject({ acls: acls.describe('Entries that were there before.') }),
  subjects: subjectsOf,
});

export type AclEvent = EventOf<typeof aclGranted> | EventOf<typeof aclRevoked>;
