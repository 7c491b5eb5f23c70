import { styleText } from 'node:util';
import { renderTime } from './moments.ts';
import { harmless } from './terminal.ts';

const names: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const shownElsewhere = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err', 'node']);

/** One line of pino's JSON as one line for a person: `12:04:07  warn   the log cannot be reached  position=3`. */
export function humanLogLine(json: string, now: number, hasColor: boolean): string {
  let record: Readonly<Record<string, unknown>>;
  try {
    record = JSON.parse(json) as Readonly<Record<string, unknown>>;
  } catch {
    return harmless(json); // Not pino's: shown as it came.
  }
  const level = names[Number(record['level'])] ?? String(record['level']);
  const fields = Object.entries(record)
    .filter(([name]) => !shownElsewhere.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const { message } = (record['err'] ?? {}) as { readonly message?: unknown };
  const text = [record['msg'], ...(typeof message === 'string' && message !== record['msg'] ? [message] : [])].join(': ');
  const line = harmless([text, ...fields].join('  ')).replaceAll('\n', ' ');
  const shownLevel = level.padEnd(5);
  const style = Number(record['level']) >= 50 ? 'red' : Number(record['level']) >= 40 ? 'yellow' : 'dim';
  const coloured = hasColor ? styleText(style, shownLevel, { validateStream: false }) : shownLevel;
  return `${renderTime(Number(record['time']), now)}  ${coloured}  ${line}`;
}
