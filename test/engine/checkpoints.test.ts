/**
 * Goal: the node whose tables differ is found, and no other; what they compare costs little.
 * Method: `divergence` over votes written out by hand; checkpoints over states that differ in nothing but their position.
 */
import { expect, test } from 'vitest';
import { resultOf } from '../../projections/kit.ts';
import { initialState, type State } from '../../projections/state.ts';
import { Checkpoints, divergence } from '../../src/engine/checkpoints.ts';
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
    name: 'a leader against one waits for the third, who may be late',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'x']), member('n3')],
    leader: 'n2',
    wrong: undefined,
  },
  {
    name: 'three of three opinions: the leader is right',
    own: member('n1', [1024, 'a']),
    others: [member('n2', [1024, 'x']), member('n3', [1024, 'y'])],
    leader: 'n2',
    wrong: 'at position 1024 its tables (a) differ from those of n2, n3',
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

const at = (position: number): State => ({ ...initialState(), position });
function passing(checkpoints: Checkpoints, from: number, to: number, step: number): void {
  for (let position = from; position < to; position += step) checkpoints.pass(at(position), at(position + step));
}

const hashed = (checkpoints: Checkpoints) => resultOf(checkpoints.hashing());

test('nodes that hash at different moments have crossings in common, with the same hashes', () => {
  const early = new Checkpoints();
  const late = new Checkpoints();
  passing(early, 0, 70_000, 100);
  passing(late, 0, 70_000, 100);
  const before = hashed(early);
  passing(early, 70_000, 75_000, 100);
  passing(late, 70_000, 79_000, 100);
  expect(before.map(({ position }) => position)).toEqual([65_600, 69_700]);
  expect(hashed(early).map(({ position }) => position)).toEqual([65_600, 73_800, 74_800]);
  expect(hashed(late).map(({ position }) => position)).toEqual([65_600, 73_800, 78_900]);
  expect(hashed(late).slice(0, 2)).toEqual(hashed(early).slice(0, 2));
  expect(new Set(hashed(late).map(({ hash }) => hash)).size).toBe(3);
});

test('an entry that passes is not hashed until somebody asks', () => {
  const unhashable = Object.defineProperty({ ...at(1024) }, 'configs', {
    enumerable: true,
    get: () => {
      throw new Error('hashed');
    },
  });
  const checkpoints = new Checkpoints();
  checkpoints.pass(at(0), unhashable);
  expect(() => hashed(checkpoints)).toThrow('hashed');
});
