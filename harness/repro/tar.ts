import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { hostError } from '../errors.js';
import { archiveTime } from '../initramfs/cpio.js';

/** One file of an archive: its bytes, or the file that has them. */
export interface TarFile {
  name: string;
  from: { data: Uint8Array } | { path: string };
  executable?: boolean;
}

const BLOCK = 512;

/**
 * Writes a .tar.zst, the same bytes for the same files: sorted by name, fixed times, owned by nobody in particular (POSIX ustar).
 * @throws BootgateError blame `host`: E_TOOL_MISSING without zstd, E_TOOL_FAILED.
 */
export async function writeTarZst(
  path: string,
  files: readonly TarFile[],
  signal?: AbortSignal,
): Promise<void> {
  // One thread: with more, where blocks are cut would follow from their number.
  const child = spawn('zstd', ['-q', '-f', '-8', '--single-thread', '-o', path], {
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString('latin1')).slice(-500);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? hostError('E_TOOL_MISSING', 'zstd is not installed', {
              hint: 'run `bootgate doctor` for the package that has it',
            })
          : error,
      ),
    );
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(hostError('E_TOOL_FAILED', `zstd failed: ${said.trim()}`)),
    );
  });
  ended.catch(() => {});
  child.stdin.on('error', () => {}); // told by its exit
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const send = writer(child.stdin, ended);
  for (const file of sorted) {
    const bytes = 'data' in file.from ? file.from.data.length : (await stat(file.from.path)).size;
    await send(header(file, bytes));
    if ('data' in file.from) await send(file.from.data);
    else
      for await (const chunk of createReadStream(file.from.path, { highWaterMark: 1 << 20 }))
        await send(chunk);
    await send(Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK));
  }
  await send(Buffer.alloc(2 * BLOCK));
  child.stdin.end();
  await ended;
}

/** Writes that wait for room, and end when the program has. */
function writer(stream: Writable, ended: Promise<void>): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    if (bytes.length > 0 && !stream.write(bytes))
      await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), ended]);
  };
}

function header({ name, executable }: TarFile, bytes: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number) => block.write(text, at, 'latin1');
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  if (name.length > 100) throw new RangeError(`${name} is too long for a tar header`);
  put(name, 0);
  put(`${octal(executable ? 0o755 : 0o644, 7)}\0`, 100);
  put(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108);
  put(`${octal(bytes, 11)}\0${octal(archiveTime(), 11)}\0`, 124);
  put(' '.repeat(8), 148);
  put('0', 156);
  put('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}
