import { z } from 'zod';
import { databaseName, tableId, tableName } from '../../events/catalog.ts';
import { tieringEpoch } from '../../events/tiering.ts';
import { bodyOf, Nodes, type NodesOptions } from '../node-client/nodes.ts';

/** A round as the coordinator hands it out. Names are checked: directories are called after them. */
const table = z.object({ tableId, database: databaseName, table: tableName, tieringEpoch });
export type Given = Readonly<z.output<typeof table>>;

export interface Report {
  readonly tableId: number;
  readonly tieringEpoch: number;
  /** Of the newest answer. */
  readonly coordinatorEpoch: number;
}
export interface FailureReport extends Report {
  /** Absent: it failed without a word. */
  readonly error?: string;
}
export interface FinishReport extends Report {
  readonly fileBytes: number;
  readonly records: number;
}
export interface Heartbeat {
  readonly failed: readonly FailureReport[];
  readonly tiering: readonly Report[];
  readonly finished: readonly FinishReport[];
  /** Ids of the finished ones that were cut short. */
  readonly forced: readonly number[];
  readonly wantsTable: boolean;
}

const reportAnswers = z.array(z.object({ tableId, refusal: z.object({ code: z.string(), detail: z.string() }).optional() }));
const heartbeatAnswer = z.object({
  position: z.int().min(0),
  coordinatorEpoch: z.int().min(0),
  table: table.extend({ timeoutMs: z.int().min(1).optional() }).optional(),
  failed: reportAnswers,
  tiering: reportAnswers,
  finished: reportAnswers,
});
/** For each report, in the order they were given, whether it counts. */
export type HeartbeatAnswer = Readonly<z.output<typeof heartbeatAnswer>>;
export type ReportAnswer = HeartbeatAnswer['tiering'][number];

const statuses = z.object({ tables: z.array(z.object({ freshnessMs: z.int().min(0) })) });

export interface CoordinatorClientOptions extends NodesOptions {
  /** The name of the service, one for each process. */
  readonly service: string;
}

/** The coordinator as a tiering service asks it: any node, the next one when one fails. */
export class CoordinatorClient {
  readonly #nodes: Nodes;
  readonly service: string;

  constructor({ service, ...nodes }: CoordinatorClientOptions) {
    this.#nodes = new Nodes(nodes);
    this.service = service;
  }

  /** May be sent again as it is. @param timeoutMs for each node. @throws CoordinatorUnavailable, CoordinatorRefused, the signal's reason */
  async heartbeat(heartbeat: Heartbeat, timeoutMs: number, signal: AbortSignal): Promise<HeartbeatAnswer> {
    const body = { service: this.service, ...heartbeat };
    return heartbeatAnswer.parse(
      await bodyOf(await this.#nodes.ask({ method: 'POST', path: '/v1/tiering/heartbeats', body, timeoutMs, signal })),
    );
  }

  /**
   * How old the data of a table may become in the lake, milliseconds; undefined when it is no lake table any more.
   * @param atLeast of the answer that handed it out. @throws CoordinatorUnavailable, CoordinatorRefused, the signal's reason
   */
  async freshnessOf(
    { database, table: name }: Given,
    atLeast: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const query = new URLSearchParams({ database, table: name, atLeast: String(atLeast) });
    const request = { method: 'GET', path: `/v1/tiering/statuses?${query.toString()}`, timeoutMs, signal };
    return statuses.parse(await bodyOf(await this.#nodes.ask(request))).tables[0]?.freshnessMs;
  }
}
