import { type Configs, fileConfig, readConfig } from '../../projections/configs.ts';
import type { Logger } from '../ports/logger.ts';
import { watchConfig } from './configWatch.ts';
import type { StaticConfigs } from './node.ts';
import type { Replica } from './replica.ts';

/** What decides who may do what and stands in files alone: those of the node that leads count. */
const keys = ['authorizer.enabled', 'super.users', 'security.acl.principal.ignore-case'] as const;

/** @returns words about each of these keys of which this node's file says something else than the leader's; empty when they are alike */
function differences(configs: Configs, own: StaticConfigs): string {
  const different = keys.flatMap((key) => {
    const here = readConfig(key, own[key] ?? { kind: 'unset' });
    const there = readConfig(key, fileConfig(configs, key));
    return here === there
      ? []
      : [`${key} is '${String(there)}' in the file of the node that leads, '${String(here)}' in that of this node`];
  });
  return different.join('; ');
}

/**
 * Warns when callers could do other things as soon as this node leads. Begin when its tables are up to date: those of long ago would say
 * what other files said then. @param own the cluster configs of this node's file. @returns how to stop
 */
export const watchFileDifferences = (replica: Replica, own: StaticConfigs, logger: Pick<Logger, 'warn'>): (() => void) =>
  watchConfig(
    replica,
    (configs) => differences(configs, own),
    (text) => {
      if (text !== '') logger.warn({}, `who may do what would change if this node led: ${text}; make the files of all nodes alike`);
    },
  );
