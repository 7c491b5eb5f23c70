import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';

/** A password as it is kept: argon2id with its cost. `memoryKiB` and `passes` are what one check takes. */
export interface PasswordHash {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** Of a new hash, as OWASP's password storage cheat sheet has it for argon2id: 19 MiB, 2 passes, 1 lane; 30 to 60 ms here. */
export const newHashCost = { memoryKiB: 19_456, passes: 2, lanes: 1 } as const;
/**
 * What a hash in a file may cost: a mistyped number must not take a node's memory or its minutes. `work` is memory times passes.
 * Passwords are in UTF-8 bytes.
 */
export const hashLimits = {
  memoryKiB: 256 * 1024,
  passes: 16,
  lanes: 8,
  work: 1024 * 1024,
  saltBytes: { least: 8, most: 64 },
  tagBytes: { least: 16, most: 64 },
  textLength: 512,
  passwordBytes: 1024,
} as const;

/** What is wrong with a hash, in words that do not repeat it. */
export type HashFault = { readonly fault: string };

/** `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>`, base64 without padding: the PHC string format. */
export const printHash = ({ lanes, memoryKiB, passes, salt, tag }: PasswordHash): string =>
  `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(tag)}`;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** Reads what `printHash` writes, as other tools write it too. @returns the hash, or what is wrong with it */
export function parseHash(text: string): PasswordHash | HashFault {
  if (text.length > hashLimits.textLength) return { fault: `is longer than ${hashLimits.textLength} characters` };
  const [, kind, version, cost, saltText = '', tagText = ''] =
    /^\$([a-z0-9-]+)(?:\$v=(\d{1,9}))?\$([a-z0-9=,]+)\$([^$]*)\$([^$]*)$/.exec(text) ?? [];
  if (kind === undefined || cost === undefined) return { fault: 'is no password hash: it begins $argon2id$v=19$m=' };
  if (kind !== 'argon2id') return { fault: `is of ${kind}; only argon2id is taken` };
  if (version !== '19') return { fault: 'is not of argon2 version 19' };
  const [, memory, passes, lanes] = /^m=(0|[1-9]\d{0,8}),t=(0|[1-9]\d{0,8}),p=(0|[1-9]\d{0,8})$/.exec(cost) ?? [];
  if (memory === undefined) return { fault: 'does not say its cost as m=NUMBER,t=NUMBER,p=NUMBER' };
  const salt = bytesOf(saltText);
  const tag = bytesOf(tagText);
  if (salt === undefined || tag === undefined) return { fault: 'does not end with salt and hash in base64 without padding' };
  const hash = { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes), salt, tag };
  const fault = costFault(hash);
  return fault === undefined ? hash : { fault };
}

/** Bytes that have one text only. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return unpadded(bytes) === text ? bytes : undefined;
}

function costFault({ lanes, memoryKiB, passes, salt, tag }: PasswordHash): string | undefined {
  const { saltBytes, tagBytes } = hashLimits;
  if (lanes < 1 || lanes > hashLimits.lanes) return `has p=${lanes}; from 1 to ${hashLimits.lanes} is taken`;
  if (memoryKiB < 8 * lanes || memoryKiB > hashLimits.memoryKiB)
    return `has m=${memoryKiB}; from 8 for each lane to ${hashLimits.memoryKiB} is taken`;
  if (passes < 1 || passes > hashLimits.passes) return `has t=${passes}; from 1 to ${hashLimits.passes} is taken`;
  if (memoryKiB * passes > hashLimits.work) return `has m times t of ${memoryKiB * passes}; at most ${hashLimits.work} is taken`;
  if (salt.length < saltBytes.least || salt.length > saltBytes.most)
    return `has a salt of ${salt.length} bytes; from ${saltBytes.least} to ${saltBytes.most} are taken`;
  if (tag.length < tagBytes.least || tag.length > tagBytes.most)
    return `has ${tag.length} bytes of hash; from ${tagBytes.least} to ${tagBytes.most} are taken`;
  return undefined;
}

/** A new hash with a random salt. @throws RangeError for a password that `matches` would not look at */
export async function hashPassword(password: string, cost: Omit<PasswordHash, 'salt' | 'tag'> = newHashCost): Promise<PasswordHash> {
  const bytes = Buffer.byteLength(password);
  if (bytes === 0 || bytes > hashLimits.passwordBytes)
    throw new RangeError(`a password has from 1 to ${hashLimits.passwordBytes} bytes, this one has ${bytes}`);
  const salt = randomBytes(16);
  return { ...cost, salt, tag: await derive(password, { ...cost, salt }, 32) };
}

/** Whether a password is the one, found out on another thread; how much of it was right does not show in the time. */
export async function matches(password: string, hash: PasswordHash): Promise<boolean> {
  if (Buffer.byteLength(password) > hashLimits.passwordBytes) return false;
  return timingSafeEqual(await derive(password, hash, hash.tag.length), hash.tag);
}

function derive(password: string, { lanes, memoryKiB, passes, salt }: Omit<PasswordHash, 'tag'>, tagLength: number): Promise<Buffer> {
  const parameters = { message: Buffer.from(password, 'utf8'), nonce: salt, parallelism: lanes, tagLength, memory: memoryKiB, passes };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  });
}
