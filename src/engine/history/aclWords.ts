import type { Acl, AclEvent } from '../../../events/acls.ts';
import { principalText, resourceText } from '../../deciders/resources.ts';
import { shown, type Words, wordsLimits } from './shown.ts';

export const aclWords: Words<AclEvent['type']> = {
  AclGranted: ({ acls }) => told('+', acls),
  AclRevoked: ({ acls }) => told('-', acls),
};

/** `+ acl DENY WRITE shop.orders User:etl *` */
function told(sign: string, acls: readonly Acl[]): string {
  const lines = acls
    .slice(0, wordsLimits.changes)
    .map(
      ({ effect, host, operation, principal, resource }) =>
        `${sign} acl ${effect} ${operation} ${shown(resourceText(resource))} ${shown(principalText(principal))} ${shown(host)}`,
    );
  const rest = acls.length - lines.length;
  return [...lines, ...(rest > 0 ? [`${rest} more ${rest === 1 ? 'entry' : 'entries'}`] : [])].join(' · ');
}
