/** Every RPC and every admin route there is. A family adds its two lines here and nowhere else. */
import { clusterMethods, clusterRoutes } from './clusters.ts';
import { failed } from './codes.ts';
import { configRoutes } from './configs.ts';
import { type InjectionPoints, injectionRoutes } from './injectionPoints.ts';
import { instanceMethods, instanceRoutes } from './instances.ts';
import { keyRoutes } from './keyTools.ts';
import { keyValues } from './keyValues.ts';
import { type AdminRoutes, envelope, type Methods } from './method.ts';
import { type RateLimits, rateLimitRoutes } from './rateLimits.ts';
import { storageMethods, storageRoutes } from './storage.ts';
import { tabletMethods, tabletRoutes } from './tablets.ts';
import { transactionMethods, transactionRoutes } from './transactions.ts';

export const allMethods: Methods = { ...instanceMethods, ...storageMethods, ...clusterMethods, ...transactionMethods, ...tabletMethods };

export interface RouteParts {
  readonly injectionPoints: InjectionPoints;
  readonly rateLimits: RateLimits;
  readonly port: number;
}

/** The snapshot family of the newest upstream is not among them: its routes are unknown here. */
export const allRoutes = ({ injectionPoints, port, rateLimits }: RouteParts): AdminRoutes => ({
  ...instanceRoutes,
  ...storageRoutes,
  ...clusterRoutes,
  ...transactionRoutes,
  ...tabletRoutes,
  ...keyRoutes(keyValues),
  ...injectionRoutes(injectionPoints),
  ...rateLimitRoutes(rateLimits),
  // The token is not shown: whoever has it knows it, and answers are logged in many places.
  ...configRoutes({ http_token: '******', brpc_listen_port: String(port) }),
  show_meta_ranges: {
    kind: 'query',
    // What upstream answers when its records are not in its own store.
    call: () => Promise.resolve(envelope(failed('INVALID_ARGUMENT', 'this method only support fdb txn kv'))),
  },
});
