import { type FileHandle, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of bytes at positions. */
export interface DiskFile {
  /** All of the bytes, at that position. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** `length` bytes from a position, fewer when the file ends before. */
  read(position: number, length: number): Promise<Buffer>;
  size(): Promise<number>;
  datasync(): Promise<void>;
  /** Cuts the file, durably. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** What stores need of a disk. The one place where a test can make it fail. */
export interface Disk {
  open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** Makes the names in a directory durable: a new file may otherwise be gone after a power cut, with everything in it. */
  syncDirectory(directory: string): Promise<void>;
}

const flags = { read: 'r', write: 'r+', create: 'wx+' } as const;

const openFile: Disk['open'] = async (path, how) => {
  const handle = await open(path, flags[how]);
  return {
    write: (bytes, position) => writeAll(handle, bytes, position),
    read: (position, length) => readAll(handle, position, length),
    size: async () => (await handle.stat()).size,
    datasync: () => handle.datasync(),
    truncate: async (size) => {
      await handle.truncate(size);
      await handle.sync();
    },
    close: () => handle.close(),
  };
};

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function readAll(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const realDisk: Disk = { open: openFile, syncDirectory };

/** Replaces a small file: after a crash it holds the old text or the new one, never a part. */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const next = join(directory, `${name}.next`);
  await writeFile(next, text, { flush: true });
  await rename(next, join(directory, name));
  await syncDirectory(directory);
}
