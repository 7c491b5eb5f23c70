/** What a request's address asks for. */
export type Target =
  /** `path` is what stands behind `/http/`, empty segments taken out; `route` is undefined when there cannot be one. */
  | { readonly kind: 'admin'; readonly path: string; readonly route: string | undefined }
  | { readonly kind: 'method'; readonly path: string; readonly name: string }
  | { readonly kind: 'clusterInfo' }
  | { readonly kind: 'nowhere'; readonly path: string };

const services: ReadonlySet<unknown> = new Set(['MetaService', 'doris.cloud.MetaService']);
const clusterInfoPath = 'rest/v2/manager/cluster/cluster_info/cloud_cluster_status';

/** @param url as it stands in the request line. Of version prefixes only `v1/` is known. */
export function targetOf(url: string): Target {
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const segments = path.split('/').filter((segment) => segment !== '');
  if (!services.has(segments[0])) return segments.join('/') === clusterInfoPath ? { kind: 'clusterInfo' } : { kind: 'nowhere', path };
  if (segments[1] === 'http') {
    const behind = segments.slice(2);
    const route = behind[0] === 'v1' ? behind.slice(1) : behind;
    return { kind: 'admin', path: behind.join('/'), route: route.length === 1 ? route[0] : undefined };
  }
  return segments.length === 2 ? { kind: 'method', path, name: segments[1] ?? '' } : { kind: 'nowhere', path };
}

/** The query of an address. A plus stands for itself: only percent escapes are decoded. */
export function queryOf(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question < 0 ? '' : url.slice(question + 1).replaceAll('+', '%2B'));
}
