import type { FileHandle } from 'node:fs/promises';

/** Appends all of `bytes`: one write may take less than it was given, as it does just before a disk is full. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}
