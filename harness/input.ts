import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type BootgateError, userError } from './errors.js';
import { formatBytes } from './units.js';

export interface InputOptions {
  /** The most bytes that are read: see limits.ts. */
  most: number;
  /** The code of the errors; E_INPUT unless given. */
  code?: string;
  /** What to call the file in an error; its path unless given. */
  name?: string;
}

/**
 * Reads a file that someone named, whole: a regular file of bounded size only. A device or a pipe, whose end may never
 * come, is not opened for longer than it takes to see what it is.
 * @throws BootgateError blame `user`: it is not there, may not be read, is no regular file, or is too large.
 */
export async function readInput(path: string, options: InputOptions): Promise<Buffer> {
  const file = await openInput(path, options);
  try {
    const { size } = await file.stat();
    if (size > options.most) throw tooLarge(path, size, options);
    return await readUpTo(file, path, options);
  } finally {
    await file.close();
  }
}

/** An open regular file; the caller closes it. Its size is the caller's to judge. */
export async function openInput(path: string, options: Omit<InputOptions, 'most'>): Promise<FileHandle> {
  let file: FileHandle;
  try {
    // O_NONBLOCK: opening a FIFO that nobody writes to would wait.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unreadable(path, cause as NodeJS.ErrnoException, options);
  }
  const stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw refuse(
    path,
    stats.isDirectory() ? 'it is a folder, not a file' : 'it is not a regular file',
    options,
  );
}

/** Files below /proc say that they are empty and are not; a file may also grow while it is read. */
async function readUpTo(file: FileHandle, path: string, options: InputOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(1 << 20), 0, 1 << 20);
    if (bytesRead === 0) return Buffer.concat(chunks, bytes);
    bytes += bytesRead;
    if (bytes > options.most) throw tooLarge(path, bytes, options);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

let standardInput: Promise<Buffer> | undefined;

/** Standard input, whole; it ends once, so a second caller gets the same bytes. @throws as readInput. */
export function readStandardInput(options: InputOptions): Promise<Buffer> {
  standardInput ??= (async () => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > options.most) throw tooLarge('standard input', bytes, options);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  })();
  return standardInput;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'its name is too long',
  ENXIO: 'it is not a regular file',
};

function unreadable(
  path: string,
  cause: NodeJS.ErrnoException,
  options: Omit<InputOptions, 'most'>,
): unknown {
  const reason = REASONS[cause.code ?? ''];
  return reason === undefined ? cause : refuse(path, reason, options, cause);
}

function tooLarge(path: string, size: number, options: InputOptions): BootgateError {
  return refuse(path, `it is ${formatBytes(size)}; at most ${formatBytes(options.most)} are read`, options);
}

function refuse(
  path: string,
  why: string,
  { code = 'E_INPUT', name }: Omit<InputOptions, 'most'>,
  cause?: unknown,
) {
  return userError(code, `cannot read ${name ?? path}: ${why}`, cause === undefined ? {} : { cause });
}
