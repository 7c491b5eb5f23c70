import { z } from 'zod';
import { defineEvent, type EventOf, nodeId } from './kit.ts';

const subjects = ({ nodeId }: { readonly nodeId: string }): readonly string[] => [`coordinator/${nodeId}`];

/** Raised by `joinCoordinator`; folded by `projections/coordinators.ts`. Also when a known node returns or changes its address. */
export const coordinatorJoined = defineEvent('CoordinatorJoined', {
  about: 'A Chancery node joined the cluster, came back, or moved to another address.',
  version: 1,
  data: z.strictObject({
    nodeId,
    operatorUrl: z.string().max(512).describe('Where the other nodes and clients reach it, http://host:port.'),
    release: z.string().min(1).max(64).describe('The Chancery release it runs.'),
  }),
  subjects,
});

/** Raised by `loseCoordinator`; folded by `projections/coordinators.ts` and `projections/deadlines.ts`. */
export const coordinatorLost = defineEvent('CoordinatorLost', {
  about: 'A Chancery node stopped or lost its session.',
  version: 1,
  data: z.strictObject({
    nodeId,
    forgetAfterMs: z.number().int().min(1).describe('How long it stays listed if it does not return, in milliseconds.'),
  }),
  subjects,
});

/** Raised by `forgetCoordinator` when the time of `CoordinatorLost` is over; folded by `projections/coordinators.ts`. */
export const coordinatorForgotten = defineEvent('CoordinatorForgotten', {
  about: 'A Chancery node that did not return was taken off the list.',
  version: 1,
  data: z.strictObject({ nodeId }),
  subjects,
});

export type CoordinatorEvent = EventOf<typeof coordinatorJoined> | EventOf<typeof coordinatorLost> | EventOf<typeof coordinatorForgotten>;
