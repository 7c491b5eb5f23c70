import { principalOf } from '../deciders/resources.ts';
import { defaultMetaServiceToken } from './settingNames.ts';
import { type Address, type Settings, textOf } from './settings.ts';

type Exposed = Pick<Settings, 'authentication' | 'clusterConfigs' | 'metaService' | 'operator' | 'tls'>;

const isOn = (configs: Exposed['clusterConfigs'], key: string): boolean => configs.get(key)?.value?.toLowerCase() === 'true';
const isLoopback = ({ host }: Address): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/**
 * What others could do to this node without proving who they are (none on loopback addresses), and where nobody could do what must be
 * done; one line each, with the remedy.
 */
export const exposureWarnings = (settings: Exposed): readonly string[] => [
  ...ofOperator(settings),
  ...ofMetaService(settings),
  ...ofSuperUsers(settings),
];

function* ofOperator({ authentication, clusterConfigs, operator, tls }: Exposed): Generator<string> {
  const { mode, users } = authentication;
  if (mode === 'required' && users.size === 0 && !clusterConfigs.has(passwords))
    yield 'authentication is required and no user is set: only users and tokens that are in the log already get in';
  if (isLoopback(operator) || tls.clientCerts === 'required') return;
  const who = `WHOEVER REACHES ${textOf(operator)} MAY DO EVERYTHING`;
  if (mode === 'none') yield `${who}: there is no authentication; write users into the settings file (chancery hash-password)`;
  if (mode === 'optional' && !isOn(clusterConfigs, 'authorizer.enabled'))
    yield `${who}: nobody must log in and there is no authorizer; set authorizer.enabled`;
}

const passwords = 'security.sasl.plain.credentials';

/** An authorizer that nobody is above locks everybody out, and what it would take to let them in again nobody may do. */
function* ofSuperUsers({ authentication, clusterConfigs, tls }: Exposed): Generator<string> {
  if (!isOn(clusterConfigs, 'authorizer.enabled')) return;
  const named = (clusterConfigs.get('super.users')?.value ?? '').split(';').map((part) => part.trim());
  const texts = named.filter((text) => text !== '');
  if (texts.length === 0)
    yield 'the authorizer is on and nobody is a super user: nobody can give anybody a right; set super.users in cluster-configs';
  const impossible = texts.filter((text) => principalOf(text).type !== 'User' || /,\s*User:/.test(text));
  for (const text of impossible) yield `super.users names '${text}', which nobody can be: write User:NAME, with semicolons between several`;
  const hasOtherWays = clusterConfigs.has(passwords) || tls.clientCerts !== 'none';
  if (impossible.length > 0 || texts.length === 0 || hasOtherWays) return;
  const sameCase = isOn(clusterConfigs, 'security.acl.principal.ignore-case')
    ? (name: string) => name.toLowerCase()
    : (name: string) => name;
  const nobody = { none: ['root'], optional: ['ANONYMOUS'], required: [] }[authentication.mode];
  const names = new Set([...authentication.users.keys(), ...nobody].map(sameCase));
  if (!texts.some((text) => names.has(sameCase(principalOf(text).name))))
    yield 'no super user can log in by this file: only a password or token that is in the log already makes one; see users and super.users';
}

/** Everybody knows the token that upstream ships with. */
function* ofMetaService({ metaService }: Exposed): Generator<string> {
  if (metaService === undefined || isLoopback(metaService.address)) return;
  const where = textOf(metaService.address);
  if (metaService.token === defaultMetaServiceToken)
    yield `WHOEVER REACHES ${where} HAS THE TOKEN OF THE META SERVICE: everybody knows it; set CHANCERY_META_SERVICE_TOKEN`;
  else if (metaService.rpc === 'open')
    yield `WHOEVER REACHES ${where} MAY DO EVERYTHING through the RPC form of the Meta Service: set meta-service-rpc to token or off`;
}
