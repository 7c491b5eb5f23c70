/** What `serve` can be told. Kept apart from the checks, so that `--help` need not load them. */
interface SettingName {
  /** As a flag; as a key of the file without the dashes; as a variable `CHANCERY_NODE_ID`. */
  readonly name: string;
  readonly form: string;
  readonly about: string;
  readonly fallback?: string;
}

/** The token that Doris ships with. */
export const defaultMetaServiceToken = 'greedisgood9999';

export const settingNames = [
  { name: 'node-id', form: 'NAME', about: "this node's name, unlike every other node's", fallback: 'n1' },
  { name: 'log', form: 'URL', about: 'where the log lives: file:DIR or zookeeper://h1:2181,h2:2181/root', fallback: 'file:./data' },
  { name: 'operator', form: 'HOST:PORT', about: 'listen here for the operator API and SQL', fallback: '127.0.0.1:8480' },
  { name: 'advertise', form: 'URL', about: 'where other nodes and clients reach this one (default: the operator address)' },
  { name: 'meta-service', form: 'HOST:PORT', about: 'listen here for the Meta Service, or off', fallback: '127.0.0.1:5000' },
  {
    name: 'meta-service-token',
    form: 'TEXT',
    about: 'what callers of the Meta Service must give; better as a variable, like the next',
    fallback: defaultMetaServiceToken,
  },
  { name: 'meta-service-admin-password', form: 'TEXT', about: 'of root and admin at cloud_cluster_status (default: none)' },
  {
    name: 'meta-service-principal',
    form: 'PRINCIPAL',
    about: 'as whom callers with the token act; anybody but the default is judged by the access control list',
    fallback: 'User:meta-service',
  },
  {
    name: 'meta-service-rpc',
    form: 'MODE',
    about: 'the plain RPC form of the Meta Service: open to everybody, only with the token, or off',
    fallback: 'open',
  },
  { name: 'fluss', form: 'HOST:PORT', about: 'listen here for Fluss RPC' },
  {
    name: 'cluster-secret',
    form: 'TEXT',
    about: 'shared by all nodes of a cluster; better as CHANCERY_CLUSTER_SECRET: other users see flags',
  },
  {
    name: 'authentication',
    form: 'MODE',
    about: 'callers without credentials are User:root with none, nobody with optional, refused with required (default: by the users)',
  },
  { name: 'log-level', form: 'LEVEL', about: 'trace, debug, info, warn or error, until chancery.log.level is set', fallback: 'info' },
  { name: 'audit-denials', form: 'N', about: 'keep the newest N denials in memory, for GET /v1/denials', fallback: '0' },
  { name: 'session-timeout', form: 'TIME', about: 'how long ZooKeeper waits for a silent node, such as 10s', fallback: '6s' },
  {
    name: 'secret-key-file',
    form: 'FILE',
    about: 'the master key of all secrets (default: made in DIR, or derived from the cluster secret)',
  },
  { name: 'secret-key', form: 'HEX', about: 'the same, 64 hex digits; better as CHANCERY_SECRET_KEY: other users see flags' },
  { name: 'previous-secret-key-file', form: 'FILE', about: 'the master key before this one, while it is being changed: it only opens' },
  { name: 'tls-cert', form: 'FILE', about: "this node's certificate, PEM; with it and its key every listener speaks TLS" },
  { name: 'tls-key', form: 'FILE', about: 'its key, PEM, without a passphrase' },
  { name: 'tls-client-ca', form: 'FILE', about: 'the CA of the certificates that callers may show, PEM' },
  { name: 'tls-client-certs', form: 'MODE', about: 'none, optional or required (default: required with --tls-client-ca, else none)' },
  { name: 'tls-ca', form: 'FILE', about: 'the CA of the other nodes, PEM (default: whom the system trusts)' },
] as const satisfies readonly SettingName[];

export type SettingKey = (typeof settingNames)[number]['name'];
export const variableOf = (name: string): string => `CHANCERY_${name.toUpperCase().replaceAll('-', '_')}`;

/** Variables that the program reads besides the settings. */
export const otherVariables = [
  'CHANCERY_CONFIG',
  'CHANCERY_OPERATOR_URL',
  'CHANCERY_CA',
  'CHANCERY_CERT',
  'CHANCERY_KEY',
  'CHANCERY_TOKEN',
  'CHANCERY_USER',
  'CHANCERY_PASSWORD',
] as const;
export const defaultConfigFile = 'chancery.yaml';
export const defaultOperatorUrl = 'http://127.0.0.1:8480';
