/**
 * Goal: any mix of granting, revoking, restarts and lost replies leaves the list where a model of a few lines says.
 * Method: fast-check draws steps on few names, runs them on the model (a set of texts) and on a node over the in-memory log, and shrinks.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Acl } from '../../events/acls.ts';
import { grantsOf } from '../../projections/acls.ts';
import { listAcls } from '../../src/deciders/acls.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { isRejection } from '../../src/rejection.ts';
import { anyAcl } from '../fold/aclActs.ts';
import { replay } from '../support/replay.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';

/** Entries as texts: what is equal has one text. */
type Model = Set<string>;
interface Real {
  readonly node: OneNode;
}
const textOf = ({ effect, host, operation, principal, resource }: Acl): string =>
  JSON.stringify([effect, operation, resource.type, resource.name, principal.type, principal.name, host]);
const parts = (text: string): readonly string[] => JSON.parse(text) as readonly string[];

const step = (command: Command, act: (model: Model) => boolean): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () => JSON.stringify(command),
  run: async (model, { node }) => {
    const isChange = act(model);
    const outcome = await node.ask(command);
    // A reply that was lost may have been found by its key: it is then told as a duplicate, and as a change.
    expect(outcome.kind === 'done' && (outcome.changed || outcome.duplicate), outcome.kind).toBe(isChange);
    const { state } = node.cluster.node('n1');
    expect(new Set([...grantsOf(state.acls)].map(textOf))).toEqual(model);
    expect(state.acls.size).toBe(model.size);
    const listed = listAcls(state, { principal: 'User:test', interface: 'operator' }, {});
    expect(isRejection(listed) ? listed : listed.map(textOf).sort()).toEqual([...model].sort());
  },
});

const grants = fc.array(anyAcl, { minLength: 1, maxLength: 8 }).map((acls) =>
  step({ name: 'grantAcls', acls }, (model) => {
    const before = model.size;
    for (const acl of acls) model.add(textOf(acl));
    return model.size > before;
  }),
);
const filter = fc
  .tuple(anyAcl, fc.subarray(['effect', 'host', 'operation', 'principal', 'resource'] as const))
  .map(([acl, names]) => Object.fromEntries(names.map((name) => [name, acl[name]])) as Partial<Acl>);
const revokes = fc.array(filter, { minLength: 1, maxLength: 3 }).map((filters) =>
  step({ name: 'revokeAcls', filters }, (model) => {
    const gone = [...model].filter((text) => {
      const [effect, operation, type, name, who, called, host] = parts(text);
      const acl = { effect, host, operation, principal: { name: called, type: who }, resource: { name, type } };
      return filters.some((each) => Object.entries(each).every(([part, value]) => isDeepStrictEqual(acl[part as keyof Acl], value)));
    });
    for (const text of gone) model.delete(text);
    return gone.length > 0;
  }),
);

const file = {
  'authorizer.enabled': { kind: 'text', text: 'true' },
  'super.users': { kind: 'text', text: 'User:test' },
} as const;

test('the list follows the model through restarts and lost replies', async () => {
  const { params, replayPath } = replay({ numRuns: 10 });
  await fc.assert(
    fc.asyncProperty(fc.commands([grants, grants, revokes, disturbances], { maxCommands: 40, size: 'max', ...replayPath }), (run) =>
      onOneNode((node) => fc.asyncModelRun(() => ({ model: new Set<string>(), real: { node } }), run), file),
    ),
    params,
  );
});
