import { z } from 'zod';
import { noLeader } from '../../events/buckets.ts';
import {
  capacityBytes,
  directoryId,
  endpoint,
  incarnation,
  rack,
  type ServerEvent,
  serverForgotten,
  serverId,
  serverLimits,
  serverLost,
  serverRegistered,
  serverReturned,
  serverStopping,
} from '../../events/servers.ts';
import { bucketsOn, holdingsOf, replicaCount } from '../../projections/buckets.ts';
import { type ServerRow, serverOf } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';

/**
 * A tablet server says that it is there. One that starts again on its own directory takes its place at once; one with another directory
 * must not be taken for it, because what it was trusted to hold is not there.
 * @returns `ServerRegistered` unless the log already says all of it; or SERVER_ID_TAKEN (a live one has another directory),
 *   SERVER_DATA_NEEDED (the directory it had holds copies that nobody else has), TOO_MANY_SERVERS
 */
export const registerServer = defineCommand({
  name: 'registerServer',
  about: 'A tablet server says that it is there.',
  input: z.strictObject({
    serverId,
    directoryId,
    incarnation,
    endpoint,
    rack: rack.exactOptional(),
    capacityBytes: capacityBytes.exactOptional(),
  }),
  decide: (state, command): Decision<ServerEvent> => {
    const row = serverOf(state.servers, command.serverId);
    if (row === undefined && state.servers.byId.size >= serverLimits.servers)
      return reject('TOO_MANY_SERVERS', 'serverId', `there are ${serverLimits.servers} tablet servers already`);
    if (row !== undefined && row.directoryId !== command.directoryId) {
      const fault = replacementFault(state, row);
      if (fault !== undefined) return refused(fault);
    }
    const isKnown =
      row?.status === 'LIVE' &&
      row.directoryId === command.directoryId &&
      row.incarnation === command.incarnation &&
      row.endpoint === command.endpoint &&
      row.rack === command.rack &&
      row.capacityBytes === command.capacityBytes;
    if (isKnown) return accept();
    const isReplaced = row !== undefined && row.directoryId !== command.directoryId;
    return accept(serverRegistered({ ...command, ...(isReplaced ? { replaces: row.directoryId } : {}) }));
  },
});

/** Why a server's directory may not be replaced by an empty one. */
function replacementFault(state: State, row: ServerRow): Rejection | undefined {
  const { serverId: id } = row;
  const holdings = holdingsOf(state.buckets, id);
  if (row.status !== 'LOST' || (holdings !== undefined && holdings.leading.size + holdings.following.size > 0)) {
    const detail = `tablet server ${id} is there already, at ${row.endpoint}, with another data directory`;
    return rejection('SERVER_ID_TAKEN', 'serverId', detail);
  }
  let needed = 0;
  for (const bucket of bucketsOn(state.buckets, id)) if (bucket.leader === noLeader && bucket.isr.includes(id)) needed += 1;
  if (needed === 0) return undefined;
  const detail = `the data directory that tablet server ${id} had holds in-sync copies of ${needed} buckets that nobody leads`;
  return rejection('SERVER_DATA_NEEDED', 'directoryId', detail, { buckets: needed });
}

const ofProcess = { serverId, incarnation };

/**
 * A tablet server is gone: it said so, or nobody heard of it.
 * @returns `ServerLost`; nothing when it is lost already or another process has taken its place; or UNKNOWN_SERVER
 */
export const loseServer = defineCommand({
  name: 'loseServer',
  about: 'Record that a tablet server stopped or was not heard of.',
  input: z.strictObject({ ...ofProcess, because: z.enum(['LEASE_EXPIRED', 'STOPPED']) }),
  decide: (state, { because, ...command }): Decision<ServerEvent> => {
    const row = serverOf(state.servers, command.serverId);
    if (row === undefined) return refused(unknownServer(command.serverId));
    if (row.status === 'LOST' || row.incarnation !== command.incarnation) return accept();
    return accept(serverLost({ serverId: command.serverId, because }));
  },
});

/** A tablet server that was taken for lost is heard of. @returns `ServerReturned`; nothing when it is not lost, or is another process */
export const returnServer = defineCommand({
  name: 'returnServer',
  about: 'Record that a lost tablet server was heard of again.',
  input: z.strictObject(ofProcess),
  decide: (state, command): Decision<ServerEvent> => {
    const row = serverOf(state.servers, command.serverId);
    if (row === undefined) return refused(unknownServer(command.serverId));
    if (row.status !== 'LOST' || row.incarnation !== command.incarnation) return accept();
    return accept(serverReturned({ serverId: command.serverId }));
  },
});

/** A tablet server is about to stop. @returns `ServerStopping`; nothing when it is not live; or UNKNOWN_SERVER, STALE_SERVER */
export const stopServer = defineCommand({
  name: 'stopServer',
  about: 'Begin the shutdown of a tablet server: hand what it leads to others.',
  input: z.strictObject(ofProcess),
  decide: (state, command): Decision<ServerEvent> => {
    const row = serverOf(state.servers, command.serverId);
    if (row === undefined) return refused(unknownServer(command.serverId));
    if (row.incarnation !== command.incarnation) return refused(staleServer(row));
    return row.status === 'LIVE' ? accept(serverStopping({ serverId: command.serverId })) : accept();
  },
});

/** Take a lost server off the list. @returns `ServerForgotten`; or UNKNOWN_SERVER, SERVER_IS_LIVE, SERVER_HOLDS_BUCKETS */
export const forgetServer = defineCommand({
  name: 'forgetServer',
  about: 'Take a lost tablet server that holds nothing off the list.',
  input: z.strictObject({ serverId }),
  decide: (state, command): Decision<ServerEvent> => {
    const row = serverOf(state.servers, command.serverId);
    if (row === undefined) return refused(unknownServer(command.serverId));
    if (row.status !== 'LOST') return reject('SERVER_IS_LIVE', 'serverId', `tablet server ${row.serverId} is ${row.status}`);
    const held = replicaCount(state.buckets, row.serverId);
    if (held > 0) return reject('SERVER_HOLDS_BUCKETS', 'serverId', `tablet server ${row.serverId} holds ${held} replicas`);
    return accept(serverForgotten({ serverId: row.serverId }));
  },
});

export const unknownServer = (id: number): Rejection => rejection('UNKNOWN_SERVER', 'serverId', `tablet server ${id} is not known`);
export const staleServer = ({ serverId: id }: Pick<ServerRow, 'serverId'>): Rejection =>
  rejection('STALE_SERVER', 'incarnation', `tablet server ${id} was started again since, or is taken for lost`);
