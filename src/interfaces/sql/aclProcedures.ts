/** Access control as Fluss's manual has it: what the arguments mean and every text are in fluss-semantics 1.2. */
import type { Acl } from '../../../events/acls.ts';
import type { ChanceryEvent } from '../../../events/index.ts';
import { type AclFilter, exactAcl, listAcls } from '../../deciders/acls.ts';
import { isRejection, type Rejection, rejection } from '../../rejection.ts';
import { type AclPart, aclParts, aclText, aclTextFault, readAclPart } from './aclTexts.ts';
import type { Arguments, ArgumentValue, Parameter } from './arguments.ts';
import type { ArgumentFault, Preview, Procedure } from './procedure.ts';
import { refusal } from './refusals.ts';

const columns = [{ name: 'result', type: 'STRING' }] as const;
const abouts: Readonly<Record<AclPart, string>> = {
  resource: 'CLUSTER, a database, or a table as database.table.',
  permission: 'ALLOW or DENY.',
  principal: 'User:name; ALL is everyone.',
  operation: 'READ, WRITE, CREATE, DROP (or DELETE), ALTER, DESCRIBE, CLUSTER_ACTION, IDEMPOTENT_WRITE, or ALL of them.',
  host: 'An IP address, or * for all of them.',
};
const parameter = (name: AclPart, isOptional: boolean, more: string): Parameter => ({
  name,
  isList: false,
  isOptional,
  about: `${abouts[name]}${more}`,
});
/** @param required how many of the five must be given */
const parameters = (required: number, ifMissing: string, more = ''): readonly Parameter[] =>
  (['resource', 'permission', 'principal', 'operation', 'host'] as const).map((name, i) =>
    parameter(name, i >= required, `${more}${i >= required ? ` ${ifMissing}` : ''}`),
  );

const fault = (part: AclPart, detail: string, value: ArgumentValue | undefined): ArgumentFault => ({
  reason: refusal('INVALID_ARGUMENT', part, detail, value?.span.start),
  ...(value === undefined ? {} : { offset: value.span.start }),
});
const given = (values: Arguments, part: AclPart): ArgumentValue | undefined => values.get(part)?.[0];

/** Fluss's own words, to the letter; those of Java name the class that the word is none of. */
const words: Readonly<Record<AclPart, (text: string) => string>> = {
  permission: (text) => `No enum constant org.apache.fluss.security.acl.PermissionType.${text.toUpperCase()}`,
  principal: () => 'principal must be in format PrincipalType:PrincipalName',
  operation: (text) => `No enum constant org.apache.fluss.security.acl.OperationType.${text.toUpperCase()}`,
  resource: () => `resource must be in format cluster.\${database}.\${table}`,
  host: () => '',
};
const wildcard = "Wildcard 'ANY' can only be used for filtering, not for adding ACL entries.";

type Read<T> = { readonly kind: 'read'; readonly value: T } | { readonly kind: 'refused'; readonly fault: ArgumentFault };

/** NULL is ANY. The first part that is wrong counts, in Fluss's order. */
function readFilter(values: Arguments): Read<AclFilter> {
  let filter: AclFilter = {};
  for (const part of aclParts) {
    const value = given(values, part);
    if (value === undefined || value.text === null) continue;
    const read = readAclPart(part, value.text);
    const detail = read === undefined ? words[part](value.text.slice(0, 100)) : aclTextFault(read);
    if (detail !== undefined) return { kind: 'refused', fault: fault(part, detail, value) };
    filter = { ...filter, ...read };
  }
  return { kind: 'read', value: filter };
}

/** An entry names every part; a host that is left out is all of them. */
function readEntry(values: Arguments): Read<Acl> {
  const read = readFilter(values);
  if (read.kind === 'refused') return read;
  const isHostOpen = (given(values, 'host')?.text ?? null) === null;
  const entry = exactAcl(isHostOpen ? { ...read.value, host: '*' } : read.value);
  if (entry !== undefined) return { kind: 'read', value: entry };
  const open = aclParts.find((part) => isAny(given(values, part)?.text ?? 'ANY') && !(part === 'host' && isHostOpen)) ?? 'resource';
  return { kind: 'refused', fault: fault(open, wildcard, given(values, open)) };
}
const isAny = (text: string): boolean => text.toUpperCase() === 'ANY';

const partOf = (name: string): AclPart => (name === 'effect' ? 'permission' : (aclParts.find((part) => part === name) ?? 'resource'));

/** `acls[0].resource.name` is the argument `resource`. */
const inArguments =
  (values: Arguments) =>
  (refused: Rejection): ArgumentFault => {
    const path = /^acls\[0\]\.(\w+)/.exec(refused.field)?.[1];
    if (path === undefined) return { reason: /^(?:acls|filters)/.test(refused.field) ? { ...refused, field: '' } : refused };
    const value = given(values, partOf(path));
    return { reason: { ...refused, field: partOf(path) }, ...(value === undefined ? {} : { offset: value.span.start }) };
  };

const success = [['success']] as const;
const preview = (events: readonly ChanceryEvent[]): Preview => ({
  columns: [
    { name: 'change', type: 'STRING' },
    { name: 'entry', type: 'STRING' },
  ],
  rows: events.flatMap((event) =>
    event.type === 'AclGranted' || event.type === 'AclRevoked'
      ? event.data.acls.map((each) => [event.type === 'AclGranted' ? 'add' : 'drop', aclText(each)])
      : [],
  ),
});

const addAcl: Procedure = {
  name: 'add_acl',
  about: 'Adds an entry to the access control list.',
  parameters: parameters(4, 'Without it, *.'),
  columns,
  act: (values) => {
    const read = readEntry(values);
    if (read.kind === 'refused') return read;
    return {
      kind: 'write',
      command: { name: 'grantAcls', acls: [read.value] },
      rows: () => success,
      preview,
      refused: inArguments(values),
    };
  },
};

const any = ' ANY matches all.';
const dropAcl: Procedure = {
  name: 'drop_acl',
  about: 'Takes off the access control list whatever matches.',
  parameters: parameters(4, 'Without it, ANY.', any),
  columns,
  act: (values) => {
    const read = readFilter(values);
    if (read.kind === 'refused') return read;
    return {
      kind: 'write',
      command: { name: 'revokeAcls', filters: [read.value] },
      rows: () => success,
      preview,
      refused: inArguments(values),
    };
  },
};

/** Rows of one answer; `sys.acls` is for more. */
const listedAcls = 50_000;

const listAcl: Procedure = {
  name: 'list_acl',
  about: 'Shows the entries of the access control list that match.',
  parameters: parameters(1, 'Without it, ANY.', any),
  columns,
  act: (values, { asker }) => {
    const read = readFilter(values);
    if (read.kind === 'refused') return read;
    return {
      kind: 'read',
      rows: (state) => {
        const found = listAcls(state, asker, read.value);
        if (isRejection(found)) return found;
        if (found.length <= listedAcls) return found.map((each) => [aclText(each)]);
        return rejection('TOO_LARGE', '', `${found.length} entries match; at most ${listedAcls} are listed: name more of them`);
      },
    };
  },
};

/** In the order in which SHOW PROCEDURES lists them. */
export const aclProcedures: readonly Procedure[] = [addAcl, dropAcl, listAcl];
