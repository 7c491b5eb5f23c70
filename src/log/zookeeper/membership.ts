import { z } from 'zod';
import { type Member, type Membership, NodeIdTaken, type Standing } from '../../ports/membership.ts';
import { sleep } from '../follow.ts';
import { ZooKeeperFailure } from './connection.ts';
import { type Layout, unlessRefused } from './layout.ts';
import { pause, persist, settledWithin } from './persist.ts';
import { type Session, SessionClosed, type Znode } from './session.ts';

/** Between two publications that say nothing urgent, milliseconds. */
const publishEveryMs = 2000;
/** A look behind the watches, milliseconds. */
const probeMs = 1000;
/** Between two looks at a node id that is in use, milliseconds. */
const takenEveryMs = 100;

const memberShape = z.object({
  nodeId: z.string(),
  operatorUrl: z.string(),
  release: z.string(),
  position: z.number(),
  checkpoints: z.array(z.object({ position: z.number(), hash: z.string() })),
});

/** What a znode of another release says may not be readable; such a node is simply not shown. */
function parseMember(text: string): Member | undefined {
  try {
    return memberShape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

interface Candidate {
  readonly name: string;
  readonly nodeId: string;
  readonly isOwn: boolean;
}

const followsNobody: Standing = { kind: 'follower', leaderId: undefined };

/**
 * Who is there, by ephemeral znodes: `nodes/<id>` holds what a node says of itself, `election/n-<number>` its place in the queue, with
 * its id in it; the lowest number leads. One loop brings the znodes to what this node wants and reads everybody's; it runs after every
 * change of a watched znode, after every new connection, and every two seconds.
 */
export class ZooKeeperMembership implements Membership {
  readonly #session: Session;
  readonly #layout: Layout;
  readonly #timeoutMs: number;
  readonly #onProgress: (text: string) => void;
  readonly #listeners = new Set<() => void>();
  readonly #stopListening: () => void;
  readonly #closing = new AbortController();
  #self: Member | undefined;
  #published = { text: '', checkpoints: '', at: Number.NEGATIVE_INFINITY };
  #members: readonly Member[] = [];
  #standing: Standing = followsNobody;
  /** What the listeners were told to look at. */
  #toldLast = JSON.stringify([[], followsNobody]);
  #isIntruded = false;
  #changed = Promise.withResolvers<void>();
  readonly #wake = (): void => this.#changed.resolve();
  #ownCandidate: string | undefined;
  #loop: Promise<void> | undefined;

  /** @param timeoutMs bounds joining (beyond the wait for a stale node of the same id) and leaving */
  constructor(session: Session, layout: Layout, timeoutMs: number, onProgress: (text: string) => void = () => {}) {
    this.#session = session;
    this.#layout = layout;
    this.#timeoutMs = timeoutMs;
    this.#onProgress = onProgress;
    this.#stopListening = session.on((event) => {
      if (event === 'expired') this.#ownCandidate = undefined;
      if (event === 'expired' || event === 'silent') this.#tell();
      this.#changed.resolve();
    });
  }

  async join(self: Member): Promise<void> {
    if (this.#loop !== undefined) throw new Error(`${self.nodeId} has joined already`);
    // ZooKeeper ends a session up to one of its ticks late, and a tick is at most half of a session timeout.
    const deadline = performance.now() + this.#session.timeoutMs * 1.5;
    for (;;) {
      const holder = await persist(this.#session, this.#timeoutMs, () => this.#register(self));
      if (holder === undefined) break;
      if (performance.now() >= deadline) throw new NodeIdTaken(self.nodeId, parseMember(holder.data)?.operatorUrl ?? 'an unknown address');
      await pause(takenEveryMs);
    }
    this.#self = self;
    await persist(this.#session, this.#timeoutMs, () => this.#reconcile());
    this.#loop = this.#keepUp();
  }

  publish(self: Member): void {
    this.#self = self;
    if (JSON.stringify(self.checkpoints) !== this.#published.checkpoints) this.#changed.resolve();
  }

  members(): readonly Member[] {
    return this.#members;
  }

  standing(): Standing {
    if (this.#standing.kind !== 'leader') return this.#standing;
    const mayBeOver = this.#ownCandidate === undefined || this.#session.silentForMs() >= (this.#session.timeoutMs * 2) / 3;
    return mayBeOver ? followsNobody : this.#standing;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async leave(): Promise<void> {
    if (this.#loop === undefined) return;
    const nodeId = this.#self?.nodeId;
    this.#closing.abort();
    this.#changed.resolve();
    this.#stopListening();
    await this.#loop;
    this.#session.unwatch(this.#wake);
    this.#loop = undefined;
    this.#self = undefined;
    const own = this.#ownCandidate === undefined ? [] : [`${this.#layout.election}/${this.#ownCandidate}`];
    if (nodeId !== undefined && !this.#isIntruded) own.push(`${this.#layout.nodes}/${nodeId}`);
    this.#ownCandidate = undefined;
    // What cannot be removed now goes with the session.
    if (this.#session.isConnected) await Promise.allSettled(own.map((path) => this.#session.remove(path)));
    this.#show([], followsNobody);
  }

  /** Creates or refreshes `nodes/<id>`. @returns the znode when another session holds the id */
  async #register(self: Member): Promise<Znode | undefined> {
    const path = `${this.#layout.nodes}/${self.nodeId}`;
    const text = JSON.stringify(self);
    if ((await unlessRefused(this.#session.create(path, text, 'ephemeral'), 'NODE_EXISTS')) === undefined) {
      const present = await unlessRefused(this.#session.getData(path), 'NO_NODE');
      if (present === undefined) return this.#register(self); // Gone between the two: an ending session's.
      if (present.owner !== this.#session.id) return present;
      if (present.data !== text) await unlessRefused(this.#session.setData(path, text, 'any'), 'NO_NODE');
    }
    this.#published = { text, checkpoints: JSON.stringify(self.checkpoints), at: performance.now() };
    return undefined;
  }

  async #keepUp(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#changed = Promise.withResolvers();
      try {
        await this.#session.live(performance.now() + probeMs);
        await this.#reconcile();
      } catch (error) {
        if (error instanceof SessionClosed) return;
        if (!(error instanceof ZooKeeperFailure)) this.#onProgress(`the membership cannot be kept up: ${String(error)}`);
        await sleep(takenEveryMs, this.#closing.signal);
        continue;
      }
      await settledWithin(probeMs, this.#changed.promise, this.#closing.signal);
    }
  }

  /** Brings this node's znodes to what they should be, then reads everybody's. @throws ZooKeeperFailure */
  async #reconcile(): Promise<void> {
    const self = this.#self;
    if (self === undefined) return;
    await this.#keepRegistered(self);
    let candidates = await this.#candidates();
    if (await this.#keepCampaigning(self, candidates)) candidates = await this.#candidates();
    const members = await this.#registered();
    const [first] = candidates;
    const leads = first?.isOwn === true && first.name === this.#ownCandidate;
    const leaderId = first?.isOwn === true ? undefined : first?.nodeId;
    this.#show(members, leads ? { kind: 'leader' } : { kind: 'follower', leaderId });
  }

  async #registered(): Promise<readonly Member[]> {
    const { nodes } = this.#layout;
    const names = await this.#session.getChildren(nodes, this.#wake);
    const reads = names.map((name) => unlessRefused(this.#session.getData(`${nodes}/${name}`, this.#wake), 'NO_NODE'));
    const members = (await Promise.all(reads)).flatMap((found) => (found === undefined ? [] : (parseMember(found.data) ?? [])));
    return members.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  async #keepRegistered(self: Member): Promise<void> {
    const { text, checkpoints, at } = this.#published;
    const isDue = performance.now() - at >= publishEveryMs || JSON.stringify(self.checkpoints) !== checkpoints;
    const present = await unlessRefused(this.#session.getData(`${this.#layout.nodes}/${self.nodeId}`), 'NO_NODE');
    if (present?.owner === this.#session.id && !(isDue && text !== JSON.stringify(self))) return;
    const holder = await this.#register(self);
    if (holder !== undefined && !this.#isIntruded)
      this.#onProgress(new NodeIdTaken(self.nodeId, parseMember(holder.data)?.operatorUrl ?? 'an unknown address').message);
    this.#isIntruded = holder !== undefined;
  }

  /** The queue, the first in front. */
  async #candidates(): Promise<Candidate[]> {
    const { election } = this.#layout;
    const names = await this.#session.getChildren(election, this.#wake);
    const reads = names.map((name) => unlessRefused(this.#session.getData(`${election}/${name}`), 'NO_NODE'));
    const found = await Promise.all(reads);
    return names
      .flatMap((name, i) => {
        const znode = found[i];
        return znode === undefined ? [] : [{ name, nodeId: znode.data, isOwn: znode.owner === this.#session.id }];
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Exactly one candidacy, none while another session holds the node's id. @returns whether anything was changed */
  async #keepCampaigning(self: Member, candidates: readonly Candidate[]): Promise<boolean> {
    const { election } = this.#layout;
    const own = candidates.filter((each) => each.isOwn);
    const kept = this.#isIntruded ? undefined : own[0];
    const superfluous = own.filter((each) => each !== kept);
    for (const { name } of superfluous) await unlessRefused(this.#session.remove(`${election}/${name}`), 'NO_NODE');
    // A candidacy is created once more when the reply was lost: the next pass finds both and removes the later one.
    const created =
      kept === undefined && !this.#isIntruded
        ? await this.#session.create(`${election}/n-`, self.nodeId, 'ephemeral sequential')
        : undefined;
    this.#ownCandidate = kept?.name ?? created?.slice(election.length + 1);
    return superfluous.length > 0 || created !== undefined;
  }

  #show(members: readonly Member[], standing: Standing): void {
    this.#members = members;
    this.#standing = standing;
    // A leader that stepped down in a silence must hear that it may lead again, though its place in the queue never changed.
    if (this.#shown() !== this.#toldLast) this.#tell();
  }

  #shown(): string {
    return JSON.stringify([this.#members, this.standing()]);
  }

  #tell(): void {
    this.#toldLast = this.#shown();
    for (const listener of [...this.#listeners]) listener();
  }
}
