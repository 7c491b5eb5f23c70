/**
 * A process that runs a query as often as it is told, all at once, prints the different things that came of it and says whether it is
 * stuck. Arguments: the query, which may read `sys.t`; how often, once where nothing is said.
 */
import { SelectEngine, type TableSource } from '../../src/interfaces/sql/select.ts';

const [query = '', times = '1'] = process.argv.slice(2);
const engine = new SelectEngine('fluss_catalog');
const columns = [{ name: 'n', type: 'BIGINT', about: '' }] as const;
const source: TableSource = { tables: () => ['t'], columns: () => columns, rows: () => Promise.resolve([[1]]) };
const timeoutMs = times === '1' ? 300 : 60_000;
const outcome = (): Promise<string> =>
  engine.run(query, source, { timeoutMs }).then(
    () => 'ran',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
const outcomes = new Set(await Promise.all(Array.from({ length: Number(times) }, outcome)));
process.stdout.write(`${[...outcomes].sort().join(' ')} ${engine.stuck ? 'stuck' : 'free'}\n`);
