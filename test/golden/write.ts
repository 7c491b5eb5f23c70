/**
 * Writes a golden log of the present release: `node test/golden/write.ts RELEASE-NAME`. Every event type there is must occur in the
 * story below, in a life that a cluster could have had.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { type EncodedEntry, encodeEntry, genesisHash, type LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { bulkFold, foldVersions } from '../../projections/state.ts';
import { aclStory } from '../fold/aclActs.ts';
import { flussStory } from '../fold/flussActs.ts';
import { metaServiceStory } from '../fold/metaServiceActs.ts';
import { tokenStory } from '../fold/tokenActs.ts';
import { contentsHash } from './contents.ts';

interface Chapter {
  readonly minute: number;
  readonly epoch: number;
  readonly principal: string;
  readonly command: string;
  readonly reason?: string;
  readonly events: readonly ChanceryEvent[];
}

const unset: ConfigValue = { kind: 'unset' };
const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
const sealed: ConfigValue = {
  kind: 'secrets',
  entries: { 'access-key': { keyId: 'k1', nonce: 'bm9uY2Utb2YtMTI=', ciphertext: 'c2VhbGVkLCBhbmQgbm9ib2R5IG9wZW5zIGl0' } },
};
const limit = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
const joined = (nodeId: string): ChanceryEvent =>
  coordinatorJoined({ nodeId, operatorUrl: `http://${nodeId}.example:8480`, release: '0.1.0' });

const story: readonly Chapter[] = [
  {
    minute: 0,
    epoch: 1,
    principal: 'chancery',
    command: 'takeLeadership',
    events: [
      logCreated({ format: 1, clusterId: 'golden-cluster-1' }),
      leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: { 'datalake.format': text('paimon') } }),
    ],
  },
  { minute: 1, epoch: 1, principal: 'chancery', command: 'joinCoordinator', events: [joined('n1'), joined('n2'), joined('n3')] },
  {
    minute: 5,
    epoch: 1,
    principal: 'User:dana',
    command: 'alterClusterConfigs',
    reason: 'the weekly import, größer als sonst',
    events: [
      clusterConfigsChanged({
        changes: [
          { key: limit, previous: unset, value: text('200MB') },
          { key: 'datalake.format', previous: unset, value: { kind: 'hidden' } },
          { key: 'security.credentials', previous: unset, value: sealed },
        ],
      }),
    ],
  },
  {
    minute: 9,
    epoch: 1,
    principal: 'chancery',
    command: 'loseCoordinator',
    events: [coordinatorLost({ nodeId: 'n2', forgetAfterMs: 600_000 })],
  },
  {
    minute: 10,
    epoch: 1,
    principal: 'chancery',
    command: 'loseCoordinator',
    events: [coordinatorLost({ nodeId: 'n3', forgetAfterMs: 600_000 })],
  },
  { minute: 12, epoch: 1, principal: 'chancery', command: 'joinCoordinator', events: [joined('n2')] },
  {
    minute: 15,
    epoch: 3,
    principal: 'chancery',
    command: 'takeLeadership',
    events: [leadershipTaken({ nodeId: 'n2', epoch: 3, staticConfigs: { [limit]: text('50MB'), 'security.credentials': sealed } })],
  },
  { minute: 20, epoch: 3, principal: 'chancery', command: 'forgetCoordinator', events: [coordinatorForgotten({ nodeId: 'n3' })] },
  {
    minute: 3000,
    epoch: 3,
    principal: 'User:lee',
    command: 'alterClusterConfigs',
    events: [
      clusterConfigsChanged({ changes: [{ key: limit, previous: text('200MB'), value: unset }] }),
      clusterConfigsChanged({ changes: [{ key: limit, previous: unset, value: text('1gb') }] }),
    ],
  },
];

function entryOf(chapter: Chapter, number: number, before: EncodedEntry | undefined): EncodedEntry {
  const { minute, epoch, principal, command, reason } = chapter;
  const act = {
    principal,
    interface: principal === 'chancery' ? 'chancery' : principal === 'User:meta-service' ? 'metaservice' : 'sql',
    command,
    commandId: `command-${number}`,
    digest: String(number).padStart(32, '0'),
    ...(principal === 'chancery' ? {} : { host: '10.0.0.7' }),
    node: epoch === 1 ? 'n1' : 'n2',
    ...(reason === undefined ? {} : { reason }),
  } as const;
  const events: LoggedEvent[] = chapter.events.map((event, i) => ({ ...event, id: `event-${number}-${i}`, act }));
  return encodeEntry({
    epoch,
    index: number,
    firstPosition: before === undefined ? 1 : before.entry.firstPosition + before.entry.count,
    at: startOf(minute),
    batchId: `batch-${number}`,
    previousHash: before?.entry.hash ?? genesisHash,
    events,
  });
}

const startOf = (minute: number): number => Date.UTC(2026, 10, 20, 12) + minute * 60_000;

const name = process.argv[2];
if (name === undefined || !/^\d+\.\d+\.\d+-[a-z-]+$/.test(name)) throw new Error('give a name such as 0.1.0-first-life');
const base = join(import.meta.dirname, name);
if (existsSync(`${base}.ndjson`)) throw new Error(`${base}.ndjson exists, and a golden log is never edited: choose another name`);

const chain: EncodedEntry[] = [];
/** Chapters of a family's story, in its principal's name. */
const toldBy = (
  principal: string,
  chapters: readonly { readonly at?: number; readonly command: string; readonly events: Chapter['events'] }[],
) => chapters.map(({ at = 0, command, events }): Chapter => ({ minute: (at - startOf(0)) / 60_000, epoch: 3, principal, command, events }));
const day = 24 * 60;
const told = [
  ...toldBy(
    'User:meta-service',
    metaServiceStory(
      story.flatMap(({ events }) => events),
      startOf(3001),
    ),
  ),
  ...toldBy('User:dana', tokenStory(startOf(3001 + day))),
  ...toldBy('User:dana', aclStory(startOf(3001 + 2 * day))),
  ...toldBy('User:dana', flussStory(startOf(3001 + 3 * day))),
];
for (const chapter of [...story, ...told]) chain.push(entryOf(chapter, chain.length + 1, chain.at(-1)));
const fold = bulkFold();
fold.add(chain.map(({ entry }) => entry));
const state = fold.finish();
const expected = { position: state.position, foldVersions: foldVersions(), contentsHash: contentsHash(state) };
writeFileSync(`${base}.ndjson`, `${chain.map((encoded) => encoded.text).join('\n')}\n`);
writeFileSync(`${base}.json`, `${JSON.stringify(expected, null, 2)}\n`);
