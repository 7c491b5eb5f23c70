import { z } from 'zod';
import { bucketRefFields, serverIdSchema } from './bucket.ts';

const count = z.int().min(0);
const servers = z.array(serverIdSchema).max(10_000);

const assignedReplica = z.object({
  ...bucketRefFields,
  /** -1: none. */
  leader: z.int().min(-1),
  leaderEpoch: count,
  /** Grows with every change of replicas, leader or isr. */
  bucketEpoch: count,
  replicas: servers,
  isr: servers,
});
/** What a server is told of one of its replicas. */
export type AssignedReplica = Readonly<z.output<typeof assignedReplica>>;

/** All that one server shall hold, as of a position of the log. What is not in it is deleted. */
export const assignment = z.object({
  clusterId: z.string().min(1),
  position: count,
  replicas: z.array(assignedReplica).max(100_000),
  /** `host:port` by server id, of the servers that are alive. */
  endpoints: z.record(z.string(), z.string()),
  settings: z.object({
    /** Absent: no limit. */
    copyBytesPerSec: count.optional(),
    minInSyncReplicas: z.int().min(1),
  }),
});
export type Assignment = Readonly<z.output<typeof assignment>>;
