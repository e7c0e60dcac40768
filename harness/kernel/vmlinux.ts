import { closeSync, openSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { type ArchitectureTable, architectureOf, isFor, machineName } from '../arch/index.js';
import type { Cache } from '../cache.js';
import { compressionOf, decompress, MAGICS } from '../decompress.js';
import { bufferSource, type Elf, fileSource, parseElf } from '../elf.js';
import { BootgateError, userError } from '../errors.js';
import { readInput } from '../input.js';
import { MAX_FILE } from '../limits.js';
import { digestOfUnchanged } from './digest.js';
import { type KernelImage, readKernelImage } from './image.js';
import type { Kernel, Vmlinux } from './kernel.js';

/** Xen's note that the PVH boot protocol uses: include/xen/interface/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY. */
const PHYS32_ENTRY = 18;
/** How many places of one kind are tried in an image that does not say where its payload is. */
const MOST_TRIES = 16;

/**
 * The kernel proper inside vmlinuz, unpacked once into the cache. For x86_64 an ELF file; elsewhere what the architecture has,
 * such as the flat Image of arm64, which QEMU boots as it is. Rules: Documentation/arch/x86/boot.rst (payload_offset, payload_length) and, for
 * images that do not say, scripts/extract-vmlinux in the kernel's tree.
 * @throws BootgateError blame `user`: E_KERNEL_IMAGE when there is no whole kernel of the right architecture in it.
 */
export async function extractVmlinux(
  kernel: Pick<Kernel, 'vmlinuz' | 'arch'>,
  cache: Cache,
  options: { signal?: AbortSignal } = {},
): Promise<Vmlinux> {
  const key = `vmlinux 1 ${await digestOfUnchanged(cache, kernel.vmlinuz)}`;
  const path = await cache.entry('vmlinux', key, async (temporary) => {
    const image = await readKernelImage(kernel.vmlinuz, options.signal);
    if (image.arch !== kernel.arch) throw bad(kernel.vmlinuz, `is for ${image.arch}, not ${kernel.arch}`);
    await writeFile(temporary, image.unpacked ?? (await unpack(kernel.vmlinuz, image, options)));
  });
  const { size } = await stat(path);
  const { direct } = architectureOf(kernel.arch).kernel;
  // Remembered beside the kernel: reading the compression from an Image means unpacking that again.
  const facts = await cache.text('vmlinux-facts', key, async () => {
    const { compression } = await readKernelImage(kernel.vmlinuz, options.signal);
    return JSON.stringify({ compression, pvhEntry: direct === 'pvh' ? pvhEntryOf(path) : null });
  });
  return { path, bytes: size, ...(JSON.parse(facts) as Pick<Vmlinux, 'compression' | 'pvhEntry'>) };
}

async function unpack(
  path: string,
  image: KernelImage,
  options: { signal?: AbortSignal },
): Promise<Uint8Array> {
  const bytes = await readInput(path, { most: MAX_FILE.kernelFile });
  const table = architectureOf(image.arch);
  if (image.payload && image.compression !== 'none') {
    const { offset, bytes: length } = image.payload;
    const payload = bytes.subarray(offset, offset + length);
    // Except with gzip, whose trailer it is, the unpacked size (32 bits) is appended: arch/x86/boot/compressed/mkpiggy.c.
    const stream = image.compression === 'gzip' ? payload : payload.subarray(0, -4);
    const unpacked = await decompress(stream, image.compression, { name: path, ...options });
    if (unpacked.length !== payload.readUInt32LE(length - 4))
      throw bad(path, 'is damaged: its payload is not of the size that it says');
    checkElf(unpacked, path, table);
    return unpacked;
  }
  return scan(bytes, path, table, options);
}

/** Tries every place that looks like a packed kernel, as extract-vmlinux does. */
async function scan(
  bytes: Buffer,
  path: string,
  table: ArchitectureTable,
  options: { signal?: AbortSignal },
): Promise<Uint8Array> {
  let reason: unknown;
  for (const [kind, hex] of MAGICS) {
    const magic = Buffer.from(hex, 'hex');
    let at = bytes.indexOf(magic);
    for (let tries = 0; at >= 0 && tries < MOST_TRIES; tries++, at = bytes.indexOf(magic, at + 1)) {
      try {
        const unpacked = await decompress(bytes.subarray(at), kind, {
          name: path,
          tolerant: true,
          ...options,
        });
        checkElf(unpacked, path, table);
        return unpacked;
      } catch (error) {
        if (!(error instanceof BootgateError) || error.blame !== 'user') throw error;
        if (error.code === 'E_UNPACKED_SIZE') throw error; // every further place would cost as much
        if (compressionOf(bytes.subarray(at)) === kind) reason ??= error;
      }
    }
  }
  throw bad(path, 'holds no packed kernel that can be read', reason);
}

/** parseElf refuses a file whose sections or segments go past its end, which is what a damaged kernel shows. */
function checkElf(bytes: Uint8Array, path: string, table: ArchitectureTable): Elf {
  const elf = parseElf(bufferSource(bytes, `the kernel in ${path}`));
  if (!isFor(elf, table)) throw bad(path, `holds a kernel for ${machineName(elf)}, not ${table.arch}`);
  return elf;
}

function pvhEntryOf(path: string): number | null {
  const fd = openSync(path, 'r');
  try {
    const note = parseElf(fileSource(fd, path))
      .notes()
      .find(({ name, type }) => name === 'Xen' && type === PHYS32_ENTRY);
    if (!note || note.data.length < 4) return null;
    return Buffer.from(note.data).readUInt32LE(0); // 8 bytes in a 64 bit kernel, the upper half zero
  } finally {
    closeSync(fd);
  }
}

function bad(path: string, why: string, cause?: unknown) {
  return userError('E_KERNEL_IMAGE', `${path} ${why}`, {
    hint: 'get the kernel again; a file that is cut short or made for another architecture cannot be booted',
    cause,
  });
}
