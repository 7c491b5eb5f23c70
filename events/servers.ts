import { z } from 'zod';
import { defineEvent, type EventOf, int64 } from './kit.ts';

/** How many tablet servers a cluster may have: plans and placements look at all of them. */
export const serverLimits = { servers: 10_000 } as const;

export const serverId = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .describe('Names the tablet server, an integer from 0.');
/** Made by a tablet server for itself: what it is, or when it began, told apart from others of the same id. */
const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and -, at most 64');
export const directoryId = token.describe('Made once for a data directory: two servers with one id are told apart by it.');
export const incarnation = token.describe('Made once for each start of the process.');
const host = String.raw`(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])`;
const port = String.raw`(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])`;
export const endpoint = z
  .string()
  .max(280, 'at most 280 characters')
  .regex(new RegExp(`^${host}:${port}$`), 'host:port, the port from 1 to 65535')
  .describe('Where its data listener is reached, host:port.');
export const rack = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,128}$/u, '1 to 128 characters, no control characters')
  .describe('The rack that it stands in; absent when it does not say.');
export const capacityBytes = int64.min(0).describe('How many bytes it has room for; absent when it does not say.');
const subjects = (data: { readonly serverId: number }): readonly string[] => [`server/${data.serverId}`];

/**
 * Raised by `registerServer`; folded by `projections/servers.ts`, and by `projections/buckets.ts` when a directory takes another one's
 * place. Also when a known server starts again or says something else.
 */
export const serverRegistered = defineEvent('ServerRegistered', {
  about: 'A tablet server registered, started again, or moved.',
  version: 1,
  data: z.strictObject({
    serverId,
    directoryId,
    incarnation,
    endpoint,
    rack: rack.exactOptional(),
    capacityBytes: capacityBytes.exactOptional(),
    replaces: directoryId
      .exactOptional()
      .describe('The data directory that it had before, when this is another one: its copies are not there.'),
  }),
  subjects,
});

/** Raised by `loseServer`; folded by `projections/servers.ts`. */
export const serverLost = defineEvent('ServerLost', {
  about: 'A tablet server stopped, or was not heard of for as long as its lease.',
  version: 1,
  data: z.strictObject({
    serverId,
    because: z.enum(['LEASE_EXPIRED', 'STOPPED']).describe('LEASE_EXPIRED: nobody heard of it. STOPPED: it said so.'),
  }),
  subjects,
});

/** Raised by `returnServer`; folded by `projections/servers.ts`. */
export const serverReturned = defineEvent('ServerReturned', {
  about: 'A tablet server that was taken for lost was heard of again, still the same process.',
  version: 1,
  data: z.strictObject({ serverId }),
  subjects,
});

/** Raised by `stopServer`; folded by `projections/servers.ts`. */
export const serverStopping = defineEvent('ServerStopping', {
  about: 'A tablet server is about to stop: the buckets that it leads are handed to others first.',
  version: 1,
  data: z.strictObject({ serverId }),
  subjects,
});

/** Raised by `forgetServer`; folded by `projections/servers.ts`. */
export const serverForgotten = defineEvent('ServerForgotten', {
  about: 'A lost tablet server that holds nothing was taken off the list.',
  version: 1,
  data: z.strictObject({ serverId }),
  subjects,
});

export type ServerEvent =
  | EventOf<typeof serverRegistered>
  | EventOf<typeof serverLost>
  | EventOf<typeof serverReturned>
  | EventOf<typeof serverStopping>
  | EventOf<typeof serverForgotten>;
