import { aclGranted, aclLimits, aclOperations } from '../events/acls.ts';
import { leadershipTaken, logCreated } from '../events/leadership.ts';
import { draftState, finishState, foldEvent, initialState, type State } from '../projections/state.ts';
import { type Asker, judge, type Need } from '../src/deciders/authorizer.ts';
import { type Figure, grouped, inTurn } from './figures.ts';

const databases = 100;
/** The n-th entry: every user has some on tables, now and then one denies. */
const entry = (n: number) => ({
  effect: n % 10 === 0 ? ('DENY' as const) : ('ALLOW' as const),
  host: n % 7 === 0 ? `10.0.${n % 250}.1` : '*',
  operation: aclOperations[n % aclOperations.length] ?? 'READ',
  principal: { name: `user-${n % 5_000}`, type: 'User' },
  resource: { name: `db-${n % databases}.table-${n % 9_973}`, type: 'TABLE' as const },
});

function stateWith(entries: number): State {
  const staticConfigs = {
    'authorizer.enabled': { kind: 'text', text: 'true' },
    'super.users': { kind: 'text', text: 'User:root;User:dana' },
  } as const;
  const began = [logCreated({ format: 1, clusterId: 'bench' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs })];
  const granted = Array.from({ length: Math.ceil(entries / aclLimits.perCall) }, (_, i) => {
    const first = i * aclLimits.perCall;
    return aclGranted({ acls: Array.from({ length: Math.min(aclLimits.perCall, entries - first) }, (_each, j) => entry(first + j)) });
  });
  const act = { principal: 'User:dana', interface: 'sql', command: 'bench', commandId: 'c', digest: '0'.repeat(32), node: 'n1' } as const;
  const draft = draftState(initialState());
  for (const event of [...began, ...granted])
    foldEvent(draft, { position: draft.position + 1, at: 0, epoch: 1, event: { ...event, id: 'e', act } });
  return finishState(draft);
}

/** Requests about entries that there are, one in four about nothing that anybody was ever granted. */
function requestsOn(entries: number, count: number): readonly (readonly [Asker, Need])[] {
  return Array.from({ length: count }, (_, i) => {
    const { host, operation, principal, resource } = entry((i * 7_919) % entries);
    const name = i % 4 === 0 ? `${principal.name}-unknown` : principal.name;
    const asker: Asker = { principal: `User:${name}`, host: host === '*' ? '10.0.0.1' : host, interface: 'sql' };
    return [asker, { operation, resource }];
  });
}

/** One decision with 100,000 entries in the list against 100: it looks up what may apply and never goes through the list. */
export function authorizerFigure(): Figure {
  const [few, many] = [100, 100_000];
  // Rounds are shorter than a machine's turns between programs; each asks what was not asked just before, so no cache knows it yet.
  const [decisions, rounds] = [1_000, 100];
  const runOn = (entries: number) => {
    const state = stateWith(entries);
    const requests = requestsOn(entries, decisions * rounds);
    let next = 0;
    return () => {
      let allowed = 0;
      for (const [asker, need] of requests.slice(next, next + decisions)) if (judge(state, asker, need).isAllowed) allowed += 1;
      if (allowed === 0 || allowed === decisions) throw new Error('a benchmark in which all decisions are alike shows nothing');
      next = (next + decisions) % requests.length;
    };
  };
  const [small, large] = [runOn(few), runOn(many)];
  inTurn(rounds, small, large);
  const { a, b } = inTurn(rounds, small, large);
  return {
    what: `one decision of the authorizer at ${grouped(many)} entries against ${grouped(few)}`,
    ratio: `${(b / a).toFixed(2)}x`,
    floor: '<= 2x',
    isMet: b / a <= 2,
    behind: `${grouped((b / decisions) * 1000, 2)} against ${grouped((a / decisions) * 1000, 2)} µs`,
  };
}
