import type { ServerEvent } from '../../../events/servers.ts';
import type { ServerTagEvent } from '../../../events/serverTags.ts';
import { shown, type Words } from './shown.ts';

/** `tablet server 3`, `tablet servers 1, 2, 3`; of many the first. */
export function serversInWords(ids: readonly number[], noun = 'tablet server'): string {
  const [told, rest] = [ids.slice(0, 10), ids.length - 10];
  return `${noun}${ids.length === 1 ? '' : 's'} ${told.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

export const serverWords: Pick<Words, (ServerEvent | ServerTagEvent)['type']> = {
  ServerRegistered: ({ endpoint, rack, serverId }) =>
    `tablet server ${serverId} registered at ${shown(endpoint)}${rack === undefined ? '' : `, rack ${shown(rack)}`}`,
  ServerLost: ({ because, serverId }) =>
    because === 'STOPPED' ? `tablet server ${serverId} stopped` : `tablet server ${serverId} was lost: it was not heard of in time`,
  ServerReturned: ({ serverId }) => `tablet server ${serverId} returned`,
  ServerStopping: ({ serverId }) => `tablet server ${serverId} is about to stop, its leaders go elsewhere`,
  ServerForgotten: ({ serverId }) => `tablet server ${serverId} was taken off the list`,
  ServerTagAdded: ({ serverIds, tag }) => `${serversInWords(serverIds)} tagged ${tag}`,
  ServerTagRemoved: ({ serverIds, tag }) => `tag ${tag} taken off ${serversInWords(serverIds)}`,
};
