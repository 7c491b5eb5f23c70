import type { AclPrincipal, AclResource } from '../../events/acls.ts';

/** `User:alice` taken apart at the first colon; a name without one is of the type `User`. */
export function principalOf(text: string): AclPrincipal {
  const colon = text.indexOf(':');
  return colon === -1 ? { name: text, type: 'User' } : { name: text.slice(colon + 1), type: text.slice(0, colon) };
}
export const principalText = ({ name, type }: AclPrincipal): string => `${type}:${name}`;

/** `cluster`, `shop`, `shop.orders`; a database of the name `cluster` is `cluster.cluster`, and so is what lies in it. */
export function resourceText({ name, type }: AclResource): string {
  if (type === 'CLUSTER') return 'cluster';
  return name === 'cluster' || name.startsWith('cluster.') ? `cluster.${name}` : name;
}
