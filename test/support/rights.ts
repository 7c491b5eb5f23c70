/** What each act asks of its caller, written down once more from the contract: `permissions.ts` is held against it. */
import type { AclOperation } from '../../events/acls.ts';
import { allCommands, type Command } from '../../src/deciders/commands.ts';
import { sampleOf } from './samples.ts';

/** Acts of the cluster itself, and of tablet servers about themselves. */
const own = [
  'joinCoordinator',
  'loseCoordinator',
  'takeLeadership',
  'expireToken',
  'registerServer',
  'loseServer',
  'returnServer',
  'stopServer',
  'adjustIsr',
  'electLeaders',
  'advanceRebalance',
  'timeOutMove',
  'failRebalance',
  'queueDueTables',
  'timeOutTieringRounds',
  'adoptLakeTables',
];
const creating = ['createInstance', 'createDatabase'];
const dropping = ['dropInstance'];
const writing = [
  'beginTransaction',
  'precommitTransaction',
  'commitTransaction',
  'abortTransaction',
  'createTablets',
  'prepareRowset',
  'commitRowset',
  'startTabletJob',
  'finishTabletJob',
  'fixTabletStats',
  'fixTabletDatabase',
  'planRebalance',
  'addRebalanceMoves',
  'cancelRebalance',
  'tieringHeartbeat',
  'reportTieringFail',
  'finishTableTiering',
];
/** Looked up in the state or in the command, so that they have tests of their own. */
const others = ['grantAcls', 'revokeAcls', 'revokeToken'];
/** Asked of a database or a table, not of the cluster. */
const ofCatalog = ['alterDatabase', 'dropDatabase', 'createTable', 'alterTable', 'dropTable', 'createPartition', 'dropPartition'];

/** @returns the operation on the cluster that an act needs; undefined where it is more than that */
export function operationFor(name: string): AclOperation | undefined {
  if (others.includes(name) || ofCatalog.includes(name)) return undefined;
  if (own.includes(name)) return 'CLUSTER_ACTION';
  if (creating.includes(name)) return 'CREATE';
  if (dropping.includes(name)) return 'DROP';
  return writing.includes(name) ? 'WRITE' : 'ALTER';
}

/** One command of each name, with nothing in it that need not be. */
export const sampleCommands: readonly Command[] = allCommands.map(
  ({ input, name }) => ({ name, ...(sampleOf(input) as object) }) as Command,
);
