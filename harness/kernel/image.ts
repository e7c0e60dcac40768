import {
  ARCHITECTURES,
  type Architecture,
  type ArchitectureTable,
  architectureOfElf,
  type ImageFormat,
  type ImageMark,
  list,
  machineName,
} from '../arch/index.js';
import { type Compression, compressionOf, decompress } from '../decompress.js';
import { bufferSource, parseElf } from '../elf.js';
import { userError } from '../errors.js';
import { readInput } from '../input.js';
import { MAX_FILE } from '../limits.js';

/** What a vmlinuz is, read from its own bytes. */
export interface KernelImage {
  arch: Architecture;
  /** uname -r, as it was built in. */
  release: string;
  format: ImageFormat;
  /** How the kernel proper is packed. */
  compression: Compression;
  /** The kernel proper where it was unpacked to be read (Image) or lay there as it is (ELF); else null. */
  unpacked: Uint8Array | null;
  /** Where the packed kernel proper lies in a bzImage that says so (boot protocol 2.08 and later). */
  payload: { offset: number; bytes: number } | null;
}

/**
 * Reads a kernel image: one that bears the mark of an architecture (harness/arch), the same packed with gzip or the like, or as
 * EFI zboot (drivers/firmware/efi/libstub/zboot-header.S), or a bare ELF vmlinux.
 * @throws BootgateError blame `user`: E_KERNEL_IMAGE for what is not a kernel or cut short, E_KERNEL_ARCH for a kernel
 *   of an unknown architecture.
 */
export async function readKernelImage(path: string, signal?: AbortSignal): Promise<KernelImage> {
  let bytes: Uint8Array = await readInput(path, { most: MAX_FILE.kernelFile });
  const more = { name: path, ...(signal ? { signal } : {}) };
  let compression = compressionOf(bytes);
  if (compression !== 'none') bytes = await decompress(bytes, compression, more);
  else if (isZboot(bytes)) {
    const view = dataOf(bytes);
    const [offset, length] = [view.getUint32(8, true), view.getUint32(12, true)];
    if (offset + length > bytes.length) throw bad(path, 'is cut short: its payload goes past its end');
    const payload = bytes.subarray(offset, offset + length);
    compression = compressionOf(payload);
    bytes = await decompress(payload, compression, { ...more, tolerant: true }); // its size may follow
  }
  if (isElf(bytes)) return readElfKernel(bytes, compression, path);
  for (const table of ARCHITECTURES)
    for (const mark of table.kernel.marks)
      if (bears(bytes, mark)) return READERS[mark.format](bytes, path, table, compression);
  const other = OTHER_MARKS.find((mark) => bears(bytes, mark));
  if (other) throw wrongArchitecture(path, other.arch);
  throw bad(
    path,
    `is not a kernel image: neither ELF nor marked as one for ${list(({ kernel }) => kernel.marks.length > 0)}`,
  );
}

/** Reads one format. `compression`: how it was packed around `bytes`. */
type ImageReader = (
  bytes: Uint8Array,
  path: string,
  table: ArchitectureTable,
  compression: Compression,
) => KernelImage;

const READERS: Record<ImageMark['format'], ImageReader> = {
  bzImage: readBzImage,
  Image: (bytes, path, { arch }, compression) => ({
    arch,
    release: banner(bytes, path),
    format: 'Image',
    compression,
    unpacked: bytes,
    payload: null,
  }),
  s390: readS390Image,
};

