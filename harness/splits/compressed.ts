import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { readManyMaybeCompressed } from '../decompress.js';
import { exec } from '../exec.js';
import type { Module, ModuleIndex } from '../modules/module.js';

/** Bytes of one module's file when it is installed compressed. */
export interface CompressedBytes {
  xz: number;
  zstd: number;
}

/** As the kernel's scripts/Makefile.modinst calls them. */
const TOOLS = {
  xz: { args: ['-kfq', '--check=crc32', '--lzma2=dict=1MiB'], suffix: '.xz' },
  zstd: { args: ['-kfq', '-T1'], suffix: '.zst' },
} as const;

const FILES_AT_ONCE = 64;

/**
 * What every module of a tree would weigh compressed one by one, as distributions ship them. Compressing a generic kernel's
 * modules takes two CPU minutes, once for each tree; after that the answer comes from the cache.
 * @throws BootgateError blame `host`: xz or zstd is missing, or the disk is full.
 */
export async function compressedSizes(
  index: ModuleIndex,
  cache: Cache,
  options: { signal?: AbortSignal; log?: (sentence: string) => void } = {},
): Promise<Map<string, CompressedBytes>> {
  const text = await cache.text('compressed-sizes', `1 ${index.digest}`, async () => {
    await cache.settle([index.dir]);
    options.log?.(`compressing ${index.modules.size} modules to weigh them, once for this kernel`);
    const sizes = await cache.scratch((folder) => compressAll(index, folder, options.signal));
    return JSON.stringify(Object.fromEntries(sizes));
  });
  return new Map(Object.entries(JSON.parse(text) as Record<string, CompressedBytes>));
}

async function compressAll(
  index: ModuleIndex,
  folder: string,
  signal?: AbortSignal,
): Promise<Map<string, CompressedBytes>> {
  const found = new Map<string, CompressedBytes>();
  const modules = [...index.modules.values()];
  const chunks: Module[][] = [];
  for (let at = 0; at < modules.length; at += FILES_AT_ONCE)
    chunks.push(modules.slice(at, at + FILES_AT_ONCE));
  const work = async (worker: number) => {
    const room = join(folder, String(worker));
    for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) {
      await mkdir(room);
      const files = await layOut(chunk, index, room);
      for (const [tool, { args }] of Object.entries(TOOLS))
        await exec(tool, [...args, '--', ...files], { timeout: 600_000, ...(signal ? { signal } : {}) });
      for (const [at, { name }] of chunk.entries())
        found.set(name, {
          xz: (await stat(`${files[at]}${TOOLS.xz.suffix}`)).size,
          zstd: (await stat(`${files[at]}${TOOLS.zstd.suffix}`)).size,
        });
      await rm(room, { recursive: true });
    }
  };
  await Promise.all(cpus().map((_, worker) => work(worker)));
  return found;
}

/** The modules' files, uncompressed, side by side under names that the tools take. */
async function layOut(modules: readonly Module[], index: ModuleIndex, room: string): Promise<string[]> {
  const paths = modules.map(({ path }) => join(index.dir, path));
  const files = modules.map((_, at) => join(room, `${at}.ko`));
  if (paths.every((path) => path.endsWith('.ko')))
    await Promise.all(files.map((file, at) => symlink(paths[at] as string, file)));
  else {
    let at = 0;
    for await (const { bytes } of readManyMaybeCompressed(paths, { scratch: room }))
      await writeFile(files[at++] as string, bytes);
  }
  return files;
}
