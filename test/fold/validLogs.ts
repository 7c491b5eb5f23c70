/** Random logs that a cluster could have written, with every event type there is. */
import fc from 'fast-check';
import type { Acl } from '../../events/acls.ts';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { type Chapter, startedAt } from '../support/given.ts';
import { AclBook, anyAcl } from './aclActs.ts';
import { flussActs, flussFoundation } from './flussActs.ts';
import { anyAct, foundation, Teller } from './metaServiceActs.ts';

const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
const sealed = (value: string): ConfigValue => ({
  kind: 'secrets',
  entries: { alice: { keyId: 'k1', nonce: value, ciphertext: value }, bob: { keyId: 'k2', nonce: 'n', ciphertext: 'c' } },
});
const configValue = fc.oneof(
  fc.constant<ConfigValue>({ kind: 'unset' }),
  fc.constant<ConfigValue>({ kind: 'hidden' }),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map(text),
  fc.string({ minLength: 1, maxLength: 4 }).map(sealed),
);
const key = fc.oneof(
  fc.constantFrom('kv.snapshot.interval', 'datalake.format', 'a', 'constructor'),
  fc.nat(40).map((n) => `datalake.k${n}`),
);
const change = fc.record({ key, previous: configValue, value: configValue });
const nodeId = fc.constantFrom('n1', 'n2', 'n3', 'node-4');

/** What may happen next; whether it can, the story so far decides. */
type Step =
  | { readonly what: 'lead'; readonly nodeId: string; readonly ahead: number; readonly fromFile: Readonly<Record<string, ConfigValue>> }
  | { readonly what: 'join'; readonly nodeId: string; readonly port: number }
  | { readonly what: 'leave'; readonly nodeId: string; readonly forgetAfterMs: number }
  | { readonly what: 'configure'; readonly changes: readonly { key: string; previous: ConfigValue; value: ConfigValue }[] }
  | { readonly what: 'acls'; readonly acls: readonly Acl[]; readonly isGrant: boolean }
  | { readonly what: 'act'; readonly command: Command }
  | { readonly what: 'transact'; readonly step: Parameters<Teller['transact']>[0] };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constant('lead' as const),
    nodeId,
    ahead: fc.integer({ min: 1, max: 3 }),
    fromFile: fc.dictionary(fc.constantFrom('kv.snapshot.interval', 'datalake.format', 'datalake.k1'), configValue),
  }),
  fc.record({ what: fc.constant('join' as const), nodeId, port: fc.nat(2) }),
  fc.record({ what: fc.constant('leave' as const), nodeId, forgetAfterMs: fc.integer({ min: 1, max: 100_000_000 }) }),
  fc.record({ what: fc.constant('configure' as const), changes: fc.array(change, { minLength: 1, maxLength: 6 }) }),
  fc.record({ what: fc.constant('acls' as const), acls: fc.array(anyAcl, { minLength: 1, maxLength: 20 }), isGrant: fc.boolean() }),
  ...[0, 1, 2, 3, 4].map(() => fc.record({ what: fc.constant('act' as const), command: anyAct })),
  fc.record({ what: fc.constant('act' as const), command: fc.constantFrom(...flussActs) }),
  fc.record({ what: fc.constant('transact' as const), step: fc.constantFrom('write', 'precommit', 'commit', 'commit2pc') }),
);
interface Draft {
  readonly steps: readonly Step[];
  readonly laterMs: number;
  readonly commandId: string;
}

/** Tells a story: leaving turns into being lost, and that into being forgotten. */
function chaptersOf([drafts, isFounded]: readonly [readonly Draft[], boolean]): readonly Chapter[] {
  const nodes = new Map<string, 'member' | 'lost'>();
  let epoch = 1;
  let at = startedAt;
  const teller = new Teller();
  const book = new AclBook();
  const eventOf = (one: Exclude<Step, { what: 'act' | 'transact' }>): ChanceryEvent | undefined => {
    switch (one.what) {
      case 'lead':
        epoch += one.ahead;
        return leadershipTaken({ nodeId: one.nodeId, epoch, staticConfigs: { ...one.fromFile } });
      case 'join':
        nodes.set(one.nodeId, 'member');
        return coordinatorJoined({ nodeId: one.nodeId, operatorUrl: `http://${one.nodeId}:${one.port}`, release: '0.1.0' });
      case 'leave': {
        const was = nodes.get(one.nodeId);
        if (was === undefined) return undefined;
        if (was === 'member') nodes.set(one.nodeId, 'lost');
        else nodes.delete(one.nodeId);
        return was === 'member'
          ? coordinatorLost({ nodeId: one.nodeId, forgetAfterMs: one.forgetAfterMs })
          : coordinatorForgotten({ nodeId: one.nodeId });
      }
      case 'configure':
        return clusterConfigsChanged({ changes: [...one.changes] });
      case 'acls':
        return book.change(one.acls, one.isGrant);
    }
  };
  const eventsOf = (one: Step): readonly ChanceryEvent[] => {
    if (one.what === 'act') return teller.act(one.command, at);
    if (one.what === 'transact') return teller.transact(one.step, at);
    const event = eventOf(one);
    return event === undefined ? [] : [teller.tell(event, at)];
  };
  const began = [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })];
  const first = { events: began.map((event) => teller.tell(event, at)), at };
  const founded = isFounded
    ? [
        { events: foundation.flatMap((command) => teller.act(command, at)), at },
        { events: flussFoundation(teller, at), at },
      ]
    : [];
  const rest = drafts.flatMap(({ steps, laterMs, commandId }) => {
    at += laterMs;
    // An entry has one epoch: a leadership begins a new one.
    const parts: ChanceryEvent[][] = [[]];
    for (const one of steps) {
      const events = eventsOf(one);
      if (events[0]?.type === 'LeadershipTaken') parts.push([]);
      parts.at(-1)?.push(...events);
    }
    return parts.filter((events) => events.length > 0).map((events): Chapter => ({ events, at, commandId }));
  });
  teller.end();
  return [first, ...founded, ...rest];
}

/** Chapters of a valid log, at most 40 entries. */
export const validLog: fc.Arbitrary<readonly Chapter[]> = fc
  .tuple(
    fc.array(
      fc.record({
        steps: fc.array(step, { minLength: 1, maxLength: 6 }),
        laterMs: fc.oneof(fc.constant(0), fc.nat(2000), fc.nat(20_000_000)),
        commandId: fc.nat(20).map((n) => `command-${n}`),
      }),
      { maxLength: 20 },
    ),
    fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  )
  .map(chaptersOf);
