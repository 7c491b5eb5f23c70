import type { AclPrincipal, AclResource } from '../../events/acls.ts';

/** `User:alice` taken apart at the first colon; a name without one is of the type `User`. */
export function principalOf(text: string): AclPrincipal {
  const colon = text.indexOf(':');
  return colon === -1 ? { name: text, type: 'User' } : { name: text.slice(colon + 1), type: text.slice(0, colon) };
}
export const principalText = ({ name, type }: AclPrincipal): string => `${type}:${name}`;

/** Whom entries for everyone name. */
export const everyone: AclPrincipal = { name: '*', type: '*' };
/** There is one. */
export const clusterResource: AclResource = { name: 'fluss-cluster', type: 'CLUSTER' };

/** The database that a table is in; nothing for the `*` that stands for all tables. */
export const databaseOf = (table: string): string | undefined => (table.includes('.') ? table.slice(0, table.indexOf('.')) : undefined);

export const databaseResource = (database: string): AclResource => ({ name: database, type: 'DATABASE' });
export const tableResource = ({ database, table }: { readonly database: string; readonly table: string }): AclResource => ({
  name: `${database}.${table}`,
  type: 'TABLE',
});

/** `cluster`, `cluster.shop`, `cluster.shop.orders`, `cluster.*` (every database), `cluster.*.*` (every table): as Fluss writes them. */
export function resourcePath({ name, type }: AclResource): string {
  if (type === 'CLUSTER') return 'cluster';
  return `cluster.${type === 'TABLE' && name === '*' ? '*.*' : name}`;
}
/** The same in short: `shop.orders`; the first word stays where a database is called `cluster` or `any`, in whatever case. */
export function resourceText(resource: AclResource): string {
  const path = resourcePath(resource);
  return /^cluster\.(?!cluster(?:\.|$)|any$)/i.test(path) ? path.slice('cluster.'.length) : path;
}

/** Reads both; the first word in any case. @returns undefined for a text that names nothing */
export function resourceOf(text: string): AclResource | undefined {
  const [first = '', ...rest] = text.split('.');
  const names = /^cluster$/i.test(first) ? rest : [first, ...rest];
  const [database, table] = names;
  if (names.length > 2 || names.includes('')) return undefined;
  if (database === undefined) return clusterResource;
  if (table === undefined) return { name: database, type: 'DATABASE' };
  return { name: database === '*' && table === '*' ? '*' : `${database}.${table}`, type: 'TABLE' };
}
