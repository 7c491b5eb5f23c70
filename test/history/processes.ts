import { readFileSync } from 'node:fs';

/** Whether no process of that id runs any more; one that its parent has not waited for yet counts as gone. */
export function isGone(pid: number): boolean {
  try {
    return fieldsOf(pid)[0] === 'Z';
  } catch {
    return true;
  }
}

/** What a process has computed, in clock ticks. */
export const cpuTicksOf = (pid: number): number => Number(fieldsOf(pid)[11]);

/** The fields of /proc/PID/stat behind the name, which may hold blanks. */
const fieldsOf = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');

/** Children of a process whose command line holds a word. */
export function childrenCalled(word: string, parent = process.pid): readonly number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.filter((pid) => !isGone(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word));
}
