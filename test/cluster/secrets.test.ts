/**
 * Goal: what docs/secrets.md promises, on real nodes: a rotation, a shredding that breaks nothing but what it should, a change of the
 * master key over restarts, an export that is worth nothing without it, and a verify that tells all of them apart.
 * Method: one log in files under nodes with one, two and other master keys, and the commands of the page.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { chancery, type Ended, folder, type ServedNode, serve } from '../cli/processes.ts';
import { type Asking, asking } from '../metaservice/support.ts';

interface Listing {
  readonly masterKeyId: string;
  readonly dataKeys: readonly {
    readonly keyId: string;
    readonly state: string;
    readonly sealedValues: number;
    readonly masterKeyId?: string;
  }[];
}
const waiting = { timeout: 20_000 };
const place = { bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'x', region: 'r', provider: 'COS' };
const instance = (id: string) => ({ instance_id: id, vault: { obj_info: { ...place, ak: `ak of ${id}`, sk: `sk of ${id}` } } });

/** Nodes over one log, and the commands that ask the one that runs. */
class Life {
  readonly cwd = folder();
  node: ServedNode | undefined;
  metaService: Asking = asking('');

  keyFile(name: string): string {
    writeFileSync(join(this.cwd, name), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    return name;
  }
  async serve(...args: readonly string[]): Promise<void> {
    const [port = 0] = await freePorts(1);
    this.node = await serve(this.cwd, ['--meta-service', `127.0.0.1:${port}`, ...args]);
    this.metaService = asking(`http://127.0.0.1:${port}`);
  }
  async stop(): Promise<Ended | undefined> {
    return await this.node?.stop();
  }
  async run(...args: readonly string[]): Promise<Ended> {
    return await chancery(args, { cwd: this.cwd, env: { CHANCERY_OPERATOR_URL: this.node?.url ?? '' } });
  }
  async done(...args: readonly string[]): Promise<string> {
    const { err, out, status } = await this.run(...args);
    expect(status, err).toBe(0);
    return out;
  }
  async keys(): Promise<Listing> {
    return (await (await fetch(`${this.node?.url}/v1/data-keys`)).json()) as Listing;
  }
  async create(id: string): Promise<void> {
    expect((await this.metaService.post('create_instance', instance(id))).json).toMatchObject({ code: 'OK' });
  }
  async storageOf(id: string): Promise<string> {
    return (await this.metaService.post('get_obj_store_info', { cloud_unique_id: `1:${id}:x` })).text;
  }
}

test('a rotation, a shredding, and a new master key', async () => {
  const life = new Life();
  const [old, next, other] = [life.keyFile('old.key'), life.keyFile('new.key'), life.keyFile('other.key')];
  await life.serve('--secret-key-file', old);
  await vi.waitFor(async () => expect((await life.keys()).dataKeys).toMatchObject([{ state: 'current', sealedValues: 0 }]), waiting);
  await life.create('i1');
  const first = (await life.keys()).dataKeys[0]?.keyId ?? '';
  expect(await life.done('keys', 'rotate', '--reason', 'once a year')).toMatch(
    /^data key [0-9a-f]{16} seals secrets from now on {3}position \d+\n$/,
  );
  await life.create('i2');
  expect((await life.keys()).dataKeys).toMatchObject([
    { keyId: first, state: 'live', sealedValues: 2 },
    { state: 'current', sealedValues: 2 },
  ]);
  expect(await life.done('keys', 'list')).toMatch(new RegExp(`\\n${first} {2}live {5} {4}2 {2}`));
  await life.done('export', 'before.ndjson');

  const refused = await life.run('keys', 'shred', first);
  expect(refused).toMatchObject({ status: 1, out: '' });
  expect(refused.err).toContain(`2 values in force are sealed with data key ${first}, and would be lost`);
  expect(await life.done('keys', 'shred', first, '--force')).toContain(`data key ${first} is shredded`);
  const lost = await life.storageOf('i1');
  expect(lost).toContain('UNDEFINED_ERR');
  expect(lost).toMatch(/sealed with data key '[0-9a-f]{16}', which was shredded at position \d+/);
  expect(await life.storageOf('i2')).toContain('sk of i2');
  expect((await life.metaService.post('alter_s3_vault', alteredVault('i1'))).json).toMatchObject({ code: 'OK' });
  expect(await life.storageOf('i1')).toContain('sk again');

  await life.stop();
  await life.serve('--secret-key-file', next, '--previous-secret-key-file', old);
  expect(await life.storageOf('i2')).toContain('sk of i2');
  expect(await life.done('keys', 'rewrap')).toMatch(/^all data keys are under master key [0-9a-f]{16} {3}position \d+\n$/);
  expect(await life.done('keys', 'rewrap')).toMatch(/^all data keys were under master key [0-9a-f]{16} already\n$/);
  const { dataKeys, masterKeyId } = await life.keys();
  expect(dataKeys.filter(({ state }) => state !== 'shredded').map((key) => key.masterKeyId)).toEqual([masterKeyId]);
  await life.stop();

  await life.serve('--secret-key-file', next);
  expect(await life.storageOf('i2')).toContain('sk of i2');
  await life.done('export', 'after.ndjson');
  await life.stop();

  const verify = (file: string, ...args: readonly string[]) => life.run('verify', '--file', file, ...args);
  expect((await verify('after.ndjson')).out).toContain('secrets not looked at: give --secret-key-file to see that they open\n');
  expect((await verify('after.ndjson', '--secret-key-file', next)).out).toContain('\nsecrets 4 open, 2 shredded\n');
  expect((await verify('before.ndjson', '--secret-key-file', old)).out).toContain('\nsecrets 4 open, 0 shredded\n');
  const wrong = await verify('after.ndjson', '--secret-key-file', other, '--json');
  expect(wrong.status).toBe(1);
  expect(JSON.parse(wrong.out)).toMatchObject({ sound: true, secrets: { opened: 0, failed: [{ count: 4 }] } });
  expect(wrong.err).toMatch(
    /^secrets do not open from position \d+ on: storage\/ak is sealed with data key '[0-9a-f]{16}', which is under /,
  );
});

/** What gives a vault its keys again. */
const alteredVault = (id: string) => ({
  cloud_unique_id: `1:${id}:x`,
  vault: { name: 'built_in_storage_vault', obj_info: { ak: 'ak again', sk: 'sk again' } },
});

test('a node with another master key serves all but secrets, and says so', async () => {
  const life = new Life();
  await life.serve('--secret-key-file', life.keyFile('right.key'));
  await vi.waitFor(async () => expect((await life.keys()).dataKeys).toHaveLength(1), waiting);
  await life.create('i1');
  await life.done('export', 'copy.ndjson');
  await life.stop();
  // The copy, as somebody who has the log and not the key would start it.
  await life.done('import', 'copy.ndjson', '--log', 'file:copy');
  await life.serve('--log', 'file:copy', '--secret-key-file', life.keyFile('wrong.key'));
  await life.done('sql', "CALL sys.set_cluster_configs('datalake.format', 'paimon')");
  const refused = await life.run('sql', "CALL sys.set_cluster_configs('security.sasl.plain.credentials', 'alice:pw')");
  expect(refused.status).toBe(1);
  expect(refused.err).toContain('SECRETS_UNAVAILABLE');
  expect(await life.storageOf('i1')).toContain('which this node does not have');
  const ended = await life.stop();
  expect(ended?.err).toMatch(/secrets can neither be sealed nor opened here: they need data key '[0-9a-f]{16}', which is under master key/);
});
