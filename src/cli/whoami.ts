import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { harmless, type Terminal } from './terminal.ts';

/** What /v1/whoami says. */
interface Whoami {
  readonly principal: string;
  readonly host: string;
  readonly method: string;
  readonly isSuperUser: boolean;
  readonly isAuthorizing: boolean;
}

const proofs: Readonly<Record<string, string>> = {
  none: 'without credentials',
  basic: 'by a password',
  bearer: 'by a token',
  certificate: 'by a certificate',
};

/** `chancery whoami`: whom a node takes the caller for. */
export async function whoami(options: OperatorOptions & { readonly json?: boolean }, terminal: Terminal): Promise<void> {
  const answer = (await new OperatorClient(options, terminal).json({ path: '/v1/whoami' })) as Whoami;
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  const { host, method, principal } = answer;
  terminal.out.write(`${harmless(`${principal} from ${host}, ${proofs[method] ?? method}`)}\n${rightsOf(answer)}\n`);
}

function rightsOf({ isAuthorizing, isSuperUser }: Whoami): string {
  if (!isAuthorizing) return 'there is no authorizer (authorizer.enabled): everybody may do everything';
  return isSuperUser
    ? 'a super user: may do everything'
    : 'may do what the access control list allows: chancery can --operation ... --resource ...';
}
