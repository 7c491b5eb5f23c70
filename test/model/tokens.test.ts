/**
 * Goal: any mix of issuing, revoking and waiting, through restarts and lost replies, leaves the tokens where a map of a few lines says,
 * and a bearer gets in exactly while the map has the token and its time is not over.
 * Method: fast-check draws steps on three ids, runs them on the model and on a node over the in-memory log with a clock that is set
 * forward, and shrinks.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { tokenRows } from '../../projections/tokens.ts';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { newToken } from '../../src/authentication/bearerTokens.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { replay } from '../support/replay.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';

interface Held {
  readonly text: string;
  readonly expiresAt?: number;
}
type Model = Map<string, Held>;
interface Real {
  readonly node: OneNode;
}
const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
const nowOf = ({ cluster }: OneNode): number => systemClock.now() + (cluster.aheadMs.get('n1') ?? 0);
/** Far more than a run takes, so that the system's clock decides nothing. */
const hourMs = 3_600_000;

async function compare(model: Model, { node }: Real): Promise<void> {
  const { cluster } = node;
  const authenticator = new Authenticator({
    mode: 'required',
    users: new Map(),
    state: () => cluster.node('n1').state,
    sealer,
    clock: { now: () => nowOf(node) },
  });
  const isOver = ({ expiresAt }: Held) => expiresAt !== undefined && expiresAt <= nowOf(node);
  for (const [tokenId, held] of model) {
    const verdict = authenticator.token(held.text, '10.0.0.1');
    expect(verdict.kind, tokenId).toBe(isOver(held) ? 'wrong' : 'known');
  }
  for (const [tokenId, held] of model) if (isOver(held)) model.delete(tokenId);
  // The end of a token is written into the log when a leader has got to it.
  await vi.waitFor(
    () =>
      expect(
        tokenRows(cluster.node('n1').state.tokens)
          .map((row) => row.tokenId)
          .sort(),
      ).toEqual([...model.keys()].sort()),
    {
      timeout: 30_000,
      interval: 1,
    },
  );
  expect(cluster.node('n1').state.deadlines.bySubject.size).toBe([...model.values()].filter((held) => held.expiresAt !== undefined).length);
}

const step = (name: string, run: (model: Model, node: OneNode) => Promise<void>): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () => name,
  run: async (model, real) => {
    await run(model, real.node);
    await compare(model, real);
  },
});
const refusalOf = async (node: OneNode, command: Command): Promise<string | undefined> => {
  const outcome = await node.ask(command);
  return outcome.kind === 'rejected' ? outcome.rejection.code : undefined;
};

const id = fc.constantFrom('a', 'b', 'c');
const issues = fc.tuple(id, fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined })).map(([tokenId, hours]) =>
  step(`issue(${tokenId}, ${hours} h)`, async (model, node) => {
    const { hash, text } = newToken();
    const own = `chancery_${tokenId}_${text.split('_').slice(2).join('_')}`;
    const ends = hours === undefined ? {} : { expiresAt: nowOf(node) + hours * hourMs };
    const refused = await refusalOf(node, { name: 'issueToken', tokenId, principal: `User:${tokenId}`, hash, about: '', ...ends });
    expect(refused).toBe(model.has(tokenId) ? 'TOKEN_EXISTS' : undefined);
    if (refused === undefined) model.set(tokenId, { text: own, ...ends });
  }),
);
const revokes = id.map((tokenId) =>
  step(`revoke(${tokenId})`, async (model, node) => {
    expect(await refusalOf(node, { name: 'revokeToken', tokenId })).toBe(model.delete(tokenId) ? undefined : 'UNKNOWN_TOKEN');
  }),
);
const early = id.map((tokenId) =>
  step(`expire(${tokenId}) too early`, async (_, node) => {
    expect(await refusalOf(node, { name: 'expireToken', tokenId })).toBeUndefined();
  }),
);
const waits = fc.integer({ min: 1, max: 3 }).map((hours) =>
  step(`wait(${hours} h)`, async (_, node) => {
    node.cluster.aheadMs.set('n1', (node.cluster.aheadMs.get('n1') ?? 0) + hours * hourMs);
    // A scheduler asleep looks at the clock again when deadlines change.
    await node.ask({
      name: 'issueToken',
      tokenId: 'alarm',
      principal: 'User:x',
      hash: newToken().hash,
      about: '',
      expiresAt: nowOf(node) + 10 * hourMs,
    });
    await node.ask({ name: 'revokeToken', tokenId: 'alarm' });
  }),
);

test('tokens follow the model through restarts, lost replies and hours', async () => {
  const { params, replayPath } = replay({ numRuns: 4 });
  const steps = [issues, issues, revokes, early, waits, disturbances];
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 30, size: 'max', ...replayPath }), (run) =>
      onOneNode((node) => fc.asyncModelRun(() => ({ model: new Map(), real: { node } }), run)),
    ),
    params,
  );
});
