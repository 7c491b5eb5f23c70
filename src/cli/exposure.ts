import { defaultMetaServiceToken } from './settingNames.ts';
import { type Address, type Settings, textOf } from './settings.ts';

type Exposed = Pick<Settings, 'authentication' | 'clusterConfigs' | 'metaService' | 'operator' | 'tls'>;

const isLoopback = ({ host }: Address): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** What others could do to this node without proving who they are, one line each, with the remedy. None on loopback addresses. */
export const exposureWarnings = (settings: Exposed): readonly string[] => [...ofOperator(settings), ...ofMetaService(settings)];

function* ofOperator({ authentication, clusterConfigs, operator, tls }: Exposed): Generator<string> {
  const { mode, users } = authentication;
  if (mode === 'required' && users.size === 0 && !clusterConfigs.has('security.sasl.plain.credentials'))
    yield 'authentication is required and no user is set: only users and tokens that are in the log already get in';
  if (isLoopback(operator) || tls.clientCerts === 'required') return;
  const who = `WHOEVER REACHES ${textOf(operator)} MAY DO EVERYTHING`;
  if (mode === 'none') yield `${who}: there is no authentication; write users into the settings file (chancery hash-password)`;
  const isAuthorizing = clusterConfigs.get('authorizer.enabled')?.value === 'true';
  if (mode === 'optional' && !isAuthorizing) yield `${who}: nobody must log in and there is no authorizer; set authorizer.enabled`;
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
