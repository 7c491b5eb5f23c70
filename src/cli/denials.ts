import type { Denial } from '../engine/authorization.ts';
import { renderTime } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { aligned, harmless, styled, type Terminal } from './terminal.ts';

export interface DenialsOptions extends OperatorOptions {
  readonly limit: number;
  readonly json?: boolean;
}

/** `chancery denials`: what one node did not let somebody do, the newest last. */
export async function denials({ limit, ...options }: DenialsOptions, terminal: Terminal): Promise<void> {
  const { err, out, env } = terminal;
  const answer = (await new OperatorClient(options, terminal).json({ path: '/v1/denials', query: { limit } })) as {
    readonly denials: readonly Denial[];
    readonly kept: number;
    readonly counts: Readonly<Record<string, number>>;
  };
  const oldestFirst = [...answer.denials].reverse();
  if (options.json === true) {
    for (const denial of oldestFirst) out.write(`${JSON.stringify(denial)}\n`);
    return;
  }
  const rows = oldestFirst.map((denial) => [
    renderTime(denial.at, Date.now()),
    `${denial.principal}${denial.host === undefined ? '' : ` from ${denial.host}`}`,
    denial.what,
    `${denial.operation} ${denial.resource}`,
    denial.interface,
  ]);
  for (const line of aligned(rows.map((row) => row.map(harmless)))) out.write(`${line}\n`);
  const total = Object.values(answer.counts).reduce((sum, count) => sum + count, 0);
  const note = `${total} denied on this node since it came up`;
  const hint = answer.kept === 0 ? '; none is kept: start it with --audit-denials 1000' : '';
  err.write(`${styled(err, env, 'dim', `${note}${hint}`)}\n`);
}
