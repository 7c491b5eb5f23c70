/** Acts on the access control list that rest on no other act: granted, granted again, revoked one by one and by filters. */
import fc from 'fast-check';
import { type Acl, type AclEvent, aclGranted, aclRevoked } from '../../events/acls.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { everyone, principalOf, resourceOf } from '../../src/deciders/resources.ts';
import type { Chapter } from '../support/given.ts';
import { Teller } from './metaServiceActs.ts';

/** What a cluster with an authorizer begins with. */
export const authorizing = (more: Readonly<Record<string, string>> = {}): readonly ChanceryEvent[] => {
  const texts = Object.entries({ 'authorizer.enabled': 'true', ...more });
  const staticConfigs = Object.fromEntries(texts.map(([key, text]) => [key, { kind: 'text', text } as const]));
  return [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs })];
};

/** `ALLOW WRITE shop.orders User:etl *`: as the words of the history have it. */
export function aclOf(words: string): Acl {
  const [effect = '', operation = '', named = '', principal = '', host = ''] = words.split(' ');
  const resource = resourceOf(named);
  if (resource === undefined) throw new Error(`'${words}' names no resource`);
  return { effect, host, operation, principal: principal === '*:*' ? everyone : principalOf(principal), resource } as Acl;
}
export const granted = (...words: readonly string[]): ChanceryEvent => aclGranted({ acls: words.map(aclOf) });
export const revoked = (...words: readonly string[]): ChanceryEvent => aclRevoked({ acls: words.map(aclOf) });

const acts: readonly Command[] = [
  { name: 'grantAcls', acls: ['ALLOW READ cluster User:alice *', 'DENY WRITE shop.orders User:Größe 10.0.0.1'].map(aclOf) },
  { name: 'grantAcls', acls: ['ALLOW ALL shop User:alice *', 'ALLOW DESCRIBE * *:* *', 'ALLOW DROP *.* User:Alice *'].map(aclOf) },
  { name: 'grantAcls', acls: [aclOf('DENY READ shop User:alice *')] },
  { name: 'revokeAcls', filters: [{ principal: principalOf('User:alice') }, { resource: { type: 'DATABASE' } }] },
  { name: 'grantAcls', acls: [aclOf('ALLOW READ cluster User:alice *')] },
  { name: 'revokeAcls', filters: [{ effect: 'DENY' }] },
];

/** A story in which every event of the family occurs: chapters a minute apart. @param begins epoch milliseconds */
export function aclStory(begins: number): readonly (Chapter & { readonly command: string; readonly at: number })[] {
  const teller = new Teller();
  for (const event of authorizing()) teller.tell(event, begins);
  const chapters = acts.map((act, i) => {
    const at = begins + (i + 1) * 60_000;
    return { command: act.name, at, events: teller.act(act, at) };
  });
  teller.end();
  return chapters;
}

const pieces = {
  effect: fc.constantFrom('ALLOW', 'DENY'),
  operation: fc.constantFrom('ALL', 'READ', 'WRITE'),
  resource: fc.constantFrom('cluster', 'shop', 'shop.orders', '*', '*.*'),
  principal: fc.constantFrom('User:a', 'User:A', 'User:b', '*:*'),
  host: fc.constantFrom('*', '10.0.0.1'),
};
/** Entries of which some are equal and many are nearly so. */
export const anyAcl: fc.Arbitrary<Acl> = fc
  .record(pieces)
  .map(({ effect, host, operation, principal, resource }) => aclOf(`${effect} ${operation} ${resource} ${principal} ${host}`));

/** The list so far: what can happen next depends on it. */
export class AclBook {
  readonly #entries = new Map<string, Acl>();

  /** @returns an event that adds, or takes off, those of the entries that can be */
  change(acls: readonly Acl[], isGrant: boolean): AclEvent | undefined {
    const changed = [...new Map(acls.map((each) => [JSON.stringify(each), each]))].filter(([key]) => this.#entries.has(key) !== isGrant);
    for (const [key, each] of changed) {
      if (isGrant) this.#entries.set(key, each);
      else this.#entries.delete(key);
    }
    if (changed.length === 0) return undefined;
    const data = { acls: changed.map(([, each]) => each) };
    return isGrant ? aclGranted(data) : aclRevoked(data);
  }
}
