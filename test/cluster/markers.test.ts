/**
 * Goal: nothing secret is in the log, the node's own log, metrics, history, error texts, the API description, or any listing. Only the
 * answers that the contract says show keys (get_obj_store_info and its like), and those that hand out a token once, hold a secret.
 * Method: a real node, in which every secret field that there is carries a marker of its own, in requests that are done and in requests
 * that are refused; then every output that can be had is searched for every marker, as text, in base64 and in hex.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { chancery, folder, type ServedNode, serve } from '../cli/processes.ts';

const markers = new Map<string, string>();
/** A secret like no other text. Letters and digits alone: every field takes them. */
function plant(name: string): string {
  const text = `MARK${randomBytes(12).toString('hex')}`;
  markers.set(name, text);
  return text;
}

/** A text as it is, and what stays of it inside base64 at each of the three places it can have there, and in hex. */
function formsOf(text: string): readonly string[] {
  const inBase64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(text)])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : 4, -3),
  );
  return [text, ...inBase64, Buffer.from(text).toString('hex')];
}

/** Where each marker is found, as `marker in place`. */
class Search {
  readonly found: string[] = [];
  places = 0;
  in(place: string, text: string): void {
    this.places += 1;
    expect(text.length, `${place} is empty`).toBeGreaterThan(0);
    for (const [name, marker] of markers) if (formsOf(marker).some((form) => text.includes(form))) this.found.push(`${name} in ${place}`);
  }
}

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The node of the test: everything that it can be asked, as somebody who may. */
class Subject {
  readonly cwd = folder();
  readonly adminPassword = plant('admin password');
  readonly metaToken = plant('Meta Service token');
  readonly userPassword = plant('password of a user');
  readonly env: Readonly<Record<string, string>> = {
    CHANCERY_META_SERVICE_TOKEN: this.metaToken,
    CHANCERY_META_SERVICE_ADMIN_PASSWORD: this.adminPassword,
    CHANCERY_CLUSTER_SECRET: plant('cluster secret'),
    CHANCERY_LOG_LEVEL: 'trace',
  };
  readonly basic = `Basic ${Buffer.from(`dana:${this.userPassword}`).toString('base64')}`;
  readonly asDana = { CHANCERY_USER: 'dana', CHANCERY_PASSWORD: this.userPassword };
  node: ServedNode | undefined;
  meta = '';

  async start(): Promise<void> {
    const masterKey = randomBytes(32).toString('hex');
    markers.set('master key', masterKey);
    const hashed = await chancery(['hash-password'], { cwd: this.cwd, input: this.userPassword });
    const settings = [
      'users:',
      `  dana: ${hashed.out.trim()}`,
      'cluster-configs:',
      `  security.sasl.plain.credentials: "svc:${plant('SASL password of the file')}"`,
    ];
    writeFileSync(join(this.cwd, 'chancery.yaml'), settings.join('\n'));
    const [port = 0] = await freePorts(1);
    const env = { ...this.env, CHANCERY_SECRET_KEY: masterKey };
    this.node = await serve(this.cwd, ['--meta-service', `127.0.0.1:${port}`, '--audit-denials', '100'], env);
    this.meta = `http://127.0.0.1:${port}`;
  }

  get url(): string {
    return this.node?.url ?? '';
  }
  async operator(path: string, { body, headers, method = body === undefined ? 'GET' : 'POST' }: Ask = {}): Promise<Answer> {
    const withBody = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...type, authorization: this.basic, ...headers },
      ...withBody,
    });
    return { status: response.status, text: await response.text() };
  }
  async admin(route: string, body?: unknown): Promise<Answer> {
    const path = `/MetaService/http/${route}${route.includes('?') ? '&' : '?'}token=${this.metaToken}`;
    return await this.metaService(path, body);
  }
  async metaService(path: string, body?: unknown): Promise<Answer> {
    const withBody = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const response = await fetch(`${this.meta}${path}`, { method: body === undefined ? 'GET' : 'POST', ...withBody });
    return { status: response.status, text: await response.text() };
  }
}

const place = { bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'x', region: 'r', provider: 'COS' };
const keys = (of: string) => ({ ak: plant(`access key of ${of}`), sk: plant(`secret key of ${of}`) });
const uid = (id: string) => ({ cloud_unique_id: `1:${id}:x` });
const credentials = 'security.sasl.plain.credentials';

