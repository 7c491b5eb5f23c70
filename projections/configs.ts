import type { ConfigValue } from '../events/configs.ts';
import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

/** A key of the dynamic map, with the entry that set it. */
export interface DynamicConfig {
  readonly value: ConfigValue;
  readonly position: number;
  readonly at: number;
  readonly principal: string;
}
/** The two layers of cluster configs above the defaults: the dynamic map, and below it the file of the node that leads. */
export interface Configs {
  readonly dynamic: Table<DynamicConfig>;
  readonly fromFile: Readonly<Record<string, ConfigValue>>;
}

export const configs = defineProjection<Configs>({
  name: 'configs',
  version: 1,
  initial: () => ({ dynamic: Table.empty(), fromFile: {} }),
  on: {
    LeadershipTaken: (state, { event: { data } }) => {
      state.fromFile = data.staticConfigs;
    },
    ClusterConfigsChanged: (state, { event: { data, act }, position, at }) => {
      for (const { key, value } of data.changes) {
        state.dynamic =
          value.kind === 'unset' ? state.dynamic.delete(key) : state.dynamic.set(key, { value, position, at, principal: act.principal });
      }
    },
  },
});

const unset: ConfigValue = { kind: 'unset' };
/** What the dynamic map holds for a key. */
export const dynamicConfig = (state: Configs, key: string): ConfigValue => state.dynamic.get(key)?.value ?? unset;
/** What the leader's file holds for a key. */
export const fileConfig = (state: Configs, key: string): ConfigValue =>
  (Object.hasOwn(state.fromFile, key) ? state.fromFile[key] : undefined) ?? unset;
