import { randomUUID } from 'node:crypto';
import { NotReachable, type OperatorClient, type ProblemAnswer, Refused } from './operatorClient.ts';

/** What a statement was answered with. */
export type SqlResult =
  | {
      readonly kind: 'rows';
      readonly columns: readonly { readonly name: string; readonly type: string }[];
      readonly rows: readonly (readonly unknown[])[];
      readonly truncated?: boolean;
      /** What is to be said beside them, in lines. */
      readonly note?: string;
      /** Of a CALL that changes something. */
      readonly position?: number;
    }
  | { readonly kind: 'done'; readonly text: string };

/** What is carried from one script to the next. */
interface Place {
  readonly catalog: string;
  readonly database: string;
  readonly properties: Readonly<Record<string, string>>;
  /** The next script sees what this one did, on whichever node it runs. */
  readonly position: number;
}
export interface SqlAnswer extends Place {
  readonly results: readonly SqlResult[];
}
export type SqlOutcome =
  | { readonly kind: 'answered'; readonly answer: SqlAnswer }
  /** A statement was refused; `results` are those of the statements before it. */
  | { readonly kind: 'refused'; readonly problem: ProblemAnswer; readonly results: readonly SqlResult[]; readonly statementIndex: number }
  /** Whether it was done is not known; sent again with the key it is done at most once. */
  | { readonly kind: 'unknown'; readonly detail: string; readonly key: string; readonly results: readonly SqlResult[] };

/** A node gives a script a minute. */
const timeoutMs = 75_000;

/** Scripts one after the other, as one user at one prompt. */
export class SqlSession {
  readonly client: OperatorClient;
  readonly #reason: string | undefined;
  #place: Partial<Place>;

  constructor(client: OperatorClient, options: { readonly database?: string | undefined; readonly reason?: string | undefined }) {
    this.client = client;
    this.#reason = options.reason;
    this.#place = options.database === undefined ? {} : { database: options.database };
  }

  /** As the last answer gave it. */
  get database(): string | undefined {
    return this.#place.database;
  }

  /** @param key done once under it; one is made when there is none. @throws NotReachable when nothing can have been done */
  async run(statement: string, key: string = randomUUID(), signal?: AbortSignal): Promise<SqlOutcome> {
    const { catalog, database, position, properties } = this.#place;
    const session = { catalog, database, properties, ...(position === undefined ? {} : { atLeast: position }) };
    const body = { statement, idempotencyKey: key, ...session, ...(this.#reason === undefined ? {} : { reason: this.#reason }) };
    const until = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
    try {
      const answer = (await this.client.json({ method: 'POST', path: '/v1/sql', body, signal: until })) as SqlAnswer;
      this.#place = { catalog: answer.catalog, database: answer.database, properties: answer.properties, position: answer.position };
      return { kind: 'answered', answer };
    } catch (error) {
      if (error instanceof Refused) return this.#refused(error.problem, key);
      if (error instanceof NotReachable ? error.mayHaveArrived : until.aborted) return this.#lost(error, statement, key);
      throw error;
    }
  }

  #refused(problem: ProblemAnswer, key: string): SqlOutcome {
    const { results, statementIndex } = problem.body as { results?: readonly SqlResult[]; statementIndex?: number };
    const place = problem.body as Partial<Place>;
    if (place.database !== undefined) this.#place = { ...this.#place, ...placeIn(place) };
    if (problem.code === 'OUTCOME_UNKNOWN') return { kind: 'unknown', detail: problem.detail, key, results: results ?? [] };
    return { kind: 'refused', problem, results: results ?? [], statementIndex: statementIndex ?? 0 };
  }

  /** The answer did not come. A script that only reads is as if it had never been sent. */
  #lost(error: unknown, statement: string, key: string): SqlOutcome {
    const detail = error instanceof NotReachable ? error.message : 'the answer was not waited for';
    if (/\b(?:call|create|alter|drop)\b/i.test(statement)) return { kind: 'unknown', detail, key, results: [] };
    throw new NotReachable(detail, false);
  }
}

/** The session as a failed script left it: statements before the failed one count. */
const placeIn = ({ catalog, database, position, properties }: Partial<Place>): Partial<Place> => ({
  ...(catalog === undefined ? {} : { catalog }),
  ...(database === undefined ? {} : { database }),
  ...(position === undefined ? {} : { position }),
  ...(properties === undefined ? {} : { properties }),
});
