/**
 * Goal: what cannot be done ends with the status and the words that the manual promises, and nothing that was acknowledged is lost.
 * Method: real processes are given wrong settings, damaged files, dead addresses and signals; texts are compared as an operator sees them.
 */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { chancery, folder, inProcess, serve, start } from './processes.ts';

const golden = join(import.meta.dirname, '../golden/0.1.0-first-life.ndjson');

describe('a refused statement', () => {
  test('teaches, and changes nothing', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    const sql = (...args: readonly string[]) => chancery(['sql', '--operator', node.url, ...args], { cwd });
    const key = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
    expect(await sql(`CALL sys.set_cluster_configs('${key}', '200 apples')`)).toEqual({
      status: 1,
      out: '',
      err: [
        'refused: INVALID_CONFIG_VALUE at config_pairs[1]',
        `Cannot parse '200 apples' as MemorySize for config '${key}': Could not parse value '200 apples' for key '${key}'.`,
        'Give a value of the type that the message names. Nothing was changed.',
        '',
      ].join('\n'),
    });
    expect(await sql('SELEKT * FROM sys.acls')).toEqual({
      status: 1,
      out: '',
      err: 'SELEKT * FROM sys.acls\n^ expected CALL, SHOW, USE, DESCRIBE, EXPLAIN, CREATE, ALTER, DROP or SELECT; did you mean SELECT?\n',
    });
    const second = await sql("SHOW CATALOGS; CALL sys.no_such_thing(); CALL sys.set_cluster_configs('datalake.format', 'paimon')");
    expect(second.status).toBe(1);
    expect(second.out).toContain('fluss_catalog');
    expect(second.err).toMatch(/^refused: \w*UNKNOWN_PROCEDURE in statement 2\n/);
    const { out } = await chancery(['status', '--json', '--operator', node.url], { cwd });
    expect(JSON.parse(out)).toMatchObject({ nodes: [{ position: 4 }] });
  });
});

describe('wrong usage ends with 2', () => {
  test.each([
    [['histroy'], "error: unknown command 'histroy'\n(Did you mean history?)\n(more: add --help)\n"],
    [['history', '--limt', '3'], "error: unknown option '--limt'\n(Did you mean --limit?)\n(more: add --help)\n"],
    [
      ['history', '--limit', '0'],
      "error: option '--limit <N>' argument '0' is invalid. Give a number from 1 to 100000.\n(more: add --help)\n",
    ],
    [
      ['history', '--since', 'soon'],
      "--since 'soon' is no time\nGive one of the forms 23:00, yesterday 23:00, 2h, 2026-11-20, 2026-11-20T23:00:00Z.\n",
    ],
    [
      ['status', '--operator', 'nowhere'],
      "--operator 'nowhere' is not the address of a node\nGive http://HOST:PORT, such as http://127.0.0.1:8480.\n",
    ],
    [['sql', 'SHOW TABLES', '-f', 'x.sql'], 'a statement and --file cannot both be given\nLeave one of them out.\n'],
    [['sql', '-f', 'x.sql'], 'x.sql cannot be read: there is no such file\n'],
    [['sql', ' '], 'there is no statement\nGive one, such as: chancery sql "SHOW PROCEDURES"\n'],
    [['verify', '--file', '.'], '. is a directory\nGive an exported file, or --log file:. for the log in it.\n'],
    [['replay', '--log', 'data'], "--log 'data' is no log\nGive file:DIR or zookeeper://HOST:PORT/ROOT.\n"],
    [['import', 'x'], "error: required option '--log <URL>' not specified\n(more: add --help)\n"],
    [
      ['serve', '--operator', 'x', '--session-timeout', '1h'],
      [
        "cannot start: --operator 'x' is not HOST:PORT",
        'Give a host and a port from 1 to 65535, such as 127.0.0.1:8480 or [::1]:8480.',
        "cannot start: --session-timeout '1h' is not a time from 1s to 5min",
        'Give a number and a unit (ms, s, min), such as 10s.',
        '',
      ].join('\n'),
    ],
  ])('%j', async (args, err) => {
    expect(await inProcess(args)).toEqual({ status: 2, out: '', err });
  });

  test('every command explains itself, with an example', async () => {
    const commands = [
      'serve',
      'sql',
      'history',
      'status',
      'at',
      'replay',
      'verify',
      'export',
      'import',
      'whoami',
      'can',
      'denials',
      'keys list',
      'keys rotate',
      'keys rewrap',
      'keys shred',
      'token issue',
      'token list',
      'token revoke',
      'hash-password',
      'cluster up',
      'cluster status',
      'cluster down',
    ];
    for (const command of commands) {
      const { out, status } = await inProcess([...command.split(' '), '--help']);
      expect({ command, status }).toEqual({ command, status: 0 });
      expect(out).toMatch(new RegExp(`\\nExamples:\\n(.*\\n)*  .*chancery ${command}`));
    }
    const { out } = await inProcess(['--help']);
    for (const command of commands) expect(out).toContain(`\n  ${command.split(' ')[0]}`);
    expect(out).toContain('Exit status: 0 done, 1 refused, 2 wrong usage, 3 not reachable, 4 outcome unknown\n');
  });

  test('a cluster config of the file that is wrong stops the start, with its line', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'chancery.yaml'), 'cluster-configs:\n  datalake.format: paimon\n  kv.snapshot.interval: often\n');
    const { err, status } = await chancery(['serve'], { cwd });
    expect(status).toBe(2);
    expect(err).toContain(
      "cannot start: cluster-configs in chancery.yaml, line 3: Cannot parse 'often' as Duration for config 'kv.snapshot.interval'",
    );
  });
});

