import { type ByteSource, ElfView } from './bytes.js';
import { type BootgateError, userError } from './errors.js';

export { type ByteSource, bufferSource, fileSource } from './bytes.js';

export interface ElfSection {
  name: string;
  /** sh_type: 2 SHT_SYMTAB, 7 SHT_NOTE, 8 SHT_NOBITS, ... */
  type: number;
  flags: number;
  offset: number;
  /** Bytes; of memory rather than of the file for SHT_NOBITS. */
  size: number;
  link: number;
  entrySize: number;
}

export interface ElfSegment {
  /** p_type: 1 PT_LOAD, 2 PT_DYNAMIC, 3 PT_INTERP, 4 PT_NOTE, ... */
  type: number;
  offset: number;
  /** p_vaddr: a bigint, as kernel addresses do not fit a number. */
  address: bigint;
  size: number;
  align: number;
}

export interface ElfNote {
  name: string;
  type: number;
  data: Uint8Array;
}

export interface ElfSymbol {
  name: string;
  value: bigint;
  size: number;
  /** STB_*: 0 local, 1 global, 2 weak. */
  binding: number;
  /** STT_*: 1 object, 2 function, 3 section, 4 file. */
  type: number;
  /** st_shndx: 0 undefined, 0xfff1 absolute. */
  section: number;
}

const PT_LOAD = 1;
const PT_NOTE = 4;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;
/** Longer names than this are no names: the kernel's own limit is 512 (KSYM_NAME_LEN). */
const MAX_NAME = 65_535;

/**
 * Reads an ELF file's headers: 32 and 64 bit, both byte orders, extended section numbering. Everything else
 * is read when it is asked for. The rules are those of the gABI, chapters 4 and 5 (elf(5)).
 * @throws BootgateError blame `user`, E_ELF, from here and from every method, for a file that is not ELF, is cut
 *   short, or points outside itself.
 */
export function parseElf(source: ByteSource): Elf {
  return new Elf(source);
}

export class Elf {
  readonly class: 32 | 64;
  readonly littleEndian: boolean;
  /** e_type: 1 relocatable (a module), 2 executable, 3 shared object. */
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    this.#source = source;
    const ident = this.bytesAt(0, 16, 'the ELF header');
    if (ident[0] !== 0x7f || ident[1] !== 0x45 || ident[2] !== 0x4c || ident[3] !== 0x46)
      throw this.bad('is not an ELF file');
    if (ident[4] !== 1 && ident[4] !== 2) throw this.bad(`has the unknown ELF class ${ident[4]}`);
    if (ident[5] !== 1 && ident[5] !== 2) throw this.bad(`has the unknown ELF byte order ${ident[5]}`);
    this.class = ident[4] === 2 ? 64 : 32;
    this.littleEndian = ident[5] === 1;
    const wide = this.class === 64;
    const header = this.view(0, wide ? 64 : 52, 'the ELF header');
    this.type = header.u16(16);
    this.machine = header.u16(18);
    this.entry = header.wordBig(24);
    const segmentsAt = header.word(wide ? 32 : 28);
    const sectionsAt = header.word(wide ? 40 : 32);
    const counts = wide ? 54 : 42;
    const sizes = { segment: header.u16(counts), section: header.u16(counts + 4) };
    let segmentCount = header.u16(counts + 2);
    let sectionCount = header.u16(counts + 6);
    let namesIndex = header.u16(counts + 8);

