import { hashLimits, hashPassword, printHash } from '../authentication/passwords.ts';
import { refusal } from './exit.ts';
import { askSecret, pipedSecret } from './secretInput.ts';
import type { Terminal } from './terminal.ts';

/** `chancery hash-password`: what stands behind a name in the section `users` of a settings file. @throws CommandFailure */
export async function hashPasswordCommand(terminal: Terminal): Promise<void> {
  const password = process.stdin.isTTY ? await askTwice(terminal) : await pipedSecret();
  const bytes = Buffer.byteLength(password);
  if (bytes === 0) throw refusal('no password was given', 'Type it, or pipe it: chancery hash-password < FILE');
  if (bytes > hashLimits.passwordBytes)
    throw refusal(`the password has ${bytes} bytes; at most ${hashLimits.passwordBytes} are taken`, 'Choose a shorter one.');
  if (/\p{Cc}/u.test(password)) throw refusal('the password has a control character', 'Choose one that can be typed on one line.');
  terminal.out.write(`${printHash(await hashPassword(password))}\n`);
}

async function askTwice(terminal: Terminal): Promise<string> {
  const password = await askSecret('password: ', terminal);
  if ((await askSecret('again: ', terminal)) === password) return password;
  throw refusal('the two are not the same', 'Call it again.');
}