/** Access and secret keys in every form that takes them, on both surfaces; done and refused. @returns the refusals */
async function storageSecrets(subject: Subject): Promise<readonly Answer[]> {
  const done = async (route: string, body: object): Promise<void> => expect((await subject.admin(route, body)).text).toContain('"OK"');
  const obj_info = { ...place, ...keys('an object store'), user_id: 'u' };
  await done('create_instance', { instance_id: 'i1', obj_info, ram_user: { user_id: 'ram', ...keys('a ram user') } });
  await done('create_instance', { instance_id: 'i2', vault: { obj_info: { ...place, ...keys('the built-in vault') } } });
  await done('add_obj_info', { ...uid('i1'), obj: { ...place, bucket: 'b2', ...keys('a further object store') } });
  await done('legacy_update_ak_sk', { ...uid('i1'), obj: { id: '1', ...keys('rotation, old form') } });
  await done('update_ak_sk', { instance_id: 'i1', ram_user: { user_id: 'ram', ...keys('rotation, new form') } });
  await done('alter_ram_user', { instance_id: 'i1', ram_user: { user_id: 'ram', ...keys('a changed ram user') } });
  await done('alter_iam', { account_id: 'a', ...keys('the service itself') });
  await done('add_s3_vault', { ...uid('i2'), vault: { name: 'v', obj_info: { ...place, bucket: 'b3', ...keys('a vault') } } });
  await done('alter_s3_vault', { ...uid('i2'), vault: { name: 'v', obj_info: keys('a changed vault') } });
  const stage = { type: 'EXTERNAL', stage_id: 's', name: 'n', obj_info: { ...place, ...keys('a stage') } };
  expect((await subject.metaService('/MetaService/create_stage', { ...uid('i1'), stage })).text).toContain('"OK"');
  const store = { ...place, externalEndpoint: 'x', bucket: 'b4', ...keys('an act of the operator API') };
  const { external_endpoint: _, ...obj } = store;
  expect((await subject.operator('/v1/acts/addObjectStore', { body: { cloudUniqueId: '1:i1:x', obj } })).status).toBe(200);

  const bad = keys('refused requests');
  const refused = [
    subject.admin('add_obj_info', { ...uid('i1'), obj: { sk: bad.sk } }),
    subject.admin('add_obj_info', { ...uid('i1'), obj: { ...place, ...bad, prefix: 'p'.repeat(1024) } }),
    subject.admin('add_obj_info', { ...uid('nobody'), obj: { ...place, ...bad } }),
    subject.admin('update_ak_sk', { instance_id: 'i1', ram_user: { user_id: 'ram', sk: bad.sk }, internal_bucket_user: [{ ak: bad.ak }] }),
    subject.admin('alter_ram_user', { instance_id: 'i1', ram_user: bad }),
    subject.admin('create_instance', { instance_id: 'i3', obj_info: { ...bad, bucket: 'b' } }),
    subject.admin('add_s3_vault', { ...uid('i2'), vault: { name: 'v', obj_info: { ...place, ...bad } } }),
    subject.admin('add_obj_info', `{"obj": {"ak": "${bad.ak}", "sk": "${bad.sk}", "bucket": 7`),
    subject.admin('add_obj_info', { ...uid('i1'), obj: { ...place, ak: [bad.ak], sk: { in: bad.sk } } }),
    subject.metaService('/MetaService/create_stage', { ...uid('i1'), stage: { ...stage, obj_info: { ...place, ...bad } } }),
    subject.metaService('/MetaService/create_stage', `{"stage": {"obj_info": {"ak": "${bad.ak}", "sk": ["${bad.sk}"`),
    subject.metaService('/MetaService/create_stage', { ...uid('i1'), stage: { obj_info: { ak: 7, sk: [bad.sk] } } }),
    subject.operator('/v1/acts/addObjectStore', { body: { cloudUniqueId: '1:i1:x', obj: { ak: [bad.ak], sk: bad.sk } } }),
    subject.operator('/v1/acts/addObjectStore', { body: { cloudUniqueId: '1:nobody:x', obj: { ...obj, ...bad } } }),
    subject.operator('/v1/acts/addObjectStore', { body: { cloudUniqueId: '1:i1:x', obj: { ...obj, ...bad, more: bad.sk } } }),
    subject.operator('/v1/acts/addObjectStore', { body: `{"obj": {"ak": "${bad.ak}", "sk": "${bad.sk}", ]` }),
  ];
  return await Promise.all(refused);
}

