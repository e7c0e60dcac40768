import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { BootgateError, userError } from './errors.js';
import { exec } from './exec.js';
import { filter } from './filter.js';
import { openInput, readInput } from './input.js';
import { MAX_FILE, unpackedLimit } from './limits.js';
import { formatBytes } from './units.js';

export type Compression = 'none' | 'gzip' | 'xz' | 'lzma' | 'zstd' | 'lz4' | 'bzip2' | 'lzo';

/**
 * First bytes of what kernels and modules are packed with: scripts/extract-vmlinux in the kernel's tree has the
 * same table. lz4 comes as a frame and, from the kernel's own build, in the legacy format.
 */
export const MAGICS: readonly (readonly [kind: Compression, magic: string])[] = [
  ['gzip', '1f8b08'],
  ['xz', 'fd377a585a00'],
  ['lzma', '5d0000'],
  ['zstd', '28b52ffd'],
  ['lz4', '04224d18'],
  ['lz4', '02214c18'],
  ['bzip2', '425a68'],
  ['lzo', '894c5a4f000d0a1a0a'],
];

/** xz -9 needs 65 MiB to unpack; a stream may ask for 4 GiB. */
const MEMORY = '--memlimit-decompress=512MiB';

/** The programs. gzip is node's own as a rule, which refuses whatever follows the stream. Each reads standard input and writes standard output with these. */
export const TOOLS: Record<Exclude<Compression, 'none'>, readonly [file: string, ...args: string[]]> = {
  gzip: ['gzip', '-dcq'],
  xz: ['xz', '-dcq', '--single-stream', MEMORY],
  lzma: ['xz', '-dcq', '--format=lzma', MEMORY],
  zstd: ['zstd', '-dcq'], // windows up to 128 MiB, the largest of level 22
  lz4: ['lz4', '-dcq'],
  bzip2: ['bzip2', '-dcq'],
  lzo: ['lzop', '-dcq'],
};

/** How bytes are packed, by their magic. */
export function compressionOf(bytes: Uint8Array): Compression {
  const head = Buffer.from(bytes.subarray(0, 16)).toString('hex');
  return MAGICS.find(([, magic]) => head.startsWith(magic))?.[0] ?? 'none';
}

/**
 * Unpacks bytes. `tolerant` takes what could be unpacked when the tool then stumbles over what follows the stream.
 * @throws BootgateError blame `user` E_COMPRESSED for damaged bytes, blame `host` E_TOOL_MISSING naming the tool.
 */
export async function decompress(
  bytes: Uint8Array,
  kind: Compression,
  options: { name?: string; tolerant?: boolean; most?: number; signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  if (kind === 'none') return bytes;
  const name = options.name ?? 'the data';
  const limit = unpackedLimit(bytes.length, options.most ?? MAX_FILE.kernelFile);
  if (kind === 'gzip' && !options.tolerant) {
    return promisify(gunzip)(bytes, { maxOutputLength: limit }).catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === 'ERR_BUFFER_TOO_LARGE' ? bomb(name, kind, limit) : damaged(name, kind, cause);
    });
  }
  const [file, ...args] = TOOLS[kind];
  const more = options.signal ? { signal: options.signal } : {};
  const result = await filter(file, args, bytes, { limit, ...more });
  if (result.status === 'limit') throw bomb(name, kind, limit);
  const isWhole = options.tolerant ? typeof result.status === 'number' : result.status === 0;
  if (!isWhole) throw damaged(name, kind, new Error(`${file}: ${result.complaint || result.status}`));
  return result.bytes;
}

/** A file's bytes, unpacked when its magic says so: `.ko`, `.ko.xz`, `.ko.zst`, `.ko.gz`. */
export async function readMaybeCompressed(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const bytes = await readInput(path, { most: MAX_FILE.kernelFile });
  return decompress(bytes, compressionOf(bytes), { name: path, ...options });
}

/** Kinds whose tools take many files at once, with the suffix that they insist on. */
const BATCHED: Partial<Record<Compression, readonly [suffix: string, file: string, ...args: string[]]>> = {
  xz: ['.xz', 'xz', '-dkfq', '--'],
  zstd: ['.zst', 'zstd', '-dkfq', '--'],
};
const BATCH_FILES = 128;
/** No unpacked file grows past the first argument (ulimit counts 512 bytes): a small file can hold a whole disk of zeros. */
const LIMITED = 'command -v "$1" >/dev/null || exit 1; ulimit -f "$0"; exec "$@"';

