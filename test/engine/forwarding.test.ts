/**
 * Goal: a caller never waits for a node that leads no more, and learns rightly whether its request may have been sent.
 * Method: the forwarder over peers that the test holds back; requests written out by hand.
 */
import { expect, test } from 'vitest';
import { type ForwardedRequest, Forwarder, forwardingLimits, type Peers } from '../../src/engine/forwarding.ts';
import type { Reply, Request } from '../../src/engine/submission.ts';
import type { Member } from '../../src/ports/membership.ts';
import { setKey } from '../support/nodes.ts';

const member = (nodeId: string): Member => ({ nodeId, operatorUrl: `http://${nodeId}`, release: '1', position: 0, checkpoints: [] });
const act = {
  principal: 'User:test',
  interface: 'operator',
  command: 'alterClusterConfigs',
  commandId: 'c',
  digest: '0'.repeat(32),
  node: 'n2',
} as const;
const request: Request = { command: setKey('a', '1'), act, deadline: Number.MAX_SAFE_INTEGER };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Peers that never answer, and what they were sent. */
function hanging(): { readonly peers: Peers; readonly sent: string[] } {
  const sent: string[] = [];
  const submit = (leader: Member, requests: readonly ForwardedRequest[]): Promise<readonly Reply[]> => {
    for (const _ of requests) sent.push(leader.nodeId);
    return new Promise(() => {});
  };
  return { peers: { submit }, sent };
}

test('when the leader changes, what was sent may have happened and what still waits has not', async () => {
  const { peers, sent } = hanging();
  const forwarder = new Forwarder(peers, () => 0);
  const replies: Promise<Reply>[] = [];
  for (let call = 0; call < forwardingLimits.callsInFlight + 2; call += 1) {
    replies.push(forwarder.submit(member('n1'), request));
    await turn();
  }
  expect([sent.length, forwarder.queued]).toEqual([forwardingLimits.callsInFlight, 2]);
  forwarder.leaderIs('n3');
  const outcomes = await Promise.all(replies);
  expect(outcomes.map((reply) => reply.kind === 'retry' && reply.mayHaveHappened)).toEqual([...new Array(8).fill(true), false, false]);
  expect(sent).toHaveLength(forwardingLimits.callsInFlight);
});

test.each([
  { release: '0.1.0', isSent: false },
  { release: '0.2.0', isSent: false },
  { release: '0.3.0', isSent: true },
  { release: '1.0.0', isSent: true },
])('a leader of release $release is told the address of a caller: $isSent', async ({ isSent, release }) => {
  const sent: ForwardedRequest[] = [];
  const submit = async (_: Member, requests: readonly ForwardedRequest[]): Promise<readonly Reply[]> => {
    sent.push(...requests);
    return [];
  };
  const forwarder = new Forwarder({ submit }, () => 0);
  await forwarder.submit({ ...member('n1'), release }, { ...request, act: { ...act, host: '10.0.0.1' } });
  expect(sent.map((each) => each.act)).toEqual([isSent ? { ...act, host: '10.0.0.1' } : act]);
});

test('calls to the node that leads go on', async () => {
  const { peers, sent } = hanging();
  const forwarder = new Forwarder(peers, () => 0);
  let isAnswered = false;
  void forwarder.submit(member('n1'), request).then(() => {
    isAnswered = true;
  });
  await turn();
  forwarder.leaderIs('n1');
  await turn();
  expect([sent, isAnswered]).toEqual([['n1'], false]);
});
