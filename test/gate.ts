/**
 * The checks behind `npm test`, `npm run check` and their relatives: the steps named as arguments, one after the other, all of
 * them even when one fails. Steps: `static` (types, lint, dead code); `unit`, `cluster` and `compose`, which are of vitest.config.ts.
 * Whatever else is given (a test file, `-t name`) goes to vitest. The last line counts: `N passed, N failed`; a run without tests is a
 * failure.
 */
import { execFile, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}
/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

/** Two at a time, as many as there are processors on a small machine: the longest alone, the others one after the other. */
const staticChecks = [
  [
    // With more processors it checks the types that files share once for each of them.
    { what: 'promises and lengths', command: ['oxlint', '--type-aware', '--deny-warnings'], env: { GOMAXPROCS: '1' } },
  ],
  [
    { what: 'types', command: ['tsc', '--noEmit', '-p', '.', '--checkers', '1'] }, // So does this: 13 s of processor instead of 30.
    { what: 'lint and format', command: ['biome', 'check', '--error-on-warnings', '--max-diagnostics=20'] },
    { what: 'dead code', command: ['knip', '--no-progress', '--treat-config-hints-as-errors'] },
  ],
] as const;
interface StaticCheck {
  readonly what: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** Each check counts as one; its output is shown only when it fails. */
async function runStatic(): Promise<Count> {
  const lanes: readonly (readonly StaticCheck[])[] = staticChecks;
  const verdicts = await Promise.all(
    lanes.map(async (lane) => {
      const passed: boolean[] = [];
      for (const check of lane) passed.push(await passes(check));
      return passed;
    }),
  );
  const all = verdicts.flat();
  const passed = all.filter(Boolean).length;
  return { passed, failed: all.length - passed, skipped: 0 };
}

async function passes({ what, command, env }: StaticCheck): Promise<boolean> {
  const began = performance.now();
  const [program, ...args] = command;
  const options = { env: { ...process.env, ...env }, timeout: 300_000, maxBuffer: 64 * 1024 * 1024 };
  const fault = await promisify(execFile)(program, args, options).then(
    () => undefined,
    (error: Error & { readonly stdout?: string; readonly stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}${error.message}`,
  );
  if (fault !== undefined) console.log(fault);
  console.log(`${fault === undefined ? '✓' : '✗'} ${what} (${command.join(' ')}) ${Math.round(performance.now() - began)} ms`);
  return fault === undefined;
}

function runVitest(projects: readonly string[], more: readonly string[]): Count {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-gate-'));
  const file = join(folder, 'report.json');
  try {
    const args = [
      'run',
      ...projects.map((name) => `--project=${name}`),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...more,
    ];
    const seed = process.env['CHANCERY_SEED'] || (process.env['CHANCERY_RUNS'] === undefined ? seedOfTree() : drawnSeed());
    console.log(`random cases: CHANCERY_SEED=${seed}`);
    const env = { ...process.env, CHANCERY_SEED: seed };
    const { status } = spawnSync('vitest', args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
    if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
    return countOf(JSON.parse(readFileSync(file, 'utf8')) as Report, status === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The seed of random cases follows from the files committed last: every commit is tried with other cases, and whoever runs the gate on
 * the same commit gets the same verdict. For a long hunt, and without git (a source archive), it is drawn.
 */
function seedOfTree(): string {
  const { stdout, status } = spawnSync('git', ['rev-parse', 'HEAD^{tree}'], { encoding: 'utf8' });
  return status === 0 ? String(Number.parseInt(stdout.slice(0, 7), 16)) : drawnSeed();
}
const drawnSeed = (): string => String(randomInt(2 ** 28));

/** The cluster tests run Debian's ZooKeeper. Where it is missing and may be installed, it is; elsewhere the tests themselves fail. */
function ensureZooKeeper(): void {
  const hasJava = spawnSync('java', ['-version']).status === 0;
  if (hasJava && existsSync('/usr/share/java/zookeeper.jar')) return;
  const packages = ['libzookeeper-java', 'libslf4j-java', ...(hasJava ? [] : ['default-jre-headless'])];
  const commands = ['apt-get update -qq', `apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`];
  const mayInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
  console.log(`ZooKeeper is missing, ${mayInstall ? 'installing it' : 'install it as root'}: ${commands.join(' && ')}`);
  if (!mayInstall) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('sh', ['-c', commands.join(' && ')], { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 });
}

/** An unloadable file, an error outside of any test and a run that found nothing hold no failed test, yet each is a failure. */
function countOf(report: Report, succeeded: boolean): Count {
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const counted = report.numFailedTests + unloaded.length;
  const ranNone = report.numPassedTests + counted + report.numPendingTests === 0;
  return {
    passed: report.numPassedTests,
    failed: counted === 0 && (!succeeded || ranNone) ? 1 : counted,
    skipped: report.numPendingTests,
  };
}

/** The projects of each step. */
const projectsOf: Readonly<Record<string, readonly string[]>> = { unit: ['unit'], cluster: ['processes', 'cluster'], compose: ['compose'] };
const steps = process.argv.slice(2);
const projects = steps.flatMap((step) => projectsOf[step] ?? []);
const forVitest = steps.filter((step) => step !== 'static' && projectsOf[step] === undefined);
const counts: Count[] = [];
if (steps.includes('static')) counts.push(await runStatic());
if (projects.includes('cluster')) ensureZooKeeper();
if (projects.length > 0) counts.push(runVitest(projects, forVitest));

const sum = (of: (count: Count) => number): number => counts.reduce((total, count) => total + of(count), 0);
const [passed, failed, skipped] = [sum((c) => c.passed), sum((c) => c.failed), sum((c) => c.skipped)];
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed + skipped === 0 ? 1 : 0;