    const sectionBytes = wide ? 64 : 40;
    if (sectionsAt !== 0) {
      if (sizes.section !== sectionBytes) throw this.bad(`has section headers of ${sizes.section} bytes`);
      // Extended numbering: what does not fit 16 bits stands in the first section header.
      const first = this.#section(this.view(sectionsAt, sectionBytes, 'its section headers'), 0);
      if (sectionCount === 0) sectionCount = first.size;
      if (namesIndex === 0xffff) namesIndex = first.link;
      if (segmentCount === 0xffff) segmentCount = first.info;
    } else sectionCount = 0;
    this.segments = this.#readSegments(segmentsAt, segmentCount, sizes.segment);
    this.sections = this.#readSections(sectionsAt, sectionCount, namesIndex);
  }

  /** The bytes of the first section of that name; null when there is none, empty for SHT_NOBITS. */
  section(name: string): Uint8Array | null {
    const found = this.sections.find((section) => section.name === name);
    return found ? this.bytesOf(found) : null;
  }

  bytesOf(section: ElfSection): Uint8Array {
    if (section.type === SHT_NOBITS) return new Uint8Array();
    return this.bytesAt(section.offset, section.size, `section ${section.name}`);
  }

  /** The notes of all PT_NOTE segments, or of the SHT_NOTE sections of a file without segments. */
  notes(): ElfNote[] {
    const places = this.segments.filter((segment) => segment.type === PT_NOTE);
    if (places.length > 0) return places.flatMap((place) => this.#notes(place));
    return this.sections
      .filter((section) => section.type === SHT_NOTE)
      .flatMap((section) => this.#notes({ ...section, align: 4 }));
  }

  /** The names of undefined symbols of `.symtab`: what a module needs from the kernel and other modules. */
  undefinedSymbols(): { name: string; weak: boolean }[] {
    return this.#symbols('.symtab', (entry, name) => {
      const binding = entry.info >> 4;
      return entry.section === 0 && binding !== 0 ? { name: name(), weak: binding === 2 } : null;
    });
  }

  symbols(table: '.symtab' | '.dynsym' = '.symtab'): ElfSymbol[] {
    return this.#symbols(table, (entry, name) => ({
      name: name(),
      value: entry.value(),
      size: entry.size(),
      binding: entry.info >> 4,
      type: entry.info & 15,
      section: entry.section,
    }));
  }

  #readSegments(at: number, count: number, entrySize: number): ElfSegment[] {
    if (at === 0 || count === 0) return [];
    const wide = this.class === 64;
    const bytes = wide ? 56 : 32;
    if (entrySize !== bytes) throw this.bad(`has program headers of ${entrySize} bytes`);
    const table = this.view(at, count * bytes, 'its program headers');
    return Array.from({ length: count }, (_, index) => {
      const base = index * bytes;
      const segment: ElfSegment = {
        type: table.u32(base),
        offset: table.word(base + (wide ? 8 : 4)),
        address: table.wordBig(base + (wide ? 16 : 8)),
        size: table.word(base + (wide ? 32 : 16)),
        align: Number(table.wordBig(base + (wide ? 48 : 28))),
      };
      if (segment.type === PT_LOAD) this.#check(segment.offset, segment.size, 'a segment');
      return segment;
    });
  }

  #section(table: ElfView, base: number): Omit<ElfSection, 'name'> & { nameAt: number; info: number } {
    const wide = this.class === 64;
    return {
      nameAt: table.u32(base),
      type: table.u32(base + 4),
      flags: Number(table.wordBig(base + 8)),
      offset: table.word(base + (wide ? 24 : 16)),
      size: table.word(base + (wide ? 32 : 20)),
      link: table.u32(base + (wide ? 40 : 24)),
      info: table.u32(base + (wide ? 44 : 28)),
      entrySize: table.word(base + (wide ? 56 : 36)),
    };
  }

  #readSections(at: number, count: number, namesIndex: number): ElfSection[] {
    if (count === 0) return [];
    const bytes = this.class === 64 ? 64 : 40;
    const table = this.view(at, count * bytes, 'its section headers');
    const raw = Array.from({ length: count }, (_, index) => this.#section(table, index * bytes));
    const holder = raw[namesIndex];
    if (namesIndex !== 0 && !holder) throw this.bad('has no section with the section names');
    const names =
      namesIndex !== 0 && holder ? this.bytesAt(holder.offset, holder.size, 'its section names') : null;
    return raw.map(({ nameAt, info: _info, ...section }) => {
      const name = names ? this.stringAt(names, nameAt, 'a section header') : '';
      if (section.type !== SHT_NOBITS && section.type !== 0)
        this.#check(section.offset, section.size, `section ${name}`);
      return { name, ...section };
    });
  }

  #symbols<T>(table: string, pick: (entry: SymbolEntry, name: () => string) => T | null): T[] {
    const section = this.sections.find((one) => one.name === table);
    if (!section) return [];
    const wide = this.class === 64;
    const bytes = wide ? 24 : 16;
    if (section.entrySize !== bytes) throw this.bad(`has symbols of ${section.entrySize} bytes`);
    const holder = this.sections[section.link];
    if (!holder) throw this.bad(`has a ${table} without a string table`);
    const view = this.view(section.offset, section.type === SHT_NOBITS ? 0 : section.size, table);
    const names = this.bytesOf(holder);
    const picked: T[] = [];
    // The first symbol is the undefined one that has no name.
    for (let base = bytes; base + bytes <= view.length; base += bytes) {
      const entry: SymbolEntry = {
        info: view.u8(base + (wide ? 4 : 12)),
        section: view.u16(base + (wide ? 6 : 14)),
        value: () => view.wordBig(base + (wide ? 8 : 4)),
        size: () => view.word(base + (wide ? 16 : 8)),
      };
      const value = pick(entry, () => this.stringAt(names, view.u32(base), table));
      if (value !== null) picked.push(value);
    }
    return picked;
  }

  #notes({ offset, size, align }: { offset: number; size: number; align: number }): ElfNote[] {
    const view = this.view(offset, size, 'its notes');
    const step = align === 8 ? 8 : 4; // notes are padded to 4, .note.gnu.property of 64 bit files to 8
    const padded = (length: number) => Math.ceil(length / step) * step;
    const notes: ElfNote[] = [];
    for (let at = 0; at + 12 <= view.length; ) {
      const [nameSize, dataSize, type] = [view.u32(at), view.u32(at + 4), view.u32(at + 8)];
      const dataAt = padded(at + 12 + nameSize);
      if (dataAt + dataSize > view.length) throw this.bad('has a note that goes past its end');
      const name = Buffer.from(view.bytes.subarray(at + 12, at + 12 + nameSize))
        .toString('latin1')
        .replace(/\0.*$/s, '');
      notes.push({ name, type, data: view.bytes.subarray(dataAt, dataAt + dataSize) });
      at = padded(dataAt + dataSize);
    }
    return notes;
  }

  /** The NUL-terminated string at `offset` of a string table. */
  stringAt(table: Uint8Array, offset: number, what: string): string {
    const end = offset < table.length ? table.indexOf(0, offset) : -1;
    if (end < 0 || end - offset > MAX_NAME) throw this.bad(`has an invalid name in ${what}`);
    return Buffer.from(table.buffer, table.byteOffset + offset, end - offset).toString('utf8');
  }

  /** The error for this file: `message` goes on after its name. */
  bad(message: string): BootgateError {
    return userError('E_ELF', `${this.#source.name} ${message}`);
  }

  #check(offset: number, length: number, what: string): void {
    if (offset + length > this.#source.size)
      throw this.bad(`is cut short: ${what} would end at byte ${offset + length} of ${this.#source.size}`);
  }

  /** `what` names the place in the error for bytes that lie outside the file. */
  bytesAt(offset: number, length: number, what: string): Uint8Array {
    this.#check(offset, length, what);
    return this.#source.read(offset, length);
  }

  view(offset: number, length: number, what: string): ElfView {
    const tooBig = () => this.bad(`has an impossible number in ${what}`);
    return new ElfView(this.bytesAt(offset, length, what), this.class === 64, this.littleEndian, tooBig);
  }
}

interface SymbolEntry {
  info: number;
  section: number;
  value(): bigint;
  size(): number;
}
