import { didYouMean } from './arguments.ts';
import { refusal, type StatementRefusal } from './refusals.ts';

interface Setting {
  readonly about: string;
  readonly default: string;
  /** @returns what a value must be; undefined for a good one. */
  readonly fault: (value: string) => string | undefined;
}

const whole =
  (from: number, to: number) =>
  (value: string): string | undefined =>
    /^\d{1,9}$/.test(value) && Number(value) >= from && Number(value) <= to ? undefined : `a whole number from ${from} to ${to}`;

/** What SET can change for the statements after it. The client keeps them: a node remembers nothing between scripts. */
const settings = {
  'sql.local-time-zone': {
    about: 'Time zone in which SELECT shows timestamps.',
    default: 'UTC',
    fault: (value) => (isTimeZone(value) ? undefined : 'a name such as Europe/Berlin or UTC'),
  },
  'sql.query.timeout-ms': { about: 'How long a SELECT may take.', default: '10000', fault: whole(1, 60_000) },
  'sql.result.max-rows': { about: 'Rows that a SELECT shows at most.', default: '1000', fault: whole(1, 10_000) },
} as const satisfies Readonly<Record<string, Setting>>;
type SettingName = keyof typeof settings;

export type Properties = Readonly<Record<string, string>>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** @returns what is wrong with a property, undefined when it may be set so. */
export function settingFault(key: string, value?: string, offset?: number): StatementRefusal | undefined {
  if (!Object.hasOwn(settings, key))
    return refusal(
      'UNKNOWN_PROPERTY',
      key.slice(0, 100),
      `there is no property '${key.slice(0, 100)}'${didYouMean(key, Object.keys(settings))}`,
      offset,
    );
  const expected = value === undefined ? undefined : settings[key as SettingName].fault(value);
  return expected === undefined
    ? undefined
    : refusal('INVALID_PROPERTY', key, `'${value?.slice(0, 100)}' cannot be ${key}: give ${expected}`, offset);
}

export const settingOf = (properties: Properties, name: SettingName): string => properties[name] ?? settings[name].default;

/** Every property with its present value, for a bare SET. */
export const settingRows = (properties: Properties): readonly (readonly [key: string, value: string, about: string])[] =>
  (Object.keys(settings) as SettingName[]).map((key) => [key, settingOf(properties, key), settings[key].about]);
