import type { ConfigValue } from '../../events/configs.ts';
import type { Node } from '../../src/engine/node.ts';

/** A file in which no tablet server is lost while a test runs. */
export const lastingLeases: Readonly<Record<string, ConfigValue>> = { 'chancery.server.lease': { kind: 'text', text: '1 h' } };

/** Has tablet servers 0, 1, … registered, of which there is nothing but their row. */
export async function registerServers(node: Node, count: number): Promise<void> {
  for (let serverId = 0; serverId < count; serverId += 1) {
    const command = {
      name: 'registerServer',
      serverId,
      directoryId: `directory-${serverId}`,
      incarnation: `process-${serverId}`,
      endpoint: `127.0.0.1:${9200 + serverId}`,
    } as const;
    const outcome = await node.submit(command, { principal: 'User:root', interface: 'operator' });
    if (outcome.kind !== 'done') throw new Error(`server ${serverId} was not registered: ${JSON.stringify(outcome)}`);
  }
}
