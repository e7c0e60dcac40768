import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type Architecture,
  type ArchitectureTable,
  architectureOf,
  isFor,
  libraryFolders,
} from '../arch/index.js';
import { fileSource, parseElf } from '../elf.js';
import { type ElfDynamic, readDynamic } from '../elfdynamic.js';
import { hostError } from '../errors.js';
import { parseLdCache } from './ld-cache.js';

/**
 * Finds shared libraries as ld.so(8) does: RPATH of the object and of those that loaded it (where the object has no
 * RUNPATH), RUNPATH, ld.so.cache, then the built-in folders. LD_LIBRARY_PATH does not count: the guest has none.
 */
export class LibraryFinder {
  readonly #table: ArchitectureTable;
  readonly #cached: Map<string, string>;
  readonly #folders: readonly string[];
  readonly #root: string;
  /** Something was found by ld.so.cache alone, so the guest needs that file too. */
  usesLdCache = false;

  /**
   * @param arch of the guest's programs
   * @param root All paths lie below it; a real path, empty for this machine's. Elsewhere no ld.so.cache counts.
   */
  constructor(arch: Architecture, root = '') {
    const ldCache = '/etc/ld.so.cache';
    this.#table = architectureOf(arch);
    this.#root = root;
    this.#cached =
      root === '' && existsSync(ldCache) ? parseLdCache(readFileSync(ldCache), this.#table) : new Map();
    this.#folders = libraryFolders(this.#table);
  }

  /** Every file that the programs and libraries given need to be loaded, themselves not included, as they are named. */
  closure(roots: readonly string[], sonames: readonly string[] = []): string[] {
    const found = new Set<string>();
    const done = new Set<string>();
    const queue: { file: string; rpath: string[] }[] = roots.map((file) => ({ file, rpath: [] }));
    const add = (file: string, rpath: string[]) => {
      if (found.has(file)) return;
      found.add(file);
      queue.push({ file, rpath });
    };
    for (const name of sonames) add(this.#find(name, [], 'images/userland.yaml'), []);
    for (let next = queue.shift(); next; next = queue.shift()) {
      const real = realpathSync(this.#root + next.file).slice(this.#root.length);
      const dynamic = done.has(real) ? null : this.#dynamic(real);
      done.add(real);
      if (!dynamic) continue;
      if (dynamic.interp) add(dynamic.interp, []);
      const here = (folders: string[]) => folders.flatMap((folder) => this.#expand(folder, dirname(real)));
      const own = here(dynamic.rpath);
      const inherited = dynamic.runpath.length > 0 ? [] : [...own, ...next.rpath];
      for (const name of dynamic.needed)
        add(this.#find(name, [...inherited, ...here(dynamic.runpath)], next.file), [...own, ...next.rpath]);
    }
    return [...found];
  }

  #find(name: string, folders: readonly string[], neededBy: string): string {
    if (name.startsWith('/') && existsSync(this.#root + name)) return name;
    const cached = this.#cached.get(name);
    const places = [
      ...folders.map((folder) => join(folder, name)),
      ...(cached ? [cached] : []),
      ...this.#folders.map((folder) => join(folder, name)),
    ];
    const place = places.find((path) => existsSync(this.#root + path) && this.#fits(path));
    if (place) {
      if (place === cached && !this.#folders.includes(dirname(place))) this.usesLdCache = true;
      return place;
    }
    throw hostError(
      'E_USERLAND_LIBRARY',
      `${neededBy} needs ${name}, which is not ${this.#root ? 'in the packages of the userland' : 'on this machine'}`,
      {
        hint: this.#root ? 'run `bootgate userland update`' : 'reinstall the package that has that program',
      },
    );
  }

  /** A folder of RPATH or RUNPATH: `$LIB` differs between distributions, so both spellings are tried. */
  #expand(folder: string, origin: string): string[] {
    const path = folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, origin);
    if (!/\$LIB|\$\{LIB\}/.test(path)) return [path];
    return ['lib64', 'lib', this.#folders[0]?.slice(1) ?? 'lib'].map((lib) =>
      path.replace(/\$LIB|\$\{LIB\}/g, lib),
    );
  }

  /** ld.so passes over a library of another architecture and looks further. */
  #fits(path: string): boolean {
    const fd = openSync(this.#root + path, 'r');
    try {
      const head = Buffer.alloc(20);
      if (readSync(fd, head, 0, 20, 0) < 20 || !isElf(head)) return false;
      const littleEndian = head[5] === 1; // EI_DATA: ELFDATA2LSB
      const machine = littleEndian ? head.readUInt16LE(18) : head.readUInt16BE(18);
      return isFor({ machine, class: head[4] === 2 ? 64 : 32, littleEndian }, this.#table);
    } finally {
      closeSync(fd);
    }
  }

  /** Null for what is no ELF file: scripts and data. */
  #dynamic(path: string): ElfDynamic | null {
    const fd = openSync(this.#root + path, 'r');
    try {
      const head = Buffer.alloc(4);
      if (readSync(fd, head, 0, 4, 0) < 4 || !isElf(head)) return null;
      const elf = parseElf(fileSource(fd, path));
      if (isFor(elf, this.#table)) return readDynamic(elf);
      throw hostError('E_USERLAND_ARCH', `${path} is not a program for the guest's architecture`, {
        hint: 'for a kernel of another architecture than this machine, use `--userland packages`',
      });
    } finally {
      closeSync(fd);
    }
  }
}

function isElf(head: Buffer): boolean {
  return head.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
}
