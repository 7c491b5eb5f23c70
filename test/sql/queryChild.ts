/** A process that runs one query, as the test's argument, over no tables, prints what came of it and says whether it is stuck. */
import { SelectEngine } from '../../src/interfaces/sql/select.ts';

const engine = new SelectEngine('fluss_catalog');
const source = { tables: () => [], columns: () => undefined, rows: () => Promise.resolve([]) };
const outcome = await engine.run(process.argv[2] ?? '', source, { timeoutMs: 300 }).then(
  () => 'ran',
  (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
);
process.stdout.write(`${outcome} ${engine.stuck ? 'stuck' : 'free'}\n`);