describe('a node that cannot be reached', () => {
  test('ends with 3, naming every address', async () => {
    const cwd = folder();
    const [one, other] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
    expect(await chancery(['status', '--operator', `${one},${other},http://127.0.0.1:1`], { cwd })).toEqual({
      status: 3,
      out: '',
      err: [
        `no node answers: ${one}: connection refused; ${other}: connection refused; http://127.0.0.1:1: no HTTP client may use this port`,
        'Start one with "chancery serve", or name another with --operator http://HOST:PORT.',
        '',
      ].join('\n'),
    });
  });

  test('a lost answer to a write ends with 4 and the key to ask again with; one to a read with 3', async () => {
    const cwd = folder();
    // Stands in for a node whose connection breaks behind the request: no real one can be made to do so at that moment.
    const breaking = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1');
    onTestFinished(() => void breaking.close());
    await once(breaking, 'listening');
    const operator = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
    const write = await chancery(
      ['sql', '--operator', operator, '--idempotency-key', 'k1', "CALL sys.reset_cluster_configs('datalake.format')"],
      { cwd },
    );
    expect(write.status).toBe(4);
    expect(write.err).toBe(
      [
        `outcome unknown: ${operator}: the connection broke`,
        'It may have been done or not. Send the same again with the same key, then it is done at most once and the answer tells:',
        'chancery sql --idempotency-key k1 ...',
        '',
      ].join('\n'),
    );
    expect((await chancery(['sql', '--operator', operator, 'SHOW TABLES'], { cwd })).status).toBe(3);
  });

  test('an address that is no node says so', async () => {
    const cwd = folder();
    const other = createServer((_, response) => response.writeHead(404).end('<html>')).listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const operator = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { err, status } = await chancery(['status', '--operator', operator], { cwd });
    expect(status).toBe(1);
    expect(err).toBe(`refused: HTTP_404\n${operator}/v1/status answered 404 Not Found: <html>\nIs this the address of a Chancery node?\n`);
  });
});

