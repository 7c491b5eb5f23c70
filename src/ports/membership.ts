/** What a node tells the others about itself. Soft state: it goes with the node's session. */
export interface Member {
  readonly nodeId: string;
  /** Where the others reach it: http://host:port of the operator interface. */
  readonly operatorUrl: string;
  readonly release: string;
  /** The position it has folded, refreshed every few seconds. */
  readonly position: number;
  /** State hashes at the newest checkpoints (the newest crossings of 1,024, 8,192, … positions), newest last, at most 4. */
  readonly checkpoints: readonly { readonly position: number; readonly hash: string }[];
}

/** Whether this node is the one that may lead. A hint: only the epoch in the log is proof. */
export type Standing = { readonly kind: 'leader' } | { readonly kind: 'follower'; readonly leaderId: string | undefined };

/**
 * Which nodes there are and which of them should lead.
 * While the coordination service cannot be reached, `members` and `standing` keep their last value except that a node never
 * believes itself the leader for longer than 2/3 of its session timeout without an answer.
 */
export interface Membership {
  /**
   * Registers this node and starts to campaign; keeps both up across sessions until `leave`.
   * @throws NodeIdTaken when a live node of that id exists and does not go away within a session timeout.
   */
  join(self: Member): Promise<void>;
  /** Refreshes what `join` said. Never throws; the newest one wins. */
  publish(self: Member): void;
  members(): readonly Member[];
  standing(): Standing;
  /** Calls back after every change of `members` or `standing`; returns how to stop that. */
  onChange(listener: () => void): () => void;
  /** Gives up whatever it has: the next one may lead at once. */
  leave(): Promise<void>;
}

/** Another live node carries this id. */
export class NodeIdTaken extends Error {
  constructor(nodeId: string, holder: string) {
    super(`node id '${nodeId}' is in use by the live node at ${holder}: give this one another --node-id`);
    this.name = 'NodeIdTaken';
  }
}
