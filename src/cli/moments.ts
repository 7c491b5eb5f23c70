/** A moment as people type it: a position, or epoch milliseconds. */
export type TypedMoment = { readonly position: number } | { readonly at: number };

const ageUnitsMs = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** What `parseTime` understands, for messages and `--help`. */
export const timeForms = '23:00, yesterday 23:00, 2h, 2026-11-20, 2026-11-20T23:00:00Z';

/**
 * A time: a time of day (its last occurrence), an age (`90s`, `30m`, `2h`, `1d`, `1w`), a day, or a day and a time; without a zone it
 * is local.
 * @param now epoch milliseconds.
 * @returns epoch milliseconds, or undefined when the text is no time.
 */
export function parseTime(text: string, now: number): number | undefined {
  const words = text.trim();
  if (words === 'now') return now;
  const [, count, unit] = /^(\d{1,9}) ?(s|m|min|h|d|w)( ago)?$/.exec(words) ?? [];
  if (count !== undefined) return now - Number(count) * ageUnitsMs[unit as keyof typeof ageUnitsMs];
  const [, day, clock] = /^(?:(today|yesterday) ?)?(\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)?$/.exec(words) ?? [];
  if (words !== '' && (day !== undefined || clock !== undefined)) return timeOfDay(day, clock ?? '00:00', now);
  return calendarTime(words);
}

function timeOfDay(day: string | undefined, clock: string, now: number): number | undefined {
  const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number);
  if (hours > 23 || minutes > 59 || seconds >= 60) return undefined;
  const then = new Date(now);
  then.setHours(hours, minutes, 0, 0);
  // The day is set on the calendar: where clocks change, a day is not 24 hours.
  if (day === 'yesterday') then.setDate(then.getDate() - 1);
  const at = then.getTime() + Math.round(seconds * 1000);
  if (day !== undefined || at <= now) return at;
  then.setDate(then.getDate() - 1);
  return then.getTime() + Math.round(seconds * 1000);
}

function calendarTime(words: string): number | undefined {
  const [, year, month, date, time = '00:00', zone = ''] =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?) ?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(words) ?? [];
  if (year === undefined) return undefined;
  const at = Date.parse(`${year}-${month}-${date}T${time}${zone}`);
  // A 31st of February would become a day of March.
  const isReal =
    !Number.isNaN(Date.parse(`${year}-${month}-${date}T00:00Z`)) &&
    new Date(`${year}-${month}-${date}T00:00Z`).getUTCDate() === Number(date);
  return isReal && !Number.isNaN(at) ? at : undefined;
}

/** A position, its digits in groups or not, or a time. @returns undefined when the text is neither. */
export function parseMoment(text: string, now: number): TypedMoment | undefined {
  if (/^\d{1,3}([  _,]?\d{3})*$|^\d{1,15}$/.test(text.trim())) return { position: Number(text.replace(/\D/g, '')) };
  const at = parseTime(text, now);
  return at === undefined ? undefined : { at };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A local time: the day is left out when it is today's. */
export function renderTime(at: number, now: number): string {
  const then = new Date(at);
  const clock = `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
  const day = dayOf(at);
  if (day === dayOf(now)) return clock;
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (day === dayOf(yesterday.getTime())) return `yesterday ${clock}`;
  return `${day} ${clock}`;
}

function dayOf(at: number): string {
  const then = new Date(at);
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
}

/** The zone that `renderTime` uses: `Europe/Berlin`. */
export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A span of time in the words of a status line: `340 ms`, `12 s`, `3 min`, `2 h 10 min`, `4 d 2 h`. */
export function renderSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}

/** A count or a position in groups of three: `48 112`. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