describe('a damaged log', () => {
  const lines = readFileSync(golden, 'utf8').split('\n');
  const damaged = (change: (lines: string[]) => void): { readonly cwd: string; readonly file: string } => {
    const cwd = folder();
    const copy = [...lines];
    change(copy);
    writeFileSync(join(cwd, 'log.ndjson'), copy.join('\n'));
    return { cwd, file: 'log.ndjson' };
  };
  /** The first position of an entry of the golden log. */
  const firstOf = (line: number): number => (JSON.parse(lines[line] ?? '') as { firstPosition: number }).firstPosition;

  test.each([
    ['a changed letter', (copy: string[]) => (copy[4] = copy[4]?.replace('"at":', '"at":1') ?? ''), 4, /does not match its own hash/],
    ['a missing entry', (copy: string[]) => copy.splice(4, 1), 4, /does not follow entry 4/],
    ['a line cut off', (copy: string[]) => (copy[4] = copy[4]?.slice(0, 100) ?? ''), 4, /is not JSON/],
    ['bytes that are no text', (copy: string[]) => (copy[2] = '\u0000\u0001'), 2, /is not JSON/],
  ])('%s: its position is named', async (_, change, line, why) => {
    const { cwd, file } = damaged(change);
    const position = firstOf(line);
    const verified = await inProcess(['verify', '--file', join(cwd, file)]);
    expect(verified.status).toBe(1);
    expect(verified.err).toMatch(new RegExp(`^broken at position ${position}: `));
    expect(verified.err).toMatch(why);
    expect(verified.err).toContain('\nEverything before it holds. Restore the log from a copy that "chancery verify" finds sound.\n');
    const imported = await inProcess(['import', join(cwd, file), '--log', `file:${cwd}/new`]);
    expect(imported.status).toBe(1);
    expect(imported.err).toMatch(/\nNothing was imported\.\n$/);
    expect(existsSync(join(cwd, 'new'))).toBe(false);
  });

  test('what lies before the damage can still be replayed', async () => {
    const { cwd, file } = damaged((copy) => {
      copy[4] = 'broken';
    });
    const { err, out, status } = await inProcess(['replay', '--file', join(cwd, file)]);
    expect(status).toBe(1);
    expect(out).toMatch(/^1 {2}\S.*log created, format 1\n/);
    expect(err).toMatch(new RegExp(`^broken at position ${firstOf(4)}: `));
  });

  test('a line without end does not fill the memory', async () => {
    const { cwd, file } = damaged((copy) => {
      copy[1] = 'x'.repeat(5 * 1024 * 1024);
    });
    const { err, status } = await inProcess(['verify', '--file', join(cwd, file)]);
    expect(status).toBe(1);
    expect(err).toMatch(/^broken at position 3: line 2 of \S*log\.ndjson is over 786432 bytes long: no entry is\n/);
  });

  test('a flipped bit in the files of a node is found there', async () => {
    const cwd = folder();
    await inProcess(['import', golden, '--log', `file:${cwd}/data`]);
    const segment = join(cwd, 'data', 'segment-00000001.log');
    const bytes = readFileSync(segment);
    const at = bytes.indexOf(`"firstPosition":${firstOf(4)},`) + 1;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(segment, bytes);
    const { err, status } = await inProcess(['verify', '--log', `file:${cwd}/data`]);
    expect(status).toBe(1);
    expect(err).toMatch(new RegExp(`^broken at position ${firstOf(4)}: `));
    const served = await chancery(['serve'], { cwd });
    expect(served.status).toBe(1);
    expect(served.err).toMatch(/^cannot start: .*damaged/);
  });
});