/** Credentials of SASL, tokens and passwords; done and refused. @returns the refusals */
async function accessSecrets(subject: Subject): Promise<readonly Answer[]> {
  const pw = (of: string): string => plant(`SASL password ${of}`);
  const change = (op: string, value: string) => ({ changes: [{ op, key: credentials, value }] });
  const sql = (statement: string) => subject.operator('/v1/sql', { body: { statement } });
  const patch = (body: object) => subject.operator('/v1/configs', { method: 'PATCH', body });
  expect((await patch(change('set', `alice:${pw('set')},bob:${pw('set beside')}`))).status).toBe(200);
  expect((await patch(change('append', `carol:${pw('appended')}`))).status).toBe(200);
  expect((await sql(`CALL sys.append_cluster_configs('${credentials}', 'erin:${pw('by SQL')}')`)).status).toBe(200);
  const token = JSON.parse((await subject.operator('/v1/tokens', { body: { about: 'a test' } })).text) as {
    token: string;
    tokenId: string;
  };
  markers.set('bearer token', token.token);
  const asBearer = { authorization: `Bearer ${token.token}` };
  expect((await subject.operator('/v1/whoami', { headers: asBearer })).status).toBe(200);
  expect((await subject.operator(`/v1/tokens/${token.tokenId}`, { method: 'DELETE' })).status).toBe(200);
  expect((await subject.operator('/v1/data-keys', { body: {} })).status).toBe(200);

  const bad = plant('SASL password of refused requests');
  const wrong = plant('wrong password');
  const refused = [
    patch(change('set', `alice:${bad},alice:${bad}`)),
    patch(change('set', bad)),
    patch(change('set', `al ice:${bad}`)),
    patch(change('append', `frank:${bad}"`)),
    patch(change('append', `alice:${bad}`)),
    patch({ changes: [{ op: 'set', key: credentials, value: [bad] }] }),
    patch({
      changes: [
        { op: 'set', key: credentials, value: `x:${bad}` },
        { op: 'set', key: 'no.such.key', value: '1' },
      ],
    }),
    subject.operator(`/v1/configs/${credentials}`, { method: 'PUT', body: { value: `alice:${bad};` } }),
    subject.operator('/v1/configs', { method: 'PATCH', body: `{"changes": [{"value": "x:${bad}"]` }),
    sql(`CALL sys.append_cluster_configs('${credentials}', 'alice:${bad};')`),
    sql(`CALL sys.append_cluster_configs('${credentials}', 'x:${bad}`),
    sql(`CALL sys.append_cluster_configs('${credentials}' 'x:${bad}')`),
    sql(`CALL sys.append_cluster_configs('${credentials}', 'x:${bad}', 'y:${bad}')`),
    sql(`CALL sys.append_cluster_configs(\n  pairs => '${credentials}', 'x:${bad}')`),
    sql(`SET '${credentials}' = 'x:${bad}'`),
    subject.operator('/v1/whoami', { headers: asBearer }),
    subject.operator('/v1/whoami', { headers: { authorization: `Basic ${Buffer.from(`dana:${wrong}`).toString('base64')}` } }),
    subject.operator('/v1/whoami', { headers: { authorization: `Digest ${wrong}` } }),
    subject.operator('/internal/v1/submit', { body: { requests: [] }, headers: { 'chancery-signature': wrong } }),
    fetch(`${subject.meta}/rest/v2/manager/cluster/cluster_info/cloud_cluster_status`, {
      headers: { authorization: `Basic ${Buffer.from(`root:${wrong}`).toString('base64')}` },
    }).then(async (response) => ({ status: response.status, text: await response.text() })),
  ];
  return await Promise.all(refused);
}

/** Answers that show keys, by contract: the proof that what was planted is there. */
async function shownByContract(subject: Subject): Promise<void> {
  const shown = async (path: string, body: object): Promise<string> => (await subject.admin(path, body)).text;
  const store = await shown('get_obj_store_info', uid('i2'));
  expect(store).toContain(markers.get('access key of a changed vault'));
  expect(store).toContain(markers.get('secret key of the built-in vault'));
  expect((await subject.metaService('/MetaService/get_iam', uid('i1'))).text).toContain(markers.get('secret key of the service itself'));
}

