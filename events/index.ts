/** Every event type there is. A family adds its definitions here and nowhere else. */
import { type AclEvent, aclGranted, aclRevoked } from './acls.ts';
import { type BucketEvent, bucketsAssigned, isrChanged, leadersElected } from './buckets.ts';
import {
  type CatalogEvent,
  databaseAltered,
  databaseCreated,
  databaseDropped,
  partitionCreated,
  partitionDropped,
  tableAltered,
  tableCreated,
  tableDropped,
} from './catalog.ts';
import {
  type ClusterEvent,
  clusterAdded,
  clusterDropped,
  clusterEndpointChanged,
  clusterPropertiesChanged,
  clusterRenamed,
  clusterStatusChanged,
  mysqlUsersReplaced,
  virtualClusterAltered,
} from './clusters.ts';
import { type ComputeNodeEvent, nodeStatusChanged, nodesAdded, nodesDropped } from './computeNodes.ts';
import { type ConfigEvent, clusterConfigsChanged } from './configs.ts';
import { type CoordinatorEvent, coordinatorForgotten, coordinatorJoined, coordinatorLost } from './coordinators.ts';
import { type DataKeyEvent, dataKeyCreated, dataKeyShredded, dataKeysRewrapped } from './dataKeys.ts';
import {
  type InstanceEvent,
  instanceCreated,
  instanceDropped,
  instanceEncryptionChanged,
  instanceRenamed,
  instanceStatusChanged,
  ramUserChanged,
} from './instances.ts';
import type { EventDefinition } from './kit.ts';
import { type LeadershipEvent, leadershipTaken, logCreated } from './leadership.ts';
import {
  leaderHandedOver,
  moveCanceled,
  moveFailed,
  moveFinished,
  moveStarted,
  movesPlanned,
  type RebalanceEvent,
  rebalanceCanceled,
  rebalanceCompleted,
  rebalanceFailed,
  rebalancePlanned,
  rebalanceStarted,
  replicasAdded,
  replicasDropped,
  replicasInSync,
} from './rebalance.ts';
import { type ServerEvent, serverForgotten, serverLost, serverRegistered, serverReturned, serverStopping } from './servers.ts';
import { type ServerTagEvent, serverTagAdded, serverTagRemoved } from './serverTags.ts';
import {
  defaultVaultChanged,
  keysRotated,
  objectStoreAdded,
  objectStoreRoleChanged,
  type StorageEvent,
  serviceIdentityChanged,
  stageCreated,
  stageDropped,
  storageVaultAdded,
  storageVaultAltered,
  storageVaultDropped,
} from './storage.ts';
import {
  compactionAborted,
  compactionCommitted,
  compactionExtended,
  compactionStarted,
  rowsetCommitted,
  type TabletEvent,
  tabletDatabaseCorrected,
  tabletStatsRecounted,
  tabletsCreated,
} from './tablets.ts';
import {
  freshnessChanged,
  lakeTableAdded,
  lakeTableRemoved,
  type TieringEvent,
  tieringDue,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from './tiering.ts';
import { type TokenEvent, tokenExpired, tokenIssued, tokenRevoked } from './tokens.ts';
import {
  type TransactionEvent,
  transactionAborted,
  transactionBegun,
  transactionCommitted,
  transactionPrecommitted,
} from './transactions.ts';

export type ChanceryEvent =
  | LeadershipEvent
  | CoordinatorEvent
  | ConfigEvent
  | InstanceEvent
  | StorageEvent
  | ClusterEvent
  | ComputeNodeEvent
  | TransactionEvent
  | TabletEvent
  | AclEvent
  | DataKeyEvent
  | TokenEvent
  | ServerEvent
  | ServerTagEvent
  | CatalogEvent
  | BucketEvent
  | RebalanceEvent
  | TieringEvent;

const definitions = [
  logCreated,
  leadershipTaken,
  coordinatorJoined,
  coordinatorLost,
  coordinatorForgotten,
  clusterConfigsChanged,
  instanceCreated,
  instanceDropped,
  instanceRenamed,
  instanceStatusChanged,
  instanceEncryptionChanged,
  ramUserChanged,
  objectStoreAdded,
  keysRotated,
  objectStoreRoleChanged,
  storageVaultAdded,
  storageVaultAltered,
  storageVaultDropped,
  defaultVaultChanged,
  serviceIdentityChanged,
  stageCreated,
  stageDropped,
  clusterAdded,
  clusterDropped,
  clusterRenamed,
  mysqlUsersReplaced,
  clusterEndpointChanged,
  clusterStatusChanged,
  virtualClusterAltered,
  clusterPropertiesChanged,
  nodesAdded,
  nodesDropped,
  nodeStatusChanged,
  transactionBegun,
  transactionPrecommitted,
  transactionCommitted,
  transactionAborted,
  tabletsCreated,
  rowsetCommitted,
  compactionStarted,
  compactionExtended,
  compactionAborted,
  compactionCommitted,
  tabletStatsRecounted,
  tabletDatabaseCorrected,
  aclGranted,
  aclRevoked,
  dataKeyCreated,
  dataKeysRewrapped,
  dataKeyShredded,
  tokenIssued,
  tokenRevoked,
  tokenExpired,
  serverRegistered,
  serverLost,
  serverReturned,
  serverStopping,
  serverForgotten,
  serverTagAdded,
  serverTagRemoved,
  databaseCreated,
  databaseAltered,
  databaseDropped,
  tableCreated,
  tableAltered,
  tableDropped,
  partitionCreated,
  partitionDropped,
  bucketsAssigned,
  leadersElected,
  isrChanged,
  rebalancePlanned,
  movesPlanned,
  rebalanceStarted,
  moveStarted,
  replicasAdded,
  replicasInSync,
  leaderHandedOver,
  replicasDropped,
  moveFinished,
  moveFailed,
  moveCanceled,
  rebalanceCompleted,
  rebalanceCanceled,
  rebalanceFailed,
  lakeTableAdded,
  lakeTableRemoved,
  freshnessChanged,
  tieringDue,
  tieringRoundStarted,
  tieringRoundFinished,
  tieringRoundFailed,
] as const;

/** Definitions by type. The data of an event is known only together with its type, hence the widening. */
export const catalogue: ReadonlyMap<string, EventDefinition<ChanceryEvent['type'], never>> = new Map(
  definitions.map((definition) => [definition.type, definition as unknown as EventDefinition<ChanceryEvent['type'], never>]),
);

/** What an event is about, as `family/name`. */
export const subjectsOf = (event: ChanceryEvent): readonly string[] => catalogue.get(event.type)?.subjects(event.data as never) ?? [];
