import { randomUUID } from 'node:crypto';
import { CommandFailure, exitStatus } from './exit.ts';
import { grouped, renderTime } from './moments.ts';
import { type Call, NotReachable, OperatorClient, type OperatorOptions, Refused } from './operatorClient.ts';
import { aligned, type Terminal } from './terminal.ts';

interface DataKey {
  readonly keyId: string;
  readonly state: 'current' | 'live' | 'shredded' | 'master';
  readonly sealedValues: number;
  readonly masterKeyId?: string;
  readonly createdAt?: number;
  readonly createdBy?: string;
  readonly shreddedAt?: number;
  readonly shreddedBy?: string;
}
interface Listing {
  readonly masterKeyId: string;
  readonly dataKeys: readonly DataKey[];
}
interface Written {
  readonly position: number;
  readonly changed: boolean;
}
type Options = OperatorOptions & { readonly json?: boolean };
export type WriteOptions = Options & { readonly reason?: string };

/** `chancery keys list` */
export async function listKeys(options: Options, terminal: Terminal): Promise<void> {
  const listing = await keysAt(new OperatorClient(options, terminal));
  if (options.json === true) terminal.out.write(`${JSON.stringify(listing)}\n`);
  else terminal.out.write(`${rendered(listing, Date.now()).join('\n')}\n`);
}

/** `chancery keys rotate`: a new data key. */
export async function rotateKeys(options: WriteOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const { position } = await written(client, { method: 'POST', path: '/v1/data-keys', body: because(options) });
  const { dataKeys } = await keysAt(client, position);
  const current = dataKeys.find(({ state }) => state === 'current')?.keyId ?? '';
  said(options, terminal, { position, keyId: current }, `data key ${current} seals secrets from now on   position ${grouped(position)}`);
}

/** `chancery keys rewrap`: all data keys under the master key of the node that is asked. */
export async function rewrapKeys(options: WriteOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const { changed, position } = await written(client, { method: 'POST', path: '/v1/data-keys/rewrap', body: because(options) });
  const { dataKeys, masterKeyId } = await keysAt(client, position);
  const left = dataKeys.filter(({ state, keyId }) => state === 'master' && keyId !== masterKeyId);
  const done = changed
    ? `all data keys are under master key ${masterKeyId}   position ${grouped(position)}`
    : `all data keys were under master key ${masterKeyId} already`;
  const warnings = left.map(({ keyId, sealedValues }) => `${valuesIn(sealedValues)} sealed with master key ${keyId} itself: keep it`);
  said(options, terminal, { position, changed, masterKeyId, stillNeeded: left.map(({ keyId }) => keyId) }, [done, ...warnings].join('\n'));
}

/** `chancery keys shred ID` */
export async function shredKey(keyId: string, options: WriteOptions & { readonly force?: boolean }, terminal: Terminal): Promise<void> {
  const query = { ...because(options), ...(options.force === true ? { force: true } : {}) };
  const path = `/v1/data-keys/${encodeURIComponent(keyId)}`;
  const { changed, position } = await written(new OperatorClient(options, terminal), { method: 'DELETE', path, query });
  const rest = 'The log holds it still, under the master key of its time: see "Shredding" in docs/secrets.md.';
  const words = changed
    ? `data key ${keyId} is shredded   position ${grouped(position)}\n${rest}`
    : `data key ${keyId} was shredded already`;
  said(options, terminal, { position, changed, keyId }, words);
}

const because = ({ reason }: WriteOptions): { readonly reason?: string } => (reason === undefined ? {} : { reason });

function said({ json }: Options, terminal: Terminal, answer: object, words: string): void {
  terminal.out.write(`${json === true ? JSON.stringify(answer) : words}\n`);
}

const keysAt = async (client: OperatorClient, atLeast?: number): Promise<Listing> =>
  (await client.json({ path: '/v1/data-keys', query: { atLeast } })) as Listing;

/** Done once, however many addresses are tried. @throws CommandFailure when it may have been done or not */
async function written(client: OperatorClient, call: Call): Promise<Written> {
  try {
    return (await client.json({ ...call, headers: { 'idempotency-key': randomUUID() } })) as Written;
  } catch (error) {
    const isUnknown = error instanceof Refused && error.problem.code === 'OUTCOME_UNKNOWN';
    if (!isUnknown && !(error instanceof NotReachable && error.mayHaveArrived)) throw error;
    const remedy = 'See with "chancery keys list" whether it was; if not, do it again.';
    throw new CommandFailure(exitStatus.unknown, `it may have been done or not: ${error.message}`, remedy);
  }
}

const valuesIn = (count: number): string => `${grouped(count)} ${count === 1 ? 'value in force is' : 'values in force are'}`;

function rendered({ dataKeys, masterKeyId }: Listing, now: number): readonly string[] {
  const rows = dataKeys.map((key) => [key.keyId, key.state, grouped(key.sealedValues), key.masterKeyId ?? '', historyOf(key, now)]);
  return [`master key of this node: ${masterKeyId}`, ...aligned([['data key', 'state', 'seals', 'master key', 'made'], ...rows], [2])];
}

function historyOf({ createdAt, createdBy, shreddedAt, shreddedBy }: DataKey, now: number): string {
  if (createdAt === undefined) return 'no data key: it seals by itself what was given before there were data keys';
  const made = `${renderTime(createdAt, now)} by ${createdBy ?? ''}`;
  return shreddedAt === undefined ? made : `${made}, shredded ${renderTime(shreddedAt, now)} by ${shreddedBy ?? ''}`;
}