/** Every GET route of the API description, and every system table. */
async function searchOperator(subject: Subject, search: Search): Promise<void> {
  const { status, text: description } = await subject.operator('/openapi.json');
  expect(status).toBe(200);
  search.in('openapi.json', description);
  const { paths } = JSON.parse(description) as { paths: Record<string, { get?: object }> };
  const fillers: Readonly<Record<string, string>> = {
    '{key}': credentials,
    '{instanceId}': 'i1',
    '{keyId}': '0'.repeat(16),
    '{tokenId}': 'x',
  };
  const queries: Readonly<Record<string, string>> = {
    '/v1/events': '?limit=1000',
    '/v1/log': '?after=0&limit=1000',
    '/v1/authorization': '?principal=User:dana&operation=READ&resource=cluster',
    '/v1/state': '?at=1000000',
    '/v1/tiering/stream': '?database=nowhere', // Streams do not end: what this one tells is in the statuses.
  };
  const routes = Object.entries(paths).flatMap(([path, { get }]) => (get === undefined ? [] : [path]));
  expect(routes.length).toBeGreaterThan(12);
  for (const route of [...routes, '/metrics', '/health', '/ready', '/v1/state']) {
    const path = route.replace(/\{\w+\}/g, (name) => fillers[name] ?? name);
    const query = queries[route] ?? '';
    search.in(`GET ${route}`, (await subject.operator(`${path}${query}`)).text);
  }
  const tables = JSON.parse((await subject.operator('/v1/sql', { body: { statement: 'SHOW TABLES' } })).text) as {
    results: readonly { rows: readonly (readonly [string])[] }[];
  };
  const names = tables.results[0]?.rows.map(([name]) => name) ?? [];
  expect(names.length).toBeGreaterThan(10);
  for (const name of [...names.map((table) => `SELECT * FROM sys.${table}`), `CALL sys.get_cluster_configs('${credentials}')`]) {
    const { text } = await subject.operator('/v1/sql', { body: { statement: name } });
    expect(text).toContain('"results"');
    search.in(name, text);
  }
}

/** The routes of the Meta Service that tell what is stored, other than those that show keys. */
async function searchMetaService(subject: Subject, search: Search): Promise<void> {
  for (const route of ['show_config', 'list_rate_limit', 'show_meta_ranges', 'get_cluster_status'])
    search.in(route, (await subject.admin(route)).text);
  for (const id of ['i1', 'i2']) {
    const { text: key } = await subject.admin(`encode_key?key_type=InstanceKey&instance_id=${id}`);
    search.in('encode_key', key);
    search.in('get_value', (await subject.admin(`get_value?key_type=InstanceKey&instance_id=${id}`)).text);
  }
  search.in('get_value of the service identity', (await subject.admin('get_value?key_type=SystemMetaServiceArnInfoKey')).text);
}

async function searchCommands(subject: Subject, search: Search): Promise<void> {
  const { cwd } = subject;
  const env = { CHANCERY_OPERATOR_URL: subject.url, ...subject.asDana };
  const commands: readonly (readonly string[])[] = [
    ['history', '--limit', '1000'],
    ['history', '--json', '--limit', '1000'],
    ['at', 'now', '--json'],
    ['replay'],
    ['export', 'export.ndjson'],
    ['keys', 'list'],
    ['token', 'list'],
    ['status', '--json'],
  ];
  const ended = await Promise.all(commands.map((args) => chancery(args, { cwd, env })));
  for (const [i, { err, out, status }] of ended.entries()) {
    const name = `chancery ${commands[i]?.join(' ')}`;
    expect(status, `${name}: ${err}`).toBe(0);
    search.in(name, `${out}${err}`);
  }
  search.in('the exported file', readFileSync(join(cwd, 'export.ndjson'), 'utf8'));
}

function searchFiles(directory: string, search: Search): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name);
    if (statSync(path).isFile() && statSync(path).size > 0) search.in(`file ${name}`, readFileSync(path, 'latin1'));
  }
}

test('what is secret is nowhere but where the contract shows it', async () => {
  const subject = new Subject();
  await subject.start();
  const search = new Search();
  const refusals = [...(await storageSecrets(subject)), ...(await accessSecrets(subject))];
  for (const [i, { text }] of refusals.entries()) {
    expect(text, `request ${i} should be refused`).not.toMatch(/"code": ?"OK"|"duplicate"/);
    search.in(`refusal ${i}: ${text.slice(0, 80)}`, text);
  }
  await shownByContract(subject);
  await searchOperator(subject, search);
  await searchMetaService(subject, search);
  await searchCommands(subject, search);
  searchFiles(join(subject.cwd, 'data'), search);
  const ended = await subject.node?.stop();
  search.in('the log of the node', `${ended?.out}${ended?.err}`);
  expect(ended?.err).toContain('"level":20'); // It told what it tells at the level trace.
  expect(search.places).toBeGreaterThan(80);
  expect(search.found).toEqual([]);
});
