import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

/** A file that a guest was free to make, or why its bytes are not taken. */
export type Left = { bytes: Buffer } | { refused: string };

/** What a guest can do in place of a file: leave it out, put a link, a folder or a FIFO there. */
const GUESTS_DOING: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ELOOP: 'is a link',
  EISDIR: 'is not a regular file',
  ENXIO: 'is not a regular file',
};

/**
 * Reads what a guest left at `path`: never through a link, without waiting for a writer, a regular file with one name only, and
 * at most `most` bytes of it. @throws the system's error where the host is at fault.
 */
export async function readLeft(path: string, most: number): Promise<Left> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const refused = GUESTS_DOING[(error as NodeJS.ErrnoException).code ?? ''];
    if (refused === undefined) throw error;
    return { refused };
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) return { refused: 'is not a regular file' };
    if (found.nlink !== 1) return { refused: 'is a hard link to another file' };
    if (found.size > most) return { refused: `is larger than ${most} bytes` };
    const bytes = Buffer.alloc(most);
    const { bytesRead } = await file.read(bytes, 0, most, 0);
    return { bytes: bytes.subarray(0, bytesRead) };
  } finally {
    await file.close();
  }
}

/** Whether a regular file, and no link, lies at `path`. */
export async function isPlainFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
