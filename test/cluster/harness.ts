import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeProcess, nodeProcess, statusOf, until } from '../support/nodeProcesses.ts';

/** What every node of a test cluster is told; a ZooKeeper of the tests grants sessions from one second on. */
export const shared = { CLUSTER_SECRET: 'a secret for tests only', SESSION_TIMEOUT: '2s' } as const;

/** Real nodes in a folder of their own. */
export class Nodes {
  readonly folder = mkdtempSync(join(tmpdir(), 'chancery-nodes-'));
  readonly #nodes: NodeProcess[] = [];

  get urls(): readonly string[] {
    return this.#nodes.map((node) => node.url);
  }

  /** @param settings beside `shared`; @param program see `nodeProcess` */
  async start(nodeId: string, settings: Readonly<Record<string, string>>, program?: string): Promise<NodeProcess> {
    const node = await nodeProcess(nodeId, this.folder, { ...shared, ...settings }, program);
    this.#nodes.push(node);
    return node;
  }

  /** Everything that nodes of this id have printed. */
  said(nodeId: string): string {
    return readFileSync(join(this.folder, `${nodeId}.log`), 'utf8');
  }

  /** Waits until all of these serve and agree who leads. @returns that node */
  leader(nodes: readonly NodeProcess[] = this.#nodes): Promise<NodeProcess> {
    return until(`one of ${nodes.map((node) => node.nodeId).join(', ')} leads`, 30_000, async () => {
      const answers = await Promise.all(nodes.map(async (node) => ({ node, status: await statusOf(node.url) })));
      const leading = answers.filter(({ status }) => status?.role === 'leader');
      const [first] = leading;
      return leading.length === 1 && answers.every(({ status }) => status?.leaderId === first?.node.nodeId) ? first?.node : undefined;
    });
  }

  /** Waits until all of these serve, one leads, and all have folded the same position. */
  async settled(nodes: readonly NodeProcess[] = this.#nodes): Promise<void> {
    await this.leader(nodes);
    await until('all nodes are ready and at the same position', 30_000, async () => {
      const states = await Promise.all(
        nodes.map(async (node) => ({ ready: (await ask(node.url, '/ready')).status, at: (await statusOf(node.url))?.position })),
      );
      return states.every(({ ready, at }) => ready === 200 && at !== undefined && at === states[0]?.at) ? true : undefined;
    });
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) node.resume();
    await Promise.all(this.#nodes.map((node) => node.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Answer {
  /** 0 when nobody answered. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One request; @param body sent as it is when it is bytes, else as JSON. */
export async function ask(
  url: string,
  path: string,
  more: { readonly method?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const { body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = more;
  try {
    const response = await fetch(url + path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
  } catch (error) {
    return { status: 0, headers: new Headers(), body: { detail: String(error) } };
  }
}

/** Sets a config that takes any text. @param name becomes `datalake.test.<name>` */
export const put = (url: string, name: string, value: string, key?: string): Promise<Answer> =>
  ask(url, `/v1/configs/datalake.test.${name}`, {
    method: 'PUT',
    body: { value },
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });

/** The value that a node shows, with the whole answer. @param query `?atLeast=7`, or nothing */
export async function get(url: string, name: string, query = ''): Promise<Answer & { readonly value: unknown }> {
  const answer = await ask(url, `/v1/configs/datalake.test.${name}${query}`);
  return { ...answer, value: (answer.body['config'] as { value?: unknown } | undefined)?.value };
}

/** @throws Error when it was refused. @returns the position */
export async function written(answer: Promise<Answer>): Promise<number> {
  const { body, status } = await answer;
  if (status !== 200 || typeof body['position'] !== 'number') throw new Error(`refused with ${status}: ${JSON.stringify(body)}`);
  return body['position'];
}
