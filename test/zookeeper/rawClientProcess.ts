/** A process that holds node-zookeeper-client as it comes, does what it is told and tells what happened. Started by rawClient.ts. */
import zookeeper, { type Client } from 'node-zookeeper-client';
import type { RawCommand, RawReport } from './rawClient.ts';

let client: Client | undefined;
const tell = (report: RawReport): void => void process.send?.(report);
process.on('uncaughtException', (error) => tell({ kind: 'uncaught', message: error.message }));

const settled =
  (id: string) =>
  (error: unknown): void => {
    const code = error === null || error === undefined ? 'OK' : ((error as { name?: string }).name ?? 'unnamed');
    tell({ kind: 'settled', id, code });
  };

/** Retries inside the callback until it would be for ever, then tells how often the callback ran before the next turn of the loop. */
function retryInCallback(raw: Client, path: string, id: string): void {
  let calls = 0;
  const again = (error: unknown): void => {
    calls += 1;
    if (error && calls < 5000) raw.getData(path, again);
    else tell({ kind: 'settled', id, code: String(calls) });
  };
  raw.getData(path, again);
}

function obey(command: RawCommand): void {
  if (command.kind === 'connect') {
    client = zookeeper.createClient(command.connect, { sessionTimeout: command.sessionTimeoutMs, spinDelay: 50 });
    client.on('state', (state) => tell({ kind: 'state', name: state.name }));
    client.connect();
    return;
  }
  const raw = client as Client;
  const { id } = command;
  try {
    if (command.kind === 'get') raw.getData(command.path, settled(id));
    else if (command.kind === 'ephemeral') raw.create(command.path, zookeeper.CreateMode.EPHEMERAL, settled(id));
    else if (command.kind === 'set')
      raw.setData(command.path, command.bytes === undefined ? null : Buffer.alloc(command.bytes), settled(id));
    else if (command.kind === 'check') raw.transaction().check(command.path, command.version).commit(settled(id));
    else if (command.kind === 'retryInCallback') retryInCallback(raw, command.path, id);
    else if (command.kind === 'setXid') {
      (raw as unknown as { connectionManager: { xid: number } }).connectionManager.xid = command.xid;
      settled(id)(undefined);
    }
  } catch (error) {
    tell({ kind: 'settled', id, code: (error as Error).name });
  }
}

process.on('message', (command) => obey(command as RawCommand));
process.on('disconnect', () => process.exit(0));
