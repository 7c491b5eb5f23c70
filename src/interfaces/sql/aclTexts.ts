import { type Acl, type AclOperation, aclEffects, aclOperations } from '../../../events/acls.ts';
import { type AclFilter, aclFilter } from '../../deciders/acls.ts';
import { everyone, principalText, resourceOf, resourcePath } from '../../deciders/resources.ts';

/** The parts of an entry as people write them, in the order in which Fluss looks at them. */
export const aclParts = ['permission', 'principal', 'operation', 'resource', 'host'] as const;
export type AclPart = (typeof aclParts)[number];

const isWord = (word: string, text: string): boolean => text.toUpperCase() === word;
const wordOf = <W extends string>(words: readonly W[], text: string): W | undefined => words.find((word) => isWord(word, text));

/** ANY matches everything; a host is any text. @returns undefined for a text that says nothing */
export function readAclPart(part: AclPart, text: string): AclFilter | undefined {
  if (isWord('ANY', text)) return {};
  switch (part) {
    case 'permission': {
      const effect = wordOf(aclEffects, text);
      return effect === undefined ? undefined : { effect };
    }
    case 'principal':
      return readPrincipal(text);
    case 'operation': {
      const operation: AclOperation | undefined = isWord('DELETE', text) ? 'DROP' : wordOf(aclOperations, text);
      return operation === undefined ? undefined : { operation };
    }
    case 'resource': {
      const resource = resourceOf(text);
      return resource === undefined ? undefined : { resource };
    }
    case 'host':
      return { host: text };
  }
}

/** `Type:Name` with exactly one colon, or `ALL`. */
function readPrincipal(text: string): AclFilter | undefined {
  if (isWord('ALL', text)) return { principal: everyone };
  const [type = '', name = '', ...rest] = text.split(':');
  return type === '' || name === '' || rest.length > 0 ? undefined : { principal: { name, type } };
}

/** @returns why what was read cannot be stored: it is too long, or holds control characters */
export function aclTextFault(read: AclFilter): string | undefined {
  const parsed = aclFilter.safeParse(read);
  return parsed.success ? undefined : parsed.error.issues.map(({ message }) => message).join('; ');
}

/** An entry as `list_acl` shows it: Fluss's own form, to the letter. */
export function aclText({ effect, host, operation, principal, resource }: Acl): string {
  const [path, who] = [resourcePath(resource), principalText(principal)];
  return `resource="${path}";permission="${effect}";principal="${who}";operation="${operation}";host="${host}"`;
}
