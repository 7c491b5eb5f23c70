/** Goal: the node whose tables differ is found, and no other. Method: `divergence` over votes written out by hand. */
import { expect, test } from 'vitest';
import { divergence } from '../../src/engine/checkpoints.ts';
import type { Member } from '../../src/ports/membership.ts';

const member = (nodeId: string, ...checkpoints: readonly (readonly [position: number, hash: string])[]): Member => ({
  nodeId,
  operatorUrl: '',
  release: '1',
  position: 0,
  checkpoints: checkpoints.map(([position, hash]) => ({ position, hash })),
});

test.each<{
  name: string;
  own: Member;
  others: Member[];
  leader: string | undefined;
  wrong: string | undefined;
}>([
  {
    name: 'alone',
    own: member('n1', [1024, 'a']),
    others: [],
    leader: 'n1',
    wrong: undefined,
  },
  {
    name: 'all agree',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'a'])],
    leader: 'n1',
    wrong: undefined,
  },
  {
    name: 'no common position',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [2048, 'b'])],
    leader: 'n2',
    wrong: undefined,
  },
  {
    name: 'outvoted',
    own: member('n1', [1024, 'x']),
    others: [member('n2', [1024, 'a']), member('n3', [1024, 'a'])],
    leader: 'n1',
    wrong: 'at position 1024 its tables (x) differ from those of n2, n3',
  },
  {
    name: 'in the majority against the leader',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'a']), member('n3', [1024, 'x'])],
    leader: 'n3',
    wrong: undefined,
  },
  {
    name: 'a tie goes to the leader',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'b'])],
    leader: 'n2',
    wrong: 'at position 1024 its tables (a) differ from those of n2',
  },
  {
    name: 'a tie, being the leader',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'b'])],
    leader: 'n1',
    wrong: undefined,
  },
  {
    name: 'an older checkpoint tells as well',
    own: member('n1', [1024, 'x'], [2048, 'c']),
    others: [member('n2', [1024, 'a']), member('n3', [1024, 'a'])],
    leader: undefined,
    wrong: 'at position 1024 its tables (x) differ from those of n2, n3',
  },
  {
    name: 'a tie waits for the word of a leader that has not published yet',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'x']), member('n3')],
    leader: 'n3',
    wrong: undefined,
  },
  {
    name: 'nodes of another release fold into other tables',
    own: member('n1', [1024, 'x']),
    others: [
      { ...member('n2', [1024, 'a']), release: '2' },
      { ...member('n3', [1024, 'a']), release: '2' },
    ],
    leader: 'n2',
    wrong: undefined,
  },
  {
    name: 'outvoted by those of its own release alone',
    own: member('n1', [1024, 'x']),
    others: [member('n2', [1024, 'a']), { ...member('n3', [1024, 'x']), release: '2' }],
    leader: 'n2',
    wrong: 'at position 1024 its tables (x) differ from those of n2',
  },
])('$name', ({ own, others, leader, wrong }) => {
  expect(divergence(own, others, leader)).toBe(wrong);
});
