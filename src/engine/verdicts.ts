import type { AclEffect, AclOperation } from '../../events/acls.ts';
import type { Grant } from '../../projections/acls.ts';
import type { State } from '../../projections/state.ts';
import { type Asker, judge, metaServicePrincipal, type Need, type Verdict } from '../deciders/authorizer.ts';
import { everyone, principalText, resourceText } from '../deciders/resources.ts';
import type { History } from './history/port.ts';

/** Whether somebody may do something, and the entry that it rests on. */
export interface Explanation {
  readonly isAllowed: boolean;
  readonly because: Verdict['because'];
  /** `DENY WRITE on shop.orders for User:etl from any host`; what else decides it when there is no entry. */
  readonly words: string;
  readonly entry?: Precedent;
}
/** An entry of the list, and the act that put it there. */
export interface Precedent {
  readonly permission: AclEffect;
  readonly operation: AclOperation;
  readonly resource: string;
  readonly principal: string;
  readonly host: string;
  readonly position: number;
  /** Epoch milliseconds. */
  readonly grantedAt: number;
  readonly grantedBy: string;
  /** As in the act: `sql`, and the reason in the words of whoever did it. */
  readonly interface?: string;
  readonly reason?: string;
}

/**
 * Judges somebody and says why.
 * @param history where the act behind an entry is looked up; it may be read by whoever may ask this
 * @throws HistoryRefused
 */
export async function explain(state: State, history: Pick<History, 'events'>, asker: Asker, need: Need): Promise<Explanation> {
  const verdict = judge(state, throughOwnInterface(asker), need);
  const { because, isAllowed } = verdict;
  if (verdict.because !== 'entry') return { isAllowed, because, words: wordsOf(verdict.because, asker, need) };
  const { grant } = verdict;
  return { isAllowed, because, words: wordsOfGrant(grant), entry: await precedentOf(grant, history) };
}

/** The one who has the token of the Meta Service may do everything, but only there. */
const throughOwnInterface = (asker: Asker): Asker =>
  asker.principal === metaServicePrincipal ? { ...asker, interface: 'metaservice' } : asker;

function wordsOf(because: Exclude<Verdict['because'], 'entry'>, { principal }: Asker, { operation, resource }: Need): string {
  switch (because) {
    case 'disabled':
      return 'there is no authorizer (authorizer.enabled): everybody may do everything';
    case 'own':
      return 'it is an act of the cluster itself';
    case 'super':
      return principal === metaServicePrincipal
        ? `${principal} may do everything through the Meta Service`
        : `${principal} is a super user (super.users)`;
    case 'nothing':
      return `no entry allows ${principal} to ${operation} on ${resourceText(resource)}`;
  }
}

function wordsOfGrant({ effect, host, operation, principal, resource }: Grant): string {
  const who = principal.type === everyone.type ? 'everyone' : principalText(principal);
  return `${effect} ${operation} on ${resourceText(resource)} for ${who} from ${host === '*' ? 'any host' : host}`;
}

async function precedentOf(grant: Grant, history: Pick<History, 'events'>): Promise<Precedent> {
  const { effect, grantedAt, grantedBy, host, operation, position, principal, resource } = grant;
  const { events } = await history.events({ fromPosition: position, toPosition: position, limit: 1 });
  const act = events[0]?.act;
  return {
    permission: effect,
    operation,
    resource: resourceText(resource),
    principal: principalText(principal),
    host,
    position,
    grantedAt,
    grantedBy,
    ...(act === undefined ? {} : { interface: act.interface }),
    ...(act?.reason === undefined ? {} : { reason: act.reason }),
  };
}
