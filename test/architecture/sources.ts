import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Every file of the project that is not ignored, committed or not, by its path from the top. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && isThere(file))
  .sort();

function isThere(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false; // Deleted, and the deletion not committed yet.
  }
}

export const read = (file: string): string => readFileSync(file, 'utf8');

export const under = (...folders: readonly string[]): readonly string[] =>
  files.filter((file) => file.endsWith('.ts') && folders.some((folder) => file.startsWith(`${folder}/`)));

/** The text without its comments, which may speak of anything. Line breaks stay. Strings are kept, so that their `//` ends nothing. */
export const withoutComments = (text: string): string =>
  text.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (token) =>
    token.startsWith('//') || token.startsWith('/*') ? token.replace(/[^\n]/g, '') : token,
  );
