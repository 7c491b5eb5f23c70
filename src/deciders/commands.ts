/** Every command there is. A family adds its definitions here and nowhere else. */
import type { z } from 'zod';
import type { ChanceryEvent } from '../../events/index.ts';
import { quickCheck } from '../../events/quickCheck.ts';
import type { State } from '../../projections/state.ts';
import { type Decision, refused } from '../rejection.ts';
import { grantAcls, revokeAcls } from './acls.ts';
import { adjustIsr, electLeaders } from './buckets.ts';
import {
  alterDatabase,
  alterTable,
  createDatabase,
  createPartition,
  createTable,
  dropDatabase,
  dropPartition,
  dropTable,
} from './catalog.ts';
import {
  addCluster,
  alterVirtualCluster,
  dropCluster,
  renameCluster,
  replaceMysqlUsers,
  setClusterEndpoint,
  setClusterProperties,
  setClusterStatus,
} from './clusters.ts';
import { addNodes, dropNodes, setNodeStatus } from './computeNodes.ts';
import { alterClusterConfigs } from './configs.ts';
import { forgetCoordinator, joinCoordinator, loseCoordinator } from './coordinators.ts';
import { createDataKey, rewrapDataKeys, shredDataKey, shreddedKeyIn } from './dataKeys.ts';
import { createInstance, dropInstance, renameInstance, setInstanceEncryption, setInstanceStatus, setRamUser } from './instances.ts';
import type { CommandDefinition, Context } from './kit.ts';
import { takeLeadership } from './leadership.ts';
import { addRebalanceMoves, advanceRebalance, cancelRebalance, failRebalance, planRebalance, timeOutMove } from './rebalance.ts';
import { forgetServer, loseServer, registerServer, returnServer, stopServer } from './servers.ts';
import { addServerTag, removeServerTag } from './serverTags.ts';
import {
  addBuiltInVault,
  addObjectStore,
  addStorageVault,
  alterStorageVault,
  dropStorageVault,
  rotateKeys,
  rotateObjectStoreKeys,
  setDefaultVault,
  setServiceIdentity,
  unsetDefaultVault,
} from './storage.ts';
import { createStage, dropStage } from './storageStages.ts';
import { finishTabletJob, startTabletJob } from './tabletJobs.ts';
import { commitRowset, createTablets, fixTabletDatabase, fixTabletStats, prepareRowset } from './tablets.ts';
import {
  adoptLakeTables,
  finishTableTiering,
  queueDueTables,
  reportTieringFail,
  tieringHeartbeat,
  timeOutTieringRounds,
} from './tiering.ts';
import { expireToken, issueToken, revokeToken } from './tokens.ts';
import { abortTransaction, beginTransaction, commitTransaction, precommitTransaction } from './transactions.ts';

const ofChancery = {
  alterClusterConfigs,
  joinCoordinator,
  loseCoordinator,
  forgetCoordinator,
  takeLeadership,
  grantAcls,
  revokeAcls,
  createDataKey,
  rewrapDataKeys,
  shredDataKey,
  issueToken,
  revokeToken,
  expireToken,
  registerServer,
  loseServer,
  returnServer,
  stopServer,
  forgetServer,
  addServerTag,
  removeServerTag,
  createDatabase,
  alterDatabase,
  dropDatabase,
  createTable,
  alterTable,
  dropTable,
  createPartition,
  dropPartition,
  adjustIsr,
  electLeaders,
  planRebalance,
  addRebalanceMoves,
  advanceRebalance,
  timeOutMove,
  cancelRebalance,
  failRebalance,
  tieringHeartbeat,
  reportTieringFail,
  finishTableTiering,
  queueDueTables,
  timeOutTieringRounds,
  adoptLakeTables,
} as const;
/** The acts of the Meta Service: other surfaces offer them under these names. */
const ofMetaService = {
  createInstance,
  dropInstance,
  renameInstance,
  setInstanceStatus,
  setInstanceEncryption,
  setRamUser,
  addObjectStore,
  rotateObjectStoreKeys,
  rotateKeys,
  addStorageVault,
  addBuiltInVault,
  alterStorageVault,
  dropStorageVault,
  setDefaultVault,
  unsetDefaultVault,
  setServiceIdentity,
  createStage,
  dropStage,
  addCluster,
  dropCluster,
  renameCluster,
  replaceMysqlUsers,
  setClusterEndpoint,
  setClusterStatus,
  alterVirtualCluster,
  setClusterProperties,
  addNodes,
  dropNodes,
  setNodeStatus,
  beginTransaction,
  precommitTransaction,
  commitTransaction,
  abortTransaction,
  createTablets,
  prepareRowset,
  commitRowset,
  startTabletJob,
  finishTabletJob,
  fixTabletStats,
  fixTabletDatabase,
} as const;
const definitions = { ...ofChancery, ...ofMetaService } as const;
export const metaServiceCommands: readonly Pick<CommandDefinition<string, object>, 'name' | 'about' | 'input'>[] =
  Object.values(ofMetaService);

/** All of them, in no order that means anything. */
export const allCommands: readonly Pick<CommandDefinition<Command['name'], object>, 'name' | 'about' | 'input'>[] =
  Object.values(definitions);

type Definitions = typeof definitions;
/** A request to change something: its name and, beside it, its fields. */
export type Command = { [N in keyof Definitions]: { readonly name: N } & z.infer<Definitions[N]['input']> }[keyof Definitions];

/** Most requests are good ones: a quick check takes a fraction of the time. */
const surelyFits = new Map(Object.entries(definitions).map(([name, { input }]) => [name, quickCheck(input)]));

/** Checks a command that came over a wire. @returns the command, or what is wrong with it in zod's words. */
export function parseCommand(value: unknown): { readonly command: Command } | { readonly error: z.ZodError | string } {
  const { name, ...input } = (typeof value === 'object' && value !== null ? value : {}) as { name?: unknown };
  if (typeof name !== 'string' || !Object.hasOwn(definitions, name)) return { error: `there is no command '${String(name)}'` };
  if (surelyFits.get(name)?.(input) === true) return { command: { name, ...input } as Command };
  const parsed = definitions[name as Command['name']].input.safeParse(input);
  return parsed.success ? { command: { name, ...parsed.data } as Command } : { error: parsed.error };
}

/** What a command does to a state: pure, and the state stays as it is. */
export function decide(state: State, { name, ...input }: Command, context: Context): Decision<ChanceryEvent> {
  const shredded = shreddedKeyIn(state.dataKeys, input);
  if (shredded !== undefined) return refused(shredded);
  const definition = definitions[name] as unknown as CommandDefinition<string, unknown>;
  return definition.decide(state, input, context);
}
