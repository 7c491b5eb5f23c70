/**
 * Goal: habits that no linter here knows. Method: each rule reads the files it is about; each is tried on a planted fault as well.
 */
import { describe, expect, test } from 'vitest';
import { files, read, withoutComments } from './sources.ts';

interface Rule {
  readonly what: string;
  readonly about: RegExp;
  readonly except?: RegExp;
  /** What it objects to in a text. */
  readonly faults: (text: string) => readonly string[];
  readonly planted: string;
}
const matches = (pattern: RegExp) => (text: string) => text.match(pattern) ?? [];
// Put together here, so that this file does not find itself.
const word = (...parts: readonly string[]): string => parts.join('');

/** Waits that are given nothing but what they wait for. */
function waitsWithoutBound(text: string): readonly string[] {
  const found: string[] = [];
  // What stands in brackets goes, from the innermost outwards, so that the commas of a call are between its own arguments.
  const innermost = /((?:vi\.wait(?:For|Until)|expect\s*\.poll))?\(([^()[\]{}]*)\)|\[[^()[\]{}]*\]|\{[^()[\]{}]*\}/g;
  const without = (rest: string): string =>
    rest.replace(innermost, (whole, call: string | undefined, given = '') => {
      if (call !== undefined && !/,\s*\S/.test(given)) found.push(whole);
      return '_';
    });
  let rest = withoutComments(text).replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, '_');
  for (let next = without(rest); next !== rest; next = without(rest)) rest = next;
  return found;
}

const rules: readonly Rule[] = [
  {
    what: 'lines have at most 140 columns',
    about: /\.(ts|mjs|sh)$|^bin\/[\w-]+$/,
    except: /^src\/.*\/generated\//,
    faults: (text) => text.split('\n').filter((line) => line.length > 140),
    planted: `// ${'x'.repeat(140)}`,
  },
  {
    what: 'files have at most 600 lines: beyond that there are two rooms in one',
    about: /^(events|projections|src|test|bench|docs)\/.*\.ts$/,
    except: /\/generated\//,
    faults: (text) => (text.split('\n').length > 601 ? [`${text.split('\n').length} lines`] : []),
    planted: '\n'.repeat(601),
  },
  {
    what: 'nothing is left to do in a comment',
    about: /\.(ts|mjs|md|yml|json|sh)$|^Dockerfile$|^bin\//,
    except: /package-lock\.json$/,
    faults: matches(
      new RegExp(`\\b(${word('TO', 'DO')}|${word('FIX', 'ME')}|${word('X', 'XX')})\\b|Error\\(['"\`]${word('not ', 'implemented')}`, 'g'),
    ),
    planted: `// ${word('TO', 'DO')}: later`,
  },
  {
    what: 'no test is skipped, focused or empty',
    about: /^test\/.*\.ts$/,
    faults: (text) => matches(/\b(it|test|describe|suite)\.(skip|only|todo)\b|\bexpect\((true|1)\)/g)(withoutComments(text)),
    planted: `${word('test', '.skip')}('x', () => {});`,
  },
  {
    what: 'no default exports',
    about: /\.ts$/,
    except: /^vitest\.config\.ts$/,
    faults: (text) => matches(/^export default\b|\bas default\b/gm)(withoutComments(text)),
    planted: 'export default 1;',
  },
  {
    what: 'no barrels: a module exports its own things (events/index.ts is the one list)',
    about: /^(events|projections|src)\/.*\.ts$/,
    faults: (text) => matches(/^export (type )?(\*|\{[^}]*\}) from/gm)(withoutComments(text)),
    planted: "export { x } from './x.ts';",
  },
  {
    what: 'a test opens with its goal and its method',
    about: /^test\/.*\.test\.ts$/,
    faults: (text) => (/^\/\*\*[\s\S]*?Goal:[\s\S]*?Method:[\s\S]*?\*\//.test(text) ? [] : [text.split('\n')[0] ?? '']),
    planted: "import { test } from 'vitest';",
  },
  {
    what: 'no sleeps in tests: wait for the condition (vi.waitFor, expect.poll)',
    about: /^test\/.*\.test\.ts$/,
    faults: (text) => matches(/await new Promise\(\((\w+)\) => setTimeout\(\1,|\bsleep\(\d/g)(withoutComments(text)),
    planted: `${word('await new ', 'Promise')}((resolve) => setTimeout(resolve, 50));`,
  },
  {
    what: "a wait names its bound: vitest's own is a second, which a busy machine may take over anything",
    about: /^test\/.*\.ts$/,
    faults: waitsWithoutBound,
    planted: `${word('vi.wait', 'For')}(async () => { expect([1, 2], 'x').toEqual(await all(1, 2)); });`,
  },
  {
    what: "a file loaded by name at run time is named without its ending's dot: built files end in .js",
    about: /^(events|projections|src)\/.*\.ts$/,
    faults: (text) => matches(/new (URL|Worker)\(\s*['"`][^'"`]*\.ts['"`]/g)(withoutComments(text)),
    planted: "new Worker(new URL('./worker.ts', import.meta.url));",
  },
  {
    what: 'no path of one machine, no registry by its host',
    about: /./,
    faults: matches(
      new RegExp(
        `(?<![\\w.])/${word('wo', 'rk')}/|(?<!\\w)/${word('ro', 'ot')}/|registry\\.${word('npm', 'js')}|"resolved": *"https?:`,
        'g',
      ),
    ),
    planted: `cd /${word('wo', 'rk')}/main`,
  },
];

for (const { what, about, except, faults, planted } of rules)
  describe(what, () => {
    const subjects = files.filter((file) => about.test(file) && !(except?.test(file) ?? false));
    test(`${subjects.length} files`, () => {
      expect(subjects.length).toBeGreaterThan(0); // A check that sees nothing passes.
      expect(Object.fromEntries(subjects.map((file) => [file, faults(read(file))]).filter(([, found = []]) => found.length > 0))).toEqual(
        {},
      );
    });
    test('a planted fault is found', () => expect(faults(planted)).not.toEqual([]));
  });
