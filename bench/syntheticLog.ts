import { clusterConfigsChanged } from '../events/configs.ts';
import { type Act, encodeEntry, genesisHash, type LoggedEvent } from '../events/envelope.ts';

const actOf = (n: number): Act => ({
  principal: 'User:root',
  interface: 'sql',
  command: 'alterClusterConfigs',
  commandId: `command-${n}`,
  digest: n.toString(16).padStart(32, '0'),
  node: 'n1',
});

/** A valid log of config changes over `keys` keys, touched in no order; texts of entries of `batch` events. */
export function syntheticLog(events: number, keys: number, batch = 100): readonly string[] {
  const texts: string[] = [];
  let previousHash = genesisHash;
  for (let first = 0; first < events; first += batch) {
    const logged = Array.from({ length: Math.min(batch, events - first) }, (_, i): LoggedEvent => {
      const n = first + i;
      const key = `datalake.paimon.key-${(n * 7919) % keys}`;
      const previous = n < keys ? ({ kind: 'unset' } as const) : ({ kind: 'text', text: `value-${n - keys}` } as const);
      return {
        ...clusterConfigsChanged({ changes: [{ key, previous, value: { kind: 'text', text: `value-${n}` } }] }),
        id: `event-${n}`,
        act: actOf(n),
      };
    });
    const header = {
      epoch: 1,
      index: first / batch + 1,
      firstPosition: first + 1,
      at: 1_700_000_000_000 + first,
      batchId: `batch-${first}`,
    };
    const { entry, text } = encodeEntry({ ...header, previousHash, events: logged });
    previousHash = entry.hash;
    texts.push(text);
  }
  return texts;
}
