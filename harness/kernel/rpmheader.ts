import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { compressionOf } from '../decompress.js';
import { userError } from '../errors.js';
import type { PackageControl } from './deb.js';
import type { Payload } from './payload.js';

/**
 * The package header of an .rpm, as far as it is needed: lead (96 bytes), signature header (padded to 8), header,
 * payload. Each header is a magic, the number of index entries and of data bytes, the index, the data; all big
 * endian. The rules are rpm's docs/manual/format_v4.md (lead, header, tags).
 */
const LEAD = 96;
const MAGIC = 0x8eade801;
const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  arch: 1022,
  sourcePackage: 1106,
  provideName: 1047,
  provideFlags: 1112,
  provideVersion: 1113,
  requireName: 1049,
  requireFlags: 1048,
  requireVersion: 1050,
} as const;
/** In the signature header: bytes of header and payload together, in 32 or 64 bits. */
const SIGNATURE_SIZE = 1000;
const SIGNATURE_LONG_SIZE = 270;
const INT32 = 4;
const INT64 = 5;
const STRINGS = [6, 8, 9]; // string, string array, translated string
const LARGEST = 256 << 20; // rpm's own limit for header data

const WANTED: ReadonlySet<number> = new Set([...Object.values(TAG), SIGNATURE_SIZE, SIGNATURE_LONG_SIZE]);

type Header = Map<number, (string | number)[]>;

/**
 * @throws BootgateError blame `user`: E_PACKAGE_DAMAGED for what is no .rpm or is cut short; E_PACKAGE_SOURCE
 *   for a source package.
 */
export async function readRpm(path: string): Promise<{ control: PackageControl; payload: Payload }> {
  const name = basename(path);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (offset: number, length: number) => {
      if (offset + length > size) throw damaged(name, `it is cut short at byte ${size}`);
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, offset);
      return bytes;
    };
    const header = async (at: number): Promise<{ tags: Header; end: number }> => {
      const intro = await read(at, 16);
      if (intro.readUInt32BE(0) !== MAGIC) throw damaged(name, `there is no header at byte ${at}`);
      const [count, bytes] = [intro.readUInt32BE(8), intro.readUInt32BE(12)];
      if (count * 16 + bytes > LARGEST) throw damaged(name, 'its header is too large');
      const data = await read(at + 16, count * 16 + bytes);
      return { tags: parseTags(data, count, name), end: at + 16 + count * 16 + bytes };
    };
    if (size < LEAD || (await read(0, 4)).readUInt32BE(0) !== 0xedabeedb)
      throw damaged(name, 'it is not an RPM package');
    const signature = await header(LEAD);
    const start = Math.ceil(signature.end / 8) * 8;
    const { tags, end } = await header(start);
    const rest = signature.tags.get(SIGNATURE_LONG_SIZE)?.[0] ?? signature.tags.get(SIGNATURE_SIZE)?.[0];
    if (typeof rest === 'number' && start + rest > size)
      throw damaged(name, `it is cut short: it should have ${start + rest} bytes and has ${size}`);
    const head = await read(end, Math.min(16, size - end));
    const payload = { offset: end, bytes: size - end, compression: compressionOf(head) };
    return { control: controlOf(tags, name), payload };
  } finally {
    await file.close();
  }
}

function controlOf(tags: Header, name: string): PackageControl {
  const text = (tag: number) => {
    const value = tags.get(tag)?.[0];
    if (typeof value !== 'string' || value === '') throw damaged(name, `its header has no tag ${tag}`);
    return value;
  };
  // Source packages have no 1044 (SOURCERPM) and carry this tag since rpm 4.
  if (tags.has(TAG.sourcePackage))
    throw userError('E_PACKAGE_SOURCE', `${name} is a source package`, { hint: 'give the built packages' });
  const epoch = tags.get(TAG.epoch)?.[0];
  const version = `${text(TAG.version)}-${text(TAG.release)}`;
  return {
    name: text(TAG.name),
    version: epoch === undefined ? version : `${epoch}:${version}`,
    architecture: text(TAG.arch),
    depends: relations(tags, TAG.requireName, TAG.requireFlags, TAG.requireVersion),
    provides: relations(tags, TAG.provideName, TAG.provideFlags, TAG.provideVersion),
  };
}

/** `kernel-core-uname-r = 6.5.6`. What only rpm itself provides, rpmlib(...), is left out. */
function relations(tags: Header, names: number, flags: number, versions: number): string[] {
  const result = (tags.get(names) ?? []).flatMap((name, index) => {
    if (typeof name !== 'string' || name.startsWith('rpmlib(')) return [];
    const flag = Number(tags.get(flags)?.[index] ?? 0);
    const version = tags.get(versions)?.[index];
    // RPMSENSE_LESS 2, GREATER 4, EQUAL 8
    const sign = `${flag & 2 ? '<' : ''}${flag & 4 ? '>' : ''}${flag & 8 ? '=' : ''}`;
    return [sign && version ? `${name} ${sign} ${version}` : name];
  });
  return [...new Set(result)];
}

function parseTags(data: Buffer, count: number, name: string): Header {
  const tags: Header = new Map();
  const store = data.subarray(count * 16);
  for (let index = 0; index < count; index++) {
    const [tag, type, offset, items] = [0, 4, 8, 12].map((at) => data.readUInt32BE(index * 16 + at)) as [
      number,
      number,
      number,
      number,
    ];
    if (!WANTED.has(tag) || tags.has(tag)) continue;
    if (type !== INT32 && type !== INT64 && !STRINGS.includes(type)) continue;
    const values: (string | number)[] = [];
    let at = offset;
    // A translated string has one value for each locale; a plain one is one value whatever its count says.
    const wanted = type === 6 ? 1 : items;
    if (wanted > store.length) throw damaged(name, `tag ${tag} has an impossible count`);
    for (let item = 0; item < wanted; item++) {
      if (type === INT32 || type === INT64) {
        const width = type === INT32 ? 4 : 8;
        if (at + width > store.length) throw damaged(name, `tag ${tag} goes past its header`);
        values.push(width === 4 ? store.readUInt32BE(at) : Number(store.readBigUInt64BE(at)));
        at += width;
      } else {
        const end = at < store.length ? store.indexOf(0, at) : -1;
        if (end < 0) throw damaged(name, `tag ${tag} goes past its header`);
        values.push(store.toString('utf8', at, end));
        at = end + 1;
      }
    }
    tags.set(tag, values);
  }
  return tags;
}

function damaged(name: string, why: string) {
  return userError('E_PACKAGE_DAMAGED', `${name} cannot be read: ${why}`, { hint: 'get the file again' });
}
