import type { Elf } from './elf.js';

export interface ElfDynamic {
  needed: string[];
  /** As they stand, split at `:`, `$ORIGIN` not replaced. */
  runpath: string[];
  rpath: string[];
  soname: string | null;
  interp: string | null;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
/** d_tag values (gABI chapter 5, dynamic section). */
const TAG = { null: 0n, needed: 1n, stringTable: 5n, stringSize: 10n, soname: 14n, rpath: 15n, runpath: 29n };

/** What the dynamic linker reads of a program or library. Sections are not needed for it, so a stripped file will do. */
export function readDynamic(elf: Elf): ElfDynamic {
  const result: ElfDynamic = { needed: [], runpath: [], rpath: [], soname: null, interp: null };
  const interp = elf.segments.find((segment) => segment.type === PT_INTERP);
  if (interp) {
    const text = Buffer.from(elf.bytesAt(interp.offset, interp.size, 'its interpreter')).toString('utf8');
    result.interp = text.replace(/\0.*$/s, '');
  }
  const segment = elf.segments.find((one) => one.type === PT_DYNAMIC);
  if (!segment) return result;
  const width = elf.class === 64 ? 8 : 4;
  const table = elf.view(segment.offset, segment.size, 'its dynamic section');
  const strings: [tag: bigint, offset: number][] = [];
  let address: bigint | null = null;
  let size = 0;
  for (let at = 0; at + 2 * width <= table.length; at += 2 * width) {
    const tag = table.wordBig(at);
    if (tag === TAG.null) break;
    if (tag === TAG.stringTable) address = table.wordBig(at + width);
    else if (tag === TAG.stringSize) size = table.word(at + width);
    else if (tag === TAG.needed || tag === TAG.soname || tag === TAG.rpath || tag === TAG.runpath)
      strings.push([tag, table.word(at + width)]);
  }
  if (strings.length === 0) return result;
  if (address === null) throw elf.bad('has a dynamic section without a string table');
  const names = elf.bytesAt(fileOffset(elf, address), size, 'its dynamic strings');
  for (const [tag, offset] of strings) {
    const text = elf.stringAt(names, offset, 'its dynamic section');
    if (tag === TAG.needed) result.needed.push(text);
    else if (tag === TAG.soname) result.soname = text;
    else (tag === TAG.rpath ? result.rpath : result.runpath).push(...text.split(':').filter(Boolean));
  }
  return result;
}

/** Where an address of the running program lies in the file. */
function fileOffset(elf: Elf, address: bigint): number {
  for (const { type, address: start, size, offset } of elf.segments) {
    if (type === PT_LOAD && address >= start && address < start + BigInt(size))
      return offset + Number(address - start);
  }
  throw elf.bad(`has no segment for address 0x${address.toString(16)}`);
}
