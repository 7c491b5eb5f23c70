import { wrongUsage } from './exit.ts';
import { grouped, parseMoment, renderTime, timeForms } from './moments.ts';
import { nearest } from './nearest.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { styled, type Terminal, write } from './terminal.ts';

interface StateAnswer {
  readonly position: number;
  readonly at: number;
  readonly state: unknown;
}

/** `chancery at`: the tables as they were, or a part of them. */
export async function at(
  moment: string,
  path: string | undefined,
  options: OperatorOptions & { readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  const now = Date.now();
  const asked = parseMoment(moment, now);
  if (asked === undefined)
    throw wrongUsage(`'${moment}' is neither a position nor a time`, `Give a position such as 48112, or a time: ${timeForms}.`);
  const client = new OperatorClient(options, terminal);
  const then = (await client.json({ path: '/v1/state', query: { at: 'position' in asked ? asked.position : asked.at } })) as StateAnswer;
  const part = path === undefined ? then.state : partOf(then.state, path);
  if (options.json === true) {
    await write(
      terminal.out,
      `${JSON.stringify({ position: then.position, at: then.at, ...(path === undefined ? {} : { path }), state: part })}\n`,
    );
    return;
  }
  const when = then.position === 0 ? 'before the first act' : renderTime(then.at, now);
  terminal.err.write(`${styled(terminal.err, terminal.env, 'dim', `position ${grouped(then.position)} · ${when}`)}\n`);
  await write(terminal.out, `${JSON.stringify(part, undefined, 2)}\n`);
}

/** What a path such as `configs.dynamic.datalake.format` leads to. Keys may have dots in them: the longest one that fits is taken. */
export function partOf(state: unknown, path: string): unknown {
  let value = state;
  let rest = path;
  while (rest !== '') {
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    const key = keys.filter((name) => rest === name || rest.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
    if (key === undefined)
      throw wrongUsage(
        `there is no '${rest}' in ${path === rest ? 'the state' : path.slice(0, -rest.length - 1)} then`,
        remedyFor(rest, keys),
      );
    value = (value as Readonly<Record<string, unknown>>)[key];
    rest = rest.slice(key.length + 1);
  }
  return value;
}

/** More than there are families: all of them are told. */
const toldKeys = 30;
function remedyFor(name: string, keys: readonly string[]): string {
  const near = nearest(name, keys);
  if (near !== undefined) return `Did you mean ${near}?`;
  const told = keys.slice(0, toldKeys);
  if (told.length === 0) return 'Nothing is in it.';
  return `It holds ${told.join(', ')}${keys.length > told.length ? `, and ${keys.length - told.length} more` : ''}.`;
}
