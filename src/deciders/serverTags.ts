import { z } from 'zod';
import { serverId } from '../../events/servers.ts';
import { type ServerTagEvent, serverTagAdded, serverTagRemoved, serverTags } from '../../events/serverTags.ts';
import { serverOf } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import { accept, type Decision, reject } from '../rejection.ts';
import { defineCommand } from './kit.ts';

const serverIds = z.array(serverId).min(1).max(1000, 'at most 1000 servers in one call');
const ascending = (ids: Iterable<number>): number[] => [...new Set(ids)].sort((a, b) => a - b);

/**
 * Tag tablet servers, all of them or none; in the order given the first that cannot be tagged decides. A server that has this very tag is
 * no error.
 * @returns at most one `ServerTagAdded`; or, in Fluss's words, UNKNOWN_SERVER (not there now), SERVER_TAG_EXISTS (it has the other tag)
 */
export const addServerTag = defineCommand({
  name: 'addServerTag',
  about: 'Tag tablet servers, so that the next rebalance empties them.',
  input: z.strictObject({ serverIds, tag: z.enum(serverTags) }),
  decide: (state, { serverIds: ids, tag }): Decision<ServerTagEvent> => {
    for (const [i, id] of ids.entries()) {
      const present = serverTagOf(state.serverTags, id)?.tag;
      const status = serverOf(state.servers, id)?.status ?? 'LOST';
      if (status === 'LOST') return reject('UNKNOWN_SERVER', `serverIds[${i}]`, `Server ${id} not exists when trying to add server tag.`);
      if (present === undefined || present === tag) continue;
      const detail = `Server tag ${present} already exists for server ${id}. However you want to set it to ${tag}, please remove`;
      return reject('SERVER_TAG_EXISTS', `serverIds[${i}]`, `${detail} the server tag first.`);
    }
    const added = ascending(ids).filter((id) => serverTagOf(state.serverTags, id) === undefined);
    return added.length === 0 ? accept() : accept(serverTagAdded({ serverIds: added, tag }));
  },
});

/**
 * Take a tag off tablet servers, all of them or none; without a tag whichever they have. Servers that nobody knows, or that have no tag,
 * are passed over.
 * @returns one `ServerTagRemoved` for each tag taken off; or, in Fluss's words, SERVER_TAG_MISMATCH (one has the other tag)
 */
export const removeServerTag = defineCommand({
  name: 'removeServerTag',
  about: 'Take a tag off tablet servers.',
  input: z.strictObject({ serverIds, tag: z.enum(serverTags).exactOptional() }),
  decide: (state, { serverIds: ids, tag }): Decision<ServerTagEvent> => {
    for (const [i, id] of ids.entries()) {
      const present = serverTagOf(state.serverTags, id)?.tag;
      if (present === undefined || tag === undefined || present === tag) continue;
      const detail = `Server tag ${tag} not exists for server ${id}, the current server tag of this server is ${present}.`;
      return reject('SERVER_TAG_MISMATCH', `serverIds[${i}]`, detail);
    }
    const removals = serverTags.flatMap((each) => {
      const tagged = ascending(ids).filter((id) => serverTagOf(state.serverTags, id)?.tag === each);
      return tagged.length === 0 ? [] : [serverTagRemoved({ serverIds: tagged, tag: each })];
    });
    return accept(...removals);
  },
});
