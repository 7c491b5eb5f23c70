/**
 * Goal: what the planner remembers of buckets and servers is forgotten when a move makes it untrue, and steps that take each other back are
 * no move.
 * Method: moves on a model of a few buckets, and the questions that would be answered wrongly.
 */
import { expect, test } from 'vitest';
import { Model } from '../../src/rebalance/model.ts';
import { Stage } from '../../src/rebalance/stage.ts';

const why = { askedBy: 'RACK_AWARE', reason: { because: 'BELOW_LIMIT', count: 0, limit: 1 } } as const;
/** Servers 0 and 1 in rack a, 2 and 3 in rack b, 4 in rack c; buckets on 0 and 2, on 1 alone. */
const modelOf = () =>
  new Model({
    servers: ['a', 'a', 'b', 'b', 'c'].map((rack, id) => ({ id, isLive: true, rack })),
    buckets: [
      { tableId: 1, bucketId: 0, leader: 0, replicas: [0, 2] },
      { tableId: 1, bucketId: 1, leader: 1, replicas: [1] },
    ],
  });

test('that a rack holds all buckets of a server is true until the server gets one, or one of its buckets leaves the rack', () => {
  const [model, gaining] = [modelOf(), modelOf()];
  const [stage, other] = [new Stage(model, { areRacksApart: true }, 'replicas'), new Stage(gaining, { areRacksApart: true }, 'replicas')];
  stage.noteHoldsAllOf(1, 0);
  other.noteHoldsAllOf(1, 0);
  expect(stage.holdsAllOf(1, 0)).toBe(true);
  stage.moveReplica(model.slotOn(0, 2), 3, why);
  expect(stage.holdsAllOf(1, 0), 'within the rack').toBe(true);
  stage.moveReplica(model.slotOn(0, 3), 4, why);
  expect(stage.holdsAllOf(1, 0), 'the replica left').toBe(false);
  other.moveReplica(gaining.slotOn(1, 1), 0, why);
  expect(other.holdsAllOf(1, 0), 'another bucket came, from the same rack').toBe(false);
});

test('a bucket whose replicas changed places is where it was', () => {
  const model = modelOf();
  model.moveReplica(model.slotOn(0, 0), 4, why);
  model.moveReplica(model.slotOn(0, 2), 0, why);
  model.moveReplica(model.slotOn(0, 4), 2, why);
  model.moveLeadership(model.slotOn(0, 0), why);
  expect(model.moves()).toEqual([]);
});

test('the buckets of a server are read in order, whatever came and went', () => {
  const model = modelOf();
  expect(model.held(1)).toEqual([1]);
  model.moveReplica(model.slotOn(1, 1), 3, why);
  model.moveReplica(model.slotOn(0, 0), 1, why);
  model.moveReplica(model.slotOn(1, 3), 1, why);
  expect(model.held(1)).toEqual([0, 1]);
});
