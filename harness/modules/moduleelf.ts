import { bufferSource, type Elf, parseElf } from '../elf.js';

/** What a module file says about itself. */
export interface ModuleFile {
  /** Symbols that it exports, in its symbol table's order. */
  exports: string[];
  /** Symbols that it takes from elsewhere, in the order in which depmod looks at them. */
  needs: string[];
  /** Those of them that may be missing. */
  weak: string[];
  /** .modinfo, in order: `['alias', 'pci:...']`. */
  info: [key: string, value: string][];
  /** Whether a signature is appended (kernel: include/linux/module_signature.h). */
  signed: boolean;
}

const SIGNATURE = '~Module signature appended~\n';
const STB_WEAK = 2;
const CRC = Buffer.from('__crc_');

/**
 * Reads a module, unpacked.
 * @param name What to call it in an error.
 * @throws BootgateError blame `user`, E_ELF for a file that is not ELF or is cut short.
 */
export function readModuleFile(bytes: Uint8Array, name: string): ModuleFile {
  const elf = parseElf(bufferSource(bytes, name));
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(-SIGNATURE.length);
  const table = symbolTable(elf);
  return {
    exports: readExports(elf, table),
    ...readNeeds(elf, table),
    info: readInfo(elf),
    signed: tail.toString('latin1') === SIGNATURE,
  };
}

interface SymbolTable {
  bytes: Buffer;
  names: Buffer;
  entry: number;
  /** Offsets inside an entry. */
  info: number;
  section: number;
  little: boolean;
}

function symbolTable(elf: Elf): SymbolTable | null {
  const bytes = sectionBuffer(elf, '.symtab');
  const names = sectionBuffer(elf, '.strtab');
  if (!bytes || !names) return null;
  const wide = elf.class === 64;
  return {
    bytes,
    names,
    entry: wide ? 24 : 16,
    info: wide ? 4 : 12,
    section: wide ? 6 : 14,
    little: elf.littleEndian,
  };
}

function sectionBuffer(elf: Elf, name: string): Buffer | null {
  const bytes = elf.section(name);
  return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : null;
}

/**
 * kmod's libkmod-elf.c, kmod_elf_get_symbols(): the symbols that have a `__crc_` twin; without any (a kernel without
 * MODVERSIONS, or one whose checksums lie in a section), the strings of __ksymtab_strings.
 */
function readExports(elf: Elf, table: SymbolTable | null): string[] {
  const exported: string[] = [];
  if (table) {
    for (let at = table.entry; at + table.entry <= table.bytes.length; at += table.entry) {
      const name = read32(table, at);
      if (table.names[name] !== 0x5f) continue;
      // The last name of the table may be shorter than the prefix.
      if (!table.names.subarray(name, name + CRC.length).equals(CRC)) continue;
      exported.push(stringAt(table.names, name + CRC.length));
    }
  }
  if (exported.length > 0) return exported;
  const strings = sectionBuffer(elf, '__ksymtab_strings');
  return strings ? strings.toString('latin1').split('\0').filter(Boolean) : [];
}

/**
 * libkmod-elf.c, kmod_elf_get_dependency_symbols(): undefined symbols in the symbol table's order, then what only
 * __versions names (module_layout as a rule).
 */
function readNeeds(elf: Elf, table: SymbolTable | null): Pick<ModuleFile, 'needs' | 'weak'> {
  const needs: string[] = [];
  const weak: string[] = [];
  if (!table) return { needs, weak };
  for (let at = table.entry; at + table.entry <= table.bytes.length; at += table.entry) {
    // st_shndx 0 is SHN_UNDEF in either byte order.
    if (table.bytes[at + table.section] !== 0 || table.bytes[at + table.section + 1] !== 0) continue;
    const symbol = stringAt(table.names, read32(table, at));
    if (symbol) needs.push(symbol);
    if (symbol && (table.bytes[at + table.info] ?? 0) >> 4 === STB_WEAK) weak.push(symbol);
  }
  const seen = new Set(needs);
  for (const symbol of readVersions(elf)) if (!seen.has(symbol)) needs.push(symbol);
  return { needs, weak };
}

/** struct modversion_info is 64 bytes: a checksum as wide as a long, and a name. */
function readVersions(elf: Elf): string[] {
  const bytes = sectionBuffer(elf, '__versions');
  if (!bytes || bytes.length % 64 !== 0) return [];
  const skip = elf.class === 64 ? 8 : 4;
  const names: string[] = [];
  for (let at = 0; at < bytes.length; at += 64) names.push(stringAt(bytes.subarray(at, at + 64), skip));
  return names;
}

function readInfo(elf: Elf): ModuleFile['info'] {
  const strings = sectionBuffer(elf, '.modinfo')?.toString('latin1').split('\0').filter(Boolean) ?? [];
  return strings.map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  });
}

function read32(table: SymbolTable, at: number): number {
  return table.little ? table.bytes.readUInt32LE(at) : table.bytes.readUInt32BE(at);
}

function stringAt(table: Buffer, from: number): string {
  const end = table.indexOf(0, from);
  return table.toString('latin1', Math.min(from, table.length), end < 0 ? table.length : end);
}