describe('a node', () => {
  test('a second process on the same log is told who has it', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    const second = await chancery(['serve', '--operator', '127.0.0.1:1'], { cwd });
    expect(second.status).toBe(1);
    expect(second.err).toMatch(new RegExp(`^cannot start: the log in ${cwd}/data is in use by process ${node.child.pid} on `));
  });

  test('an address in use is named, and the log is given back', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    const address = node.url.slice('http://'.length);
    const second = await chancery(['serve', '--log', 'file:other', '--operator', address], { cwd });
    expect(second.status).toBe(1);
    expect(second.err).toContain(`cannot start: --operator ${address}: another process listens there already\n`);
    await serve(cwd, ['--log', 'file:other']);
  });

  test('a flag for what does not exist yet is ignored with a word', async () => {
    const cwd = folder();
    const node = await serve(cwd, ['--fluss', '127.0.0.1:9123']);
    expect(node.err()).toContain('this release does not serve Fluss RPC yet: --fluss is ignored');
  });

  test('a port of the Meta Service that is taken stops the start, and it can do without', async () => {
    const cwd = folder();
    const [port = 0] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const node = await serve(cwd, ['--meta-service', address]);
    expect(node.out()).toContain(
      `Meta Service         http://${address}   token greedisgood9999 (default: change it before others can reach it)\n`,
    );
    const operator = ['--operator', `127.0.0.1:${(await freePorts(1))[0]}`];
    const second = await chancery(['serve', '--log', 'file:other', ...operator, '--meta-service', address], { cwd });
    expect(second.status).toBe(1);
    expect(second.err).toContain(`cannot start: --meta-service ${address}: another process listens there already\n`);
    expect(second.err).toContain(
      `give another address: --meta-service 127.0.0.1:${port === 65_535 ? 8480 : port + 1}, or none: --meta-service off\n`,
    );
    await serve(cwd, ['--log', 'file:other']);
  });

  test("a token of one's own is shown nowhere; the one that everybody knows is warned of where others can reach it", async () => {
    const cwd = folder();
    const [one, other] = await freePorts(2);
    const env = { CHANCERY_META_SERVICE_TOKEN: 'a-token-of-my-own' };
    const quiet = await serve(cwd, ['--meta-service', `0.0.0.0:${one}`], env);
    expect(quiet.out()).toContain('token as set\n');
    const refused = await fetch(`http://127.0.0.1:${one}/MetaService/http/get_instance?token=greedisgood9999`);
    expect([refused.status, await refused.text()]).toEqual([403, 'incorrect token, token=greedisgood9999\n']);
    const ended = await quiet.stop();
    expect(`${ended.out}${ended.err}`).not.toContain(env.CHANCERY_META_SERVICE_TOKEN);
    expect(ended.err).not.toContain('everybody knows');
    const loud = await serve(cwd, ['--meta-service', `0.0.0.0:${other}`]);
    const remedy = 'everybody knows it; set CHANCERY_META_SERVICE_TOKEN';
    const warning = `WHOEVER REACHES 0.0.0.0:${other} HAS THE TOKEN OF THE META SERVICE: ${remedy}`;
    expect(loud.err()).toContain(warning);
    expect(loud.out()).toContain(`  WARNING: ${warning}\n`);
  });

  test('the log level follows the config, and a wrong key of the environment stops the start', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    const set = await chancery(['sql', '--operator', node.url, "CALL sys.set_cluster_configs('chancery.log.level', 'error')"], { cwd });
    expect(set.status).toBe(0);
    const { err } = await node.stop();
    expect(err).toContain('n1 took the lead');
    expect(err).not.toContain('stopped'); // Which it says at level info.
    const wrong = await chancery(['serve'], { cwd, env: { CHANCERY_LOGLEVEL: 'debug' } });
    expect(wrong).toMatchObject({
      status: 2,
      err: 'cannot start: CHANCERY_LOGLEVEL in the environment is not a setting\nDid you mean CHANCERY_LOG_LEVEL?\n',
    });
  });

  test('secrets in the log need the same key', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    expect(readFileSync(join(cwd, 'data', 'secret.key'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    await node.stop();
    writeFileSync(join(cwd, 'data', 'secret.key'), 'nonsense');
    const { err, status } = await chancery(['serve'], { cwd });
    expect(status).toBe(1);
    expect(err).toContain('secret.key does not hold a secret key, which is 64 hex digits\n');
    expect(err).not.toContain('openssl'); // What is there may be damaged, and must not be written over.
    const lost = await chancery(['serve', '--previous-secret-key-file', 'gone.key'], { cwd: folder() });
    expect(lost.status).toBe(1);
    expect(lost.err).toContain(
      'Restore the file, or take previous-secret-key-file out of the settings: what that key alone sealed then stays sealed.\n',
    );
  });

  test('SIGTERM under load loses nothing that was acknowledged', async () => {
    const cwd = folder();
    const node = await serve(cwd);
    const acknowledged: number[] = [];
    const put = async (writer: number, i: number): Promise<boolean> => {
      const body = JSON.stringify({ value: `${i}` });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${node.url}/v1/configs/datalake.paimon.w${writer}`, { method: 'PUT', headers, body }).catch(
        () => undefined,
      );
      if (response?.ok !== true) return false;
      acknowledged.push(((await response.json()) as { position: number }).position);
      return true;
    };
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; await put(writer, i); i += 1);
    });
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(50), { timeout: 10_000 });
    const { err, status } = await node.stop();
    expect(status).toBe(0);
    expect(err).toContain('n1 no longer leads: the node is stopping');
    await Promise.all(writers);
    const { out } = await chancery(['replay', '--log', 'file:data', '--json', '--subject', 'config/*'], { cwd });
    const recorded = new Set(
      out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: { position: number } }).event.position),
    );
    expect(acknowledged.filter((position) => !recorded.has(position))).toEqual([]);
  });

  test('a fault that nobody foresaw is logged and ends with 70', async () => {
    const cwd = folder();
    // Thrown from a timer as soon as the node has made itself ready for it.
    const code =
      'const t=setInterval(()=>{if(process.listenerCount("uncaughtException")>0){clearInterval(t);throw new Error("planted")}},20)';
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
    const { err, status } = await chancery(['serve'], { cwd, env });
    expect(status).toBe(70);
    expect(err).toContain('"message":"planted"');
    expect(err).toContain('a fault that nobody foresaw; the process ends');
  });

  test('waiting for a ZooKeeper that is not there is said, and can be ended', async () => {
    const cwd = folder();
    const env = { CHANCERY_CLUSTER_SECRET: 'correct horse' };
    const waiting = start(['serve', '--log', 'zookeeper://127.0.0.1:1/chancery'], { cwd, env });
    await vi.waitFor(() => expect(waiting.err()).toContain('waiting for ZooKeeper at 127.0.0.1:1'), { timeout: 10_000 });
    waiting.child.kill('SIGTERM');
    expect((await waiting.ended).status).toBe(0);
  });
});
