import type { Explanation, Precedent } from '../engine/verdicts.ts';
import { refusal } from './exit.ts';
import { grouped, renderTime } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { harmless, type Terminal } from './terminal.ts';

export interface CanOptions extends OperatorOptions {
  readonly principal?: string;
  readonly operation: string;
  readonly resource: string;
  readonly host?: string;
  readonly json?: boolean;
}

/** `chancery can`: whether somebody may do something, and the entry it rests on. @throws CommandFailure when they may not */
export async function can(options: CanOptions, terminal: Terminal): Promise<void> {
  const { host, json, operation, principal, resource } = options;
  const query = { principal, operation, resource, host };
  const answer = (await new OperatorClient(options, terminal).json({ path: '/v1/authorization', query })) as Explanation;
  if (json === true) terminal.out.write(`${JSON.stringify(answer)}\n`);
  const lines = linesOf(answer, Date.now()).map(harmless);
  if (!answer.isAllowed) throw refusal(lines[0] ?? '', ...lines.slice(1));
  if (json !== true) terminal.out.write(`${lines.join('\n')}\n`);
}

/** @param now epoch milliseconds: today's times go without the day */
export function linesOf({ entry, isAllowed, words }: Explanation, now: number): readonly string[] {
  const verdict = `${isAllowed ? 'allowed' : 'denied'}: ${words}`;
  return entry === undefined ? [verdict] : [verdict, actOf(entry, now)];
}

/** `position 48 112 · yesterday 23:58:02 · User:dana · "freeze for migration" · over sql` */
function actOf({ grantedAt, grantedBy, interface: through, position, reason }: Precedent, now: number): string {
  const parts = [
    `position ${grouped(position)}`,
    renderTime(grantedAt, now),
    grantedBy,
    reason === undefined ? '' : `"${reason.replaceAll('\n', ' ')}"`,
    through === undefined ? '' : `over ${through}`,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
