import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BucketRef, bucketName, refOf } from '../../src/tablet-server/bucket.ts';
import type { CopyProgress, Heartbeat, IsrReport, Registration } from '../../src/tablet-server/coordinatorClient.ts';

/** A bucket as the coordinator keeps it. */
export type Bucket = BucketRef & {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly bucketEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
};

interface Registered extends Registration {
  readonly isLive: boolean;
  readonly appliedPosition: number;
  readonly copies: readonly CopyProgress[];
}

export const tableId = 7;
export const bucket = (bucketId: number): BucketRef => ({ tableId, bucketId });

/**
 * The coordinator's side of the contract with tablet servers: a real HTTP server whose assignment the test writes. It grants an ISR when
 * both epochs are those in force, as the real one does, and elects only when the test says so.
 */
export class ScriptedCoordinator {
  readonly servers = new Map<number, Registered>();
  readonly buckets = new Map<string, Bucket>();
  /** Every report that came, granted or not. */
  readonly reports: IsrReport[] = [];
  /** Paths of requests in the order in which they came, without those for assignments and heartbeats. */
  readonly calls: string[] = [];
  /** How often somebody was given a list. */
  listsGiven = 0;
  clusterId = 'cluster-one';
  leaseMs = 600;
  settings: { copyBytesPerSec?: number; minInSyncReplicas: number } = { minInSyncReplicas: 1 };
  position = 1;
  /** Whether reports are granted. */
  grants = true;
  /** Requests of this kind are carried out, and their answers lost. */
  losesAnswersTo = '';
  /** Answers 503 to everything. */
  hasNoLeader = false;
  readonly #http: Server;
  #waiting: (() => void)[] = [];

  private constructor() {
    this.#http = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<ScriptedCoordinator> {
    const coordinator = new ScriptedCoordinator();
    await new Promise<void>((resolve) => coordinator.#http.listen(0, '127.0.0.1', resolve));
    return coordinator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const wake of this.#waiting.splice(0)) wake();
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
  }

  /** Everybody's list may have changed. */
  changed(): void {
    this.position += 1;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** A bucket of a new table: every replica is in sync, with nothing in it; the first one leads. */
  create(bucketId: number, replicas: readonly number[]): void {
    const made = { ...bucket(bucketId), leader: replicas[0] ?? -1, leaderEpoch: 0, bucketEpoch: 0, replicas, isr: replicas };
    this.buckets.set(bucketName(made), made);
    this.changed();
  }

  get(bucketId: number): Bucket {
    const found = this.buckets.get(bucketName(bucket(bucketId)));
    if (found === undefined) throw new Error(`there is no bucket ${bucketId}`);
    return found;
  }

  /** Changes a bucket; a new leader has a new epoch. */
  change(bucketId: number, change: Partial<Pick<Bucket, 'leader' | 'replicas' | 'isr'>>): void {
    const old = this.get(bucketId);
    const leaderEpoch = old.leaderEpoch + (change.leader !== undefined && change.leader !== old.leader ? 1 : 0);
    this.buckets.set(bucketName(old), { ...old, ...change, leaderEpoch, bucketEpoch: old.bucketEpoch + 1 });
    this.changed();
  }

  drop(bucketId: number): void {
    this.buckets.delete(bucketName(bucket(bucketId)));
    this.changed();
  }

  set(settings: { copyBytesPerSec?: number; minInSyncReplicas: number }): void {
    this.settings = settings;
    this.changed();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const [, , , idText = '', what = ''] = url.pathname.split('/');
    const id = Number(idText);
    const body = await bodyOf(request);
    if (what !== 'assignment' && what !== 'heartbeats') this.calls.push(`${request.method} ${what} ${id}`);
    if (this.hasNoLeader) return problem(response, 503, 'NO_LEADER', 'nobody leads');
    if (url.pathname === '/v1/buckets') return answer(response, 200, this.#bucketList(url.searchParams.get('table') ?? ''));
    if (what === 'assignment') return await this.#assignment(id, url.searchParams, response);
    const said = this.#act(request.method ?? '', id, what, body);
    if (what === this.losesAnswersTo) response.destroy();
    else if (said === undefined) problem(response, 409, 'SERVER_ID_TAKEN', `server ${id} runs elsewhere`);
    else answer(response, 200, said);
  }

  #act(method: string, id: number, what: string, body: unknown): object | undefined {
    const known = this.servers.get(id);
    switch (`${method} ${what}`) {
      case 'POST registration': {
        const registration = body as Registration;
        if (known?.isLive === true && known.directoryId !== registration.directoryId) return undefined;
        this.servers.set(id, { ...registration, isLive: true, appliedPosition: 0, copies: [] });
        this.changed();
        return { clusterId: this.clusterId, leaseMs: this.leaseMs, position: this.position };
      }
      case 'POST heartbeats': {
        const { appliedPosition, copies, incarnation } = body as Heartbeat;
        const isKnown = known?.isLive === true && known.incarnation === incarnation;
        if (isKnown) this.servers.set(id, { ...known, appliedPosition, copies });
        return { known: isKnown, leaseMs: this.leaseMs };
      }
      case 'POST isr':
        for (const report of (body as { readonly buckets: readonly IsrReport[] }).buckets) this.#report(report);
        return { position: this.position };
      case 'POST shutdown':
        for (const { bucketId, isr, leader } of [...this.buckets.values()])
          if (leader === id) this.change(bucketId, { leader: isr.find((other) => other !== id) ?? id });
        return { position: this.position, leading: [...this.buckets.values()].filter(({ leader }) => leader === id).length };
      default:
        if (known !== undefined) this.servers.set(id, { ...known, isLive: false });
        return { position: this.position };
    }
  }

  #report(report: IsrReport): void {
    this.reports.push(report);
    const old = this.buckets.get(bucketName(report));
    if (!this.grants || old === undefined) return;
    if (old.leaderEpoch !== report.leaderEpoch || old.bucketEpoch !== report.bucketEpoch) return;
    this.change(old.bucketId, { isr: report.isr });
  }

  async #assignment(id: number, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const after = Number(query.get('after'));
    if (after > this.position) return problem(response, 503, 'NOT_CAUGHT_UP', 'this node is behind');
    if (after === this.position) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Number(query.get('waitMs')));
        this.#waiting.push(resolve);
      });
      clearTimeout(timer);
    }
    if (this.position === after) response.writeHead(204, { 'chancery-position': String(this.position) }).end();
    else answer(response, 200, this.listOf(id));
  }

  /** What one server shall hold. */
  listOf(id: number): object {
    this.listsGiven += 1;
    const replicas = [...this.buckets.values()].filter((one) => one.replicas.includes(id));
    return { clusterId: this.clusterId, position: this.position, replicas, endpoints: this.endpoints(), settings: this.settings };
  }

  endpoints(): Readonly<Record<string, string>> {
    const live = [...this.servers].filter(([, { isLive }]) => isLive);
    return Object.fromEntries(live.map(([id, { endpoint }]) => [String(id), endpoint]));
  }

  #bucketList(table: string): object {
    const buckets = table === 'db.t' ? [...this.buckets.values()] : [];
    return { buckets: buckets.map((one) => ({ ...one, ...refOf(one) })), endpoints: this.endpoints() };
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text === '' ? undefined : JSON.parse(text);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, code: string, detail: string): void {
  answer(response, status, { code, detail, remedy: 'Try again.' });
}
