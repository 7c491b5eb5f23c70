import { z } from 'zod';
import { defineEvent, type EventOf } from './kit.ts';
import { serverId } from './servers.ts';

export const serverTags = ['PERMANENT_OFFLINE', 'TEMPORARY_OFFLINE'] as const;
export type ServerTag = (typeof serverTags)[number];

const data = z.strictObject({
  serverIds: z.array(serverId).min(1).max(1000).describe('Which servers, ascending, each once.'),
  tag: z.enum(serverTags).describe('Which one.'),
});
const subjects = ({ serverIds }: { readonly serverIds: readonly number[] }): readonly string[] => serverIds.map((id) => `server/${id}`);

/** Raised by `addServerTag`; folded by `projections/serverTags.ts`. A server has at most one tag. */
export const serverTagAdded = defineEvent('ServerTagAdded', {
  about: 'Tablet servers were tagged: the next rebalance empties them.',
  version: 1,
  data,
  subjects,
});

/** Raised by `removeServerTag`; folded by `projections/serverTags.ts`. */
export const serverTagRemoved = defineEvent('ServerTagRemoved', {
  about: 'A tag was taken off tablet servers: they may hold buckets again.',
  version: 1,
  data,
  subjects,
});

export type ServerTagEvent = EventOf<typeof serverTagAdded> | EventOf<typeof serverTagRemoved>;
