/** Tablet servers, a database and tables: what tests of the catalog begin with. */
import { databaseCreated, tableCreated } from '../../events/catalog.ts';
import { serverRegistered } from '../../events/servers.ts';
import type { Command } from '../../src/deciders/commands.ts';

export const server = (serverId: number) =>
  serverRegistered({
    serverId,
    directoryId: `d${serverId}`,
    incarnation: `i${serverId}`,
    endpoint: `127.0.0.1:${9000 + serverId}`,
  });
export const shop = databaseCreated({ database: 'shop', properties: {} });
export const draw = { start: 0, shift: 0 };
export const id = { name: 'id', type: 'BIGINT', isNullable: false };
export const day = { name: 'day', type: 'STRING', isNullable: false };
export const note = { name: 'note', type: 'STRING', isNullable: true };
export const names = { database: 'shop', table: 'orders' } as const;
export type CreateTable = Extract<Command, { name: 'createTable' }>;
export const create: CreateTable = {
  name: 'createTable',
  ...names,
  ignoreIfExists: false,
  columns: [{ ...id, isNullable: true }, day, note],
  primaryKey: ['id'],
  partitionKeys: [],
  properties: {},
  draw,
};
export const data = {
  tableId: 0,
  ...names,
  columns: [id, day, note],
  primaryKey: ['id'],
  partitionKeys: [],
  bucketKeys: ['id'],
  bucketCount: 1,
  replicationFactor: 1,
  properties: {},
};
export const orders = tableCreated(data);
export const byDay = { ...data, primaryKey: ['id', 'day'], partitionKeys: ['day'] };
export const daily = tableCreated(byDay);
