import { type Configs, describeConfigs } from '../../../projections/configs.ts';
import { sealChanges } from '../../engine/configCommand.ts';
import { failed, ok, type Status } from './codes.ts';
import type { AdminRoutes, Context } from './method.ts';
import { envelope } from './method.ts';

interface Shown {
  readonly type: 'bool' | 'int32_t' | 'int64_t' | 'std::string';
  /** The dynamic config behind it. */
  readonly key?: string;
}
/** The settings that change answers, by their upstream names. Those without a dynamic config cannot change while the node runs. */
const settings: Readonly<Record<string, Shown>> = {
  arn_ak: { type: 'std::string' },
  arn_id: { type: 'std::string' },
  arn_sk: { type: 'std::string' },
  brpc_listen_port: { type: 'int32_t' },
  enable_check_fe_drop_in_safe_time: { type: 'bool', key: 'chancery.meta-service.protect-young-frontends' },
  enable_check_instance_id: { type: 'bool', key: 'chancery.meta-service.check-instance-id' },
  enable_cluster_name_check: { type: 'bool', key: 'chancery.meta-service.check-cluster-names' },
  enable_distinguish_hdfs_path: { type: 'bool', key: 'chancery.meta-service.distinguish-hdfs-paths' },
  http_token: { type: 'std::string' },
  max_num_aborted_txn: { type: 'int64_t', key: 'chancery.meta-service.aborted-transactions-per-label' },
};

/** What a node's file or flags say, by upstream name. */
export type FixedSettings = Readonly<Record<string, string>>;

/**
 * show_config lists name, type, value and whether it may change; update_config changes them in the log, for all nodes and for good,
 * whatever `persist` says; its `reason` is taken and not kept, since the interface's callers do not name themselves.
 */
export const configRoutes = (fixed: FixedSettings): AdminRoutes => ({
  show_config: {
    kind: 'query',
    call: (query, { state }) => {
      const wanted = query.get('conf_key') ?? '';
      const rows = Object.entries(settings).filter(([name]) => wanted === '' || wanted === name);
      return Promise.resolve({
        kind: 'envelope',
        status: ok,
        json: rows.map(([name, { key, type }]) => [name, type, shownValue(state.configs, name, key, fixed), String(key !== undefined)]),
      });
    },
  },
  update_config: { kind: 'query', call: async (query, context) => envelope(await update(query.get('configs') ?? '', context)) },
});

/** With the default where nobody has set anything. */
const shownValue = (configs: Configs, name: string, key: string | undefined, fixed: FixedSettings): string =>
  key === undefined ? (fixed[name] ?? '') : (describeConfigs(configs).find((row) => row.key === key)?.value ?? '');

async function update(text: string, context: Context): Promise<Status> {
  if (text === '') return invalid('query param `config` should not be empty');
  const changes: { op: 'set'; key: string; value: string }[] = [];
  for (const pair of text.split(',')) {
    const [name = '', value, ...more] = pair.split('=').map((part) => part.trim());
    if (name === '' || value === undefined || more.length > 0) return invalid(`config ${cut(pair)} is invalid`);
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined) return invalid(`config field=${cut(name)} not exists`);
    if (setting.key === undefined) return invalid(`config field=${name} is immutable`);
    changes.push({ op: 'set', key: setting.key, value });
  }
  const sealed = sealChanges(changes, context.sealer);
  if (sealed.kind === 'rejected') return invalid(`${sealed.rejection.detail} ${sealed.rejection.remedy}`);
  const submitted = await context.submit(sealed.command);
  return submitted.kind === 'done' ? ok : submitted.status;
}

const invalid = (text: string): Status => failed('INVALID_ARGUMENT', text);
const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
