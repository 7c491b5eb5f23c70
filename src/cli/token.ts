import { randomUUID } from 'node:crypto';
import { CommandFailure, exitStatus, wrongUsage } from './exit.ts';
import { grouped, renderTime } from './moments.ts';
import { NotReachable, OperatorClient, type OperatorOptions, Refused } from './operatorClient.ts';
import { harmless, type Terminal, writeTable } from './terminal.ts';

type Options = OperatorOptions & { readonly json?: boolean };
export interface IssueOptions extends Options {
  readonly principal?: string;
  readonly about?: string;
  readonly expires?: string;
  readonly reason?: string;
}

interface Issued {
  readonly tokenId: string;
  readonly principal: string;
  readonly token: string;
  readonly expiresAt?: number;
  readonly position: number;
}
interface Row {
  readonly tokenId: string;
  readonly principal: string;
  readonly about: string;
  readonly expiresAt?: number;
  readonly issuedAt: number;
  readonly issuedBy: string;
}

/** `chancery token issue`: the token alone goes to standard output, all about it to the other one. @throws CommandFailure */
export async function issueToken(options: IssueOptions, terminal: Terminal): Promise<void> {
  const { about, expires, json, principal, reason } = options;
  const validForMs = expires === undefined ? undefined : spanMs(expires);
  const body = { ...(principal === undefined ? {} : { principal }), ...(about === undefined ? {} : { about }), validForMs, reason };
  const call = { method: 'POST', path: '/v1/tokens', body, headers: { 'idempotency-key': randomUUID() } } as const;
  const issued = (await settled(new OperatorClient(options, terminal).json(call))) as Issued;
  if (json === true) {
    terminal.out.write(`${JSON.stringify(issued)}\n`);
    return;
  }
  const end = issued.expiresAt === undefined ? 'without an end' : `until ${renderTime(issued.expiresAt, Date.now())}`;
  const words = `token ${issued.tokenId} for ${harmless(issued.principal)}, ${end}   position ${grouped(issued.position)}`;
  terminal.err.write(`${words}\nkeep it now, it is not shown again:\n`);
  terminal.out.write(`${issued.token}\n`);
}

/** `chancery token list` */
export async function listTokens(options: Options, terminal: Terminal): Promise<void> {
  const { tokens } = (await new OperatorClient(options, terminal).json({ path: '/v1/tokens' })) as { readonly tokens: readonly Row[] };
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(tokens)}\n`);
    return;
  }
  if (tokens.length === 0) {
    terminal.out.write('there are no tokens\n');
    return;
  }
  const now = Date.now();
  const rows = tokens.map(({ about, expiresAt, issuedAt, issuedBy, principal, tokenId }) =>
    [tokenId, principal, expiresAt === undefined ? 'no end' : renderTime(expiresAt, now), renderTime(issuedAt, now), issuedBy, about].map(
      harmless,
    ),
  );
  await writeTable(terminal, ['id', 'principal', 'until', 'issued', 'by', 'about'], rows);
}

/** `chancery token revoke ID` */
export async function revokeToken(tokenId: string, options: Options & { readonly reason?: string }, terminal: Terminal): Promise<void> {
  const { json, reason } = options;
  const path = `/v1/tokens/${encodeURIComponent(tokenId)}`;
  const call = { method: 'DELETE', path, query: { reason }, headers: { 'idempotency-key': randomUUID() } } as const;
  const answer = (await settled(new OperatorClient(options, terminal).json(call))) as { readonly position: number };
  const words = `token ${tokenId} is revoked   position ${grouped(answer.position)}`;
  terminal.out.write(`${json === true ? JSON.stringify({ tokenId, position: answer.position }) : words}\n`);
}

/** @throws CommandFailure when it may have been done or not: a token that nobody saw must not stay */
async function settled<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const isUnknown = error instanceof Refused && error.problem.code === 'OUTCOME_UNKNOWN';
    if (!isUnknown && !(error instanceof NotReachable && error.mayHaveArrived)) throw error;
    throw new CommandFailure(
      exitStatus.unknown,
      `outcome unknown: ${error.message}`,
      'It may have been done or not: look with "chancery token list", and revoke what nobody has.',
    );
  }
}

const unitsMs = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

function spanMs(text: string): number {
  const [, count, unit] = /^(\d{1,6}) ?(min|h|d|w)$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * unitsMs[unit as keyof typeof unitsMs];
  throw wrongUsage(`--expires '${text}' is not a span of time`, 'Give a number and a unit (min, h, d, w), such as 30d.');
}
