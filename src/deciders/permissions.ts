/** What a caller must be allowed for each act and each read: the one place that says so. docs/access.md is made of it. */
import type { AclOperation, AclResource } from '../../events/acls.ts';
import { grantRows } from '../../projections/acls.ts';
import type { State } from '../../projections/state.ts';
import type { Rejection } from '../rejection.ts';
import { matchesResource } from './acls.ts';
import { type Asker, clusterResource, denialOf, isAuthorizing, type Need } from './authorizer.ts';
import type { Command } from './commands.ts';

const onCluster = (operation: AclOperation) => (): readonly Need[] => [{ operation, resource: clusterResource }];
/** What only nodes do by themselves: their own acts are never asked for more, and nobody else may. */
const ownAct = onCluster('CLUSTER_ACTION');
const alter = onCluster('ALTER');
const create = onCluster('CREATE');
const drop = onCluster('DROP');
const write = onCluster('WRITE');

type Needs<N extends Command['name']> = (command: Extract<Command, { readonly name: N }>, state: State) => readonly Need[];

const needs: { readonly [N in Command['name']]: Needs<N> } = {
  alterClusterConfigs: alter,
  joinCoordinator: ownAct,
  loseCoordinator: ownAct,
  forgetCoordinator: alter,
  takeLeadership: ownAct,
  grantAcls: ({ acls }) => acls.map(({ resource }) => administering(resource)),
  revokeAcls: ({ filters }, state) =>
    grantRows(state.acls)
      .filter(({ resource }) => filters.some((filter) => matchesResource(filter, resource)))
      .map(({ resource }) => administering(resource)),
  createInstance: create,
  dropInstance: drop,
  renameInstance: alter,
  setInstanceStatus: alter,
  setInstanceEncryption: alter,
  setRamUser: alter,
  addObjectStore: alter,
  rotateObjectStoreKeys: alter,
  rotateKeys: alter,
  addStorageVault: alter,
  addBuiltInVault: alter,
  alterStorageVault: alter,
  dropStorageVault: alter,
  setDefaultVault: alter,
  unsetDefaultVault: alter,
  setServiceIdentity: alter,
  createStage: alter,
  dropStage: alter,
  addCluster: alter,
  dropCluster: alter,
  renameCluster: alter,
  replaceMysqlUsers: alter,
  setClusterEndpoint: alter,
  setClusterStatus: alter,
  alterVirtualCluster: alter,
  setClusterProperties: alter,
  addNodes: alter,
  dropNodes: alter,
  setNodeStatus: alter,
  beginTransaction: write,
  precommitTransaction: write,
  commitTransaction: write,
  abortTransaction: write,
  createTablets: write,
  prepareRowset: write,
  commitRowset: write,
  startTabletJob: write,
  finishTabletJob: write,
  fixTabletStats: write,
  fixTabletDatabase: write,
};

/** What a command needs; for the list itself ALL on the resource of each entry, as Fluss has it. */
export const needsOf = (command: Command, state: State): readonly Need[] => (needs[command.name] as Needs<Command['name']>)(command, state);

/** @returns why somebody may not have a command decided; undefined when they may */
export const denialOfCommand = (state: State, asker: Asker, command: Command): Rejection | undefined =>
  isAuthorizing(state) ? denialOf(state, asker, needsOf(command, state)) : undefined;

/** Whoever may do ALL to the database of a table may say who else may do what to the table. */
function administering(resource: AclResource): Need {
  const { name, type } = resource;
  return { operation: 'ALL', resource: type === 'TABLE' && name !== '*' ? { name: name.split('.')[0] ?? '', type: 'DATABASE' } : resource };
}

/** Reading what there is: tables, configs, history, the state of the cluster. */
export const describeCluster: Need = { operation: 'DESCRIBE', resource: clusterResource };
