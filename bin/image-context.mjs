// Prepares .image/, which the Dockerfile's target `image` copies: the compiled sources, and the runtime packages as Linux needs them.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const top = join(import.meta.dirname, '..');
const image = join(top, '.image');

function run(cwd, command, ...args) {
  const { error, status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`"${[command, ...args].join(' ')}" failed${error ? `: ${error.message}` : ', see above'}`);
  process.exit(1);
}

rmSync(image, { recursive: true, force: true });
mkdirSync(join(image, 'bin'), { recursive: true });
for (const file of ['package.json', 'package-lock.json', '.npmrc', 'LICENSE', join('bin', 'chancery')])
  copyFileSync(join(top, file), join(image, file));
run(top, 'tsc', '-p', join('src', 'tsconfig.json'), '--outDir', join(image, 'dist'));
run(image, 'npm', 'ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--os=linux', `--cpu=${process.arch}`, '--libc=glibc');
console.log('.image is ready: docker-compose up --build');
