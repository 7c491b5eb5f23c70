// `npm install` leaves packages for other platforms out of package-lock.json when its registry does not carry them, and
// `npm ci` then refuses the file. Run this after a change of dependencies: it adds the missing optional entries (name,
// version and platform; no checksum, since none could be read), which `npm ci` skips on every other platform.
import { readFileSync, writeFileSync } from 'node:fs';

const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8'));
const platforms = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const cpus = ['arm64', 'x64', 'arm', 'ia32', 'riscv64', 's390x', 'ppc64'];
let added = 0;
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] !== undefined) continue;
    const words = name.split(/[/-]/);
    const os = platforms.filter((word) => words.includes(word));
    const cpu = cpus.filter((word) => words.includes(word));
    if (os.length === 0) continue; // Not a platform package: npm itself knows what to do.
    const libc = words.includes('musl') ? { libc: ['musl'] } : {};
    lock.packages[`node_modules/${name}`] = {
      version,
      optional: true,
      ...(entry.dev ? { dev: true } : {}),
      os,
      ...(cpu.length ? { cpu } : {}),
      ...libc,
    };
    added += 1;
  }
}
const { '': root, ...rest } = lock.packages;
lock.packages = { '': root, ...Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))) };
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