/** The x86 setup header starts at 0x1F1; its fields are named as in boot.rst. */
function readBzImage(bytes: Uint8Array, path: string, { arch }: ArchitectureTable): KernelImage {
  const view = dataOf(bytes);
  if (bytes.length < 0x268) throw bad(path, 'is cut short in its boot header');
  const version = view.getUint16(0x206, true);
  const setupSects = bytes[0x1f1] || 4; // 0 stands for 4
  const protectedMode = (setupSects + 1) * 512;
  // xloadflags came with 2.12; bit 0, XLF_KERNEL_64: there is a 64 bit entry point.
  if (version < 0x20c || (view.getUint16(0x236, true) & 1) === 0) throw wrongArchitecture(path, '32 bit x86');
  const end = protectedMode + view.getUint32(0x1f4, true) * 16; // syssize, in paragraphs
  if (bytes.length + 16 < end)
    throw bad(path, `is cut short: it should have ${end} bytes and has ${bytes.length}`);
  const versionAt = view.getUint16(0x20e, true) + 0x200;
  const release = text(bytes, versionAt, 256).replace(/[\0 ].*$/s, '');
  if (!isRelease(release)) throw bad(path, 'has no version in its boot header');
  const payload = { offset: protectedMode + view.getUint32(0x248, true), bytes: view.getUint32(0x24c, true) };
  if (payload.offset + payload.bytes > bytes.length)
    throw bad(path, 'is cut short: its payload goes past its end');
  const known = payload.bytes > 0 ? payload : null;
  const compression = known ? compressionOf(bytes.subarray(known.offset, known.offset + 16)) : 'none';
  return { arch, release, format: 'bzImage', compression, unpacked: null, payload: known };
}

/**
 * The parameter area at 0x10400 holds the address of the version's text; the image is loaded at 0, so that is its offset too
 * (arch/s390/include/asm/setup.h, struct parmarea: kernel_version since Linux 4.20). It is booted as it is.
 */
function readS390Image(
  bytes: Uint8Array,
  path: string,
  { arch }: ArchitectureTable,
  compression: Compression,
): KernelImage {
  if (bytes.length < 0x10480) throw bad(path, 'is cut short in its parameter area');
  const at = Number(dataOf(bytes).getBigUint64(0x10428));
  const release = at > 0 && at < bytes.length ? text(bytes, at, 256).replace(/[\0 ].*$/s, '') : '';
  if (!isRelease(release)) throw bad(path, 'has no version in its parameter area');
  return { arch, release, format: 's390', compression, unpacked: bytes, payload: null };
}

function readElfKernel(bytes: Uint8Array, compression: Compression, path: string): KernelImage {
  const elf = parseElf(bufferSource(bytes, path));
  const table = architectureOfElf(elf);
  if (!table) throw wrongArchitecture(path, machineName(elf));
  const { arch } = table;
  return { arch, release: banner(bytes, path), format: 'elf', compression, unpacked: bytes, payload: null };
}

/** linux_banner (init/version-timestamp.c): `Linux version RELEASE (builder) ...`. */
function banner(bytes: Uint8Array, path: string): string {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mark = 'Linux version ';
  for (let at = all.indexOf(mark); at >= 0; at = all.indexOf(mark, at + 1)) {
    const release = /^(\S+) \(/.exec(all.toString('latin1', at + mark.length, at + mark.length + 256))?.[1];
    if (release && isRelease(release)) return release;
  }
  throw bad(path, 'does not say which release it is: there is no "Linux version" in it');
}

/** What can be a folder below /lib/modules: a release is joined to paths. */
function isRelease(release: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/.test(release);
}

function isElf(bytes: Uint8Array): boolean {
  return text(bytes, 0, 4) === '\x7fELF';
}

function isZboot(bytes: Uint8Array): boolean {
  return bytes.length > 64 && text(bytes, 0, 2) === 'MZ' && text(bytes, 4, 4) === 'zimg';
}

function bears(bytes: Uint8Array, mark: Pick<ImageMark, 'offset' | 'bytes'>): boolean {
  return text(bytes, mark.offset, mark.bytes.length) === mark.bytes;
}

/** Kernels that are met in the wild beside ours: 32 bit ARM zImage, LoongArch Image. */
const OTHER_MARKS = [
  { arch: 'arm', offset: 0x24, bytes: '\x18\x28\x6f\x01' },
  { arch: 'loongarch64', offset: 0x38, bytes: '\xcd\x23\x82\x81' },
];

function text(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}

function dataOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function bad(path: string, why: string) {
  return userError('E_KERNEL_IMAGE', `${path} ${why}`, { hint: 'get the kernel again, or give another one' });
}

function wrongArchitecture(path: string, arch: string) {
  return userError('E_KERNEL_ARCH', `${path} is a kernel for ${arch}; bootgate knows ${list()}`, {
    hint: 'give a package for one of these architectures',
  });
}
