/**
 * Goal: a cloud_unique_id leads to its instance by contract section 3, and to no other.
 * Method: texts and what they must resolve to, on instances with registered nodes and a dropped one.
 */
import { describe, expect, test } from 'vitest';
import { instanceDropped } from '../../events/instances.ts';
import {
  degradedInstanceId,
  liveInstance,
  namesUnknownInstance,
  resolveInstance,
  targetInstance,
} from '../../src/deciders/instanceResolution.ts';
import { add, be, compute, created, instance, logAfter, setting } from '../support/clusters.ts';
import { stateAfter } from '../support/given.ts';

const nameless = { ip: 'a', heartbeatPort: 1 };
const nodes = [be(1, { cloudUniqueId: 'free' }), be(2, { cloudUniqueId: '1:i2:x' }), nameless];
const events = [
  ...logAfter([created, instance('i2')], add(compute(1, ...nodes))),
  instance('gone'),
  instanceDropped({ instanceId: 'gone' }),
];
const state = stateAfter(...events);
const unchecked = stateAfter(...events, setting('check-instance-id', 'false'));

test.each<readonly [cloudUniqueId: string, instanceId: string | undefined, why: string]>([
  ['free', 'i1', 'a registered free text'],
  ['1:i2:x', 'i1', 'a registered node goes before what its text says'],
  ['1:i2:y', 'i2', 'the degraded form'],
  ['1:i2:', 'i2', 'its last part may be empty'],
  ['01:i2:y', 'i2', 'its first part is read as a number'],
  [' +1x:i2:y', 'i2', 'as atoi reads it'],
  ['1:gone:x', 'gone', 'a dropped instance exists'],
  ['1:i9:x', undefined, 'an unknown one does not'],
  ['1::x', undefined, 'nor does one without a name'],
  ['2:i1:x', undefined, 'another version'],
  ['11:i1:x', undefined, 'a number that only begins with 1'],
  ['-1:i1:x', undefined, 'a negative number'],
  ['12345678901:i1:x', undefined, 'a number that does not fit'],
  ['word:i1:x', undefined, 'a word'],
  ['1:i1', undefined, 'two parts'],
  ['1:i1:x:y', undefined, 'four parts'],
  ['nobody', undefined, 'a free text that nobody has'],
  ['', undefined, 'nothing'],
  ['\ni1', undefined, 'what the nodes without an id of an instance are filed under'],
])('%j is %s: %s', (cloudUniqueId, instanceId) => expect(resolveInstance(state, cloudUniqueId)).toBe(instanceId));

test('nobody looks whether an instance exists when that is switched off', () => {
  expect([resolveInstance(unchecked, '1:i9:x'), namesUnknownInstance(unchecked, '1:i9:x')]).toEqual(['i9', false]);
  expect([resolveInstance(unchecked, '1::x'), namesUnknownInstance(state, '1:i9:x')]).toEqual([undefined, true]);
});

test('the degraded form names an instance whether it exists or not', () => {
  expect([degradedInstanceId('1:i9:x'), degradedInstanceId('i9')]).toEqual(['i9', undefined]);
});

describe('whose clusters are to be changed', () => {
  const degraded = 'use degrade cloud_unique_id, but instance_id invalid, cloud_unique_id=1:i9:x';
  test.each([
    [{ instanceId: 'any', cloudUniqueId: 'free' }, 'any'],
    [{ instanceId: '', cloudUniqueId: 'free' }, 'i1'],
    [{ cloudUniqueId: '1:i2:y' }, 'i2'],
    [{}, ''],
    [{ instanceId: '', cloudUniqueId: '' }, ''],
    [{ cloudUniqueId: '1:i9:x' }, { code: 'UNRESOLVED_INSTANCE', detail: degraded }],
    [{ cloudUniqueId: 'nobody' }, { code: 'UNRESOLVED_INSTANCE', detail: 'empty instance_id' }],
  ])('%j', (reference, expected) => {
    const target = targetInstance(state, reference);
    if (typeof expected === 'string') expect(target).toBe(expected);
    else expect(target).toMatchObject(expected);
  });
});

test('an instance must be there and not dropped to be changed', () => {
  expect(liveInstance(state, 'i1')).toMatchObject({ instanceId: 'i1', status: 'NORMAL' });
  expect(liveInstance(state, 'i9')).toMatchObject({
    code: 'UNKNOWN_INSTANCE',
    detail: 'failed to get instance, instance_id=i9 err=KeyNotFound',
  });
  expect(liveInstance(state, 'gone')).toMatchObject({
    code: 'INSTANCE_DELETED',
    detail: 'instance status has been set delete, plz check it',
  });
});
