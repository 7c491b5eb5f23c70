import { z } from 'zod';
import { defineEvent, type EventOf, sealedText } from './kit.ts';

/** Bounds, in UTF-16 code units and pieces. Secrets are bounded so that a whole map, sealed, before and after, fits into one event. */
export const configLimits = {
  keyLength: 256,
  valueLength: 8192,
  changesPerCall: 500,
  dynamicKeys: 100_000,
  secretEntries: 128,
  secretNameLength: 256,
  secretLength: 256,
} as const;
const text = z.string().max(configLimits.valueLength);

/** What one layer (the dynamic map, a node's file) says about a key. */
export const configValue = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('unset') }).describe('The layer does not hold the key: the layer below shows through.'),
  z.strictObject({ kind: z.literal('hidden') }).describe('Set to nothing: the key has no value at all, whatever lies below.'),
  z.strictObject({ kind: z.literal('text'), text }).describe('The value as it was given.'),
  z
    .strictObject({ kind: z.literal('secrets'), entries: z.record(z.string().max(256), sealedText) })
    .describe('A secret map: names in clear, values sealed.'),
]);
export type ConfigValue = Readonly<z.infer<typeof configValue>>;

export const configKey = z.string().min(1).max(configLimits.keyLength);

/** Raised by `alterClusterConfigs`; folded by `projections/configs.ts`. */
export const clusterConfigsChanged = defineEvent('ClusterConfigsChanged', {
  about: 'Operators changed dynamic cluster configs, all of them at once.',
  version: 1,
  data: z.strictObject({
    changes: z
      .array(
        z.strictObject({
          key: configKey,
          previous: configValue.describe('What the dynamic map held before.'),
          value: configValue.describe('What it holds from here on.'),
        }),
      )
      .min(1)
      .max(configLimits.changesPerCall)
      .describe('One per key, in the order the keys were first named.'),
  }),
  subjects: ({ changes }) => changes.map((change) => `config/${change.key}`),
});

export type ConfigEvent = EventOf<typeof clusterConfigsChanged>;
