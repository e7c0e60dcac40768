/** A kernel, wherever it came from: what every later stage gets to see of it. Plain and serialisable. */

import type { Architecture } from '../arch/index.js';

/** One package file that the kernel was assembled from, and the modules that it brought. */
export interface KernelPackage {
  /** `linux-image-6.1.0-56-amd64`; the file's base name where there is no control data. */
  name: string;
  version: string;
  /** Base name of the file. */
  file: string;
  /** Module paths relative to /lib/modules/RELEASE. */
  modules: string[];
  /** As the package writes them, one clause each: `linux-base (>= 4.3~)`, `a | b`, `kernel-core-uname-r = 6.5.6`. */
  depends: string[];
  provides: string[];
}

export interface Kernel {
  /** uname -r. */
  release: string;
  arch: Architecture;
  /** What the user asked for: `apt:linux-image-amd64`. */
  source: string;
  /** What that resolved to: package files with versions, or a folder. */
  resolved: string[];
  /** `sha256:...` over vmlinuz and the module tree's files (names, sizes and, for packages, the packages' bytes). */
  digest: string;
  /** Absolute path of vmlinuz as shipped. */
  vmlinuz: string;
  /** Absolute path of the module tree, /lib/modules/RELEASE. It may be the user's own: never written to, and may lack depmod's indexes. */
  modulesDir: string;
  /** Absolute path, if there is one. */
  config: string | null;
  systemMap: string | null;
  /** Empty for a folder or an installed kernel. */
  packages: KernelPackage[];
}

/** The ELF image inside vmlinuz, ready for a direct boot. */
export interface Vmlinux {
  /** Absolute path, in the cache. */
  path: string;
  bytes: number;
  /** How vmlinuz held it: `xz`, `zstd`, `lz4`, `gzip`, `lzo`, `bzip2`, or `none` when it was an ELF file already. */
  compression: string;
  /** The entry point of the PVH note (XEN_ELFNOTE_PHYS32_ENTRY), or null when the kernel cannot be booted that way. */
  pvhEntry: number | null;
}
