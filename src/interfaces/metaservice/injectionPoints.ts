import { failed, ok, type Status } from './codes.ts';
import { type AdminRoutes, envelope } from './method.ts';

/** `valueLength`: characters of the JSON that replaces a point's arguments. */
export const injectionLimits = { points: 100, nameLength: 256, valueLength: 4096 } as const;
/** Longer sleeps than any test asks for, milliseconds. */
const longestSleepMs = 3_600_000;

interface Point {
  readonly behavior: 'sleep' | 'return' | 'change_args';
  readonly args: readonly unknown[];
}

/**
 * Places in this program where a test suite may step in: soft state of one node, which acts while it is enabled. Of the points that the
 * suites name, `resource_manager::set_safe_drop_time` acts here; others are kept and never reached.
 */
export class InjectionPoints {
  #isEnabled = false;
  readonly #points = new Map<string, Point>();

  /** What a point makes of its arguments; undefined while nothing is to be changed. */
  argsOf(name: string): readonly unknown[] | undefined {
    if (!this.#isEnabled) return undefined;
    const point = this.#points.get(name);
    return point?.behavior === 'change_args' ? point.args : undefined;
  }

  /** One request of `injection_point`. */
  handle(query: URLSearchParams): Status {
    const op = query.get('op') ?? '';
    const name = query.get('name') ?? '';
    switch (op) {
      case 'enable':
      case 'disable':
        this.#isEnabled = op === 'enable';
        return ok;
      case 'clear':
        if (name === '') this.#points.clear();
        else this.#points.delete(name);
        return ok;
      case 'set':
        return this.#set(name, query);
      case 'apply_suite':
        return invalid(name === '' ? 'empty suite name' : `unknown suite: ${cut(name)}`);
      default:
        return invalid(`unknown op:${cut(op)}`);
    }
  }

  #set(name: string, query: URLSearchParams): Status {
    if (name === '') return invalid('empty point name');
    if (name.length > injectionLimits.nameLength)
      return invalid(`name: at most ${injectionLimits.nameLength} characters; give a shorter one`);
    const behavior = query.get('behavior') ?? '';
    if (behavior === '') return invalid('empty behavior');
    const point = pointOf(behavior, query);
    if ('code' in point) return point;
    if (!this.#points.has(name) && this.#points.size >= injectionLimits.points)
      return invalid(`${injectionLimits.points} points are set, which is the most; clear some with op=clear`);
    this.#points.set(name, point);
    return ok;
  }
}

function pointOf(behavior: string, query: URLSearchParams): Point | Status {
  if (behavior === 'return') return { behavior, args: [] };
  if (behavior === 'sleep') {
    const duration = query.get('duration') ?? '';
    const isDuration = /^\d{1,7}$/.test(duration) && Number(duration) <= longestSleepMs;
    return isDuration ? { behavior, args: [Number(duration)] } : invalid(`invalid duration:${cut(duration)}`);
  }
  if (behavior !== 'change_args') return invalid(`unknown behavior: ${cut(behavior)}`);
  const text = query.get('value') ?? '';
  if (text.length > injectionLimits.valueLength)
    return invalid(`value: at most ${injectionLimits.valueLength} characters; give a shorter one`);
  const value = parsed(text);
  if (value === undefined) return invalid(`invalid json value: ${cut(text)}`);
  if (!Array.isArray(value)) return invalid('value must be a json array');
  const isPlain = value.every((arg) => ['boolean', 'number', 'string'].includes(typeof arg));
  return isPlain ? { behavior, args: value } : invalid('value must be boolean, integer, double or string');
}

/** @returns undefined when it is not JSON, which JSON itself cannot say. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const invalid = (text: string): Status => failed('INVALID_ARGUMENT', text);
const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

export const injectionRoutes = (points: InjectionPoints): AdminRoutes => ({
  injection_point: { kind: 'query', call: (query) => Promise.resolve(envelope(points.handle(query))) },
});