/**
 * The same for thousands of files, in their order: one tool process per 128 files rather than one per file, and
 * as many batches at once as there are cores, so that memory and disk stay bounded.
 */
export async function* readManyMaybeCompressed(
  paths: readonly string[],
  options: { scratch: string; signal?: AbortSignal },
): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  await mkdir(options.scratch, { recursive: true });
  const folder = await mkdtemp(join(options.scratch, 'unpack-'));
  const batches = Math.ceil(paths.length / BATCH_FILES);
  const started: Promise<(string | null)[]>[] = [];
  const start = (batch: number) => {
    if (batch >= batches || batch in started) return;
    const unpacked = unpackBatch(folder, batch, batchOf(paths, batch), options.signal);
    unpacked.catch(() => undefined); // it is awaited, and its error thrown, when its turn comes
    started[batch] = unpacked;
  };
  try {
    for (let batch = 0; batch < batches; batch++) {
      for (let ahead = 0; ahead < Math.max(1, cpus().length); ahead++) start(batch + ahead);
      const unpacked = (await started[batch]) ?? [];
      for (const [index, path] of batchOf(paths, batch).entries()) {
        const file = unpacked[index];
        yield { path, bytes: file ? await readFile(file) : await readMaybeCompressed(path, options) };
      }
      await rm(join(folder, String(batch)), { recursive: true, force: true });
    }
  } finally {
    await Promise.allSettled(started);
    await rm(folder, { recursive: true, force: true });
  }
}

function batchOf(paths: readonly string[], batch: number): readonly string[] {
  return paths.slice(batch * BATCH_FILES, (batch + 1) * BATCH_FILES);
}

/**
 * Unpacks one batch through symlinks named by index (the tools write beside their input, and two modules may have
 * the same base name). Returns the unpacked file of each path, or null for what is to be read one by one.
 */
async function unpackBatch(
  folder: string,
  batch: number,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<(string | null)[]> {
  const result: (string | null)[] = paths.map(() => null);
  const cwd = join(folder, String(batch));
  await mkdir(cwd);
  const heads = await Promise.all(paths.map(headOf));
  for (const [kind, tool] of Object.entries(BATCHED)) {
    const [suffix, file, ...args] = tool;
    const chosen = heads.flatMap((one, index) => (one.kind === kind ? [index] : []));
    if (chosen.length < 2) continue;
    await Promise.all(chosen.map((index) => symlink(paths[index] ?? '', join(cwd, `${index}${suffix}`))));
    const names = chosen.map((index) => `${index}${suffix}`);
    try {
      // One limit for the batch: that of its largest file.
      const packed = Math.max(...chosen.map((index) => heads[index]?.bytes ?? 0));
      const limit = Math.ceil(unpackedLimit(packed, MAX_FILE.kernelFile) / 512);
      await exec('sh', ['-c', LIMITED, String(limit), file, ...args, ...names], {
        cwd,
        timeout: 300_000,
        ...(signal ? { signal } : {}),
      });
      for (const index of chosen) result[index] = join(cwd, String(index));
    } catch (error) {
      // One bad file: reading them one by one names it.
      if (!isToolFailure(error)) throw error;
    }
  }
  return result;
}

async function headOf(path: string): Promise<{ kind: Compression; bytes: number }> {
  const file = await openInput(path, {});
  try {
    const head = Buffer.alloc(16);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return { kind: compressionOf(head.subarray(0, bytesRead)), bytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

function isToolFailure(error: unknown): boolean {
  return error instanceof BootgateError && error.code === 'E_TOOL_FAILED';
}

/** Judged while it is unpacked: no more than the limit is ever held or written. */
function bomb(name: string, kind: Compression, limit: number): BootgateError {
  return userError(
    'E_UNPACKED_SIZE',
    `${name} is refused: as ${kind} it unpacks to more than ${formatBytes(limit)}`,
    {
      hint: 'no real kernel or module compresses that well: get the file again from where it was built',
    },
  );
}

function damaged(name: string, kind: Compression, cause: unknown): BootgateError {
  return userError('E_COMPRESSED', `${name} is damaged or cut short: it cannot be unpacked as ${kind}`, {
    cause,
  });
}
