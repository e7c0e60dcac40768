import { mkdir, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Compression } from '../decompress.js';
import { BootgateError, userError } from '../errors.js';
import { exec } from '../exec.js';
import { MAX_FILE } from '../limits.js';
import { plainPayload } from './payload.js';

/** What a package says of itself. */
export interface PackageControl {
  name: string;
  version: string;
  /** The package manager's word: `amd64`, `x86_64`, `all`. */
  architecture: string;
  depends: string[];
  provides: string[];
}

interface Member {
  name: string;
  offset: number;
  bytes: number;
}

/**
 * The members of a .deb: an ar archive (deb(5)) of debian-binary, control.tar* and data.tar*.
 * @throws BootgateError blame `user`: E_PACKAGE_DAMAGED when it is no .deb or cut short.
 */
export async function readMembers(path: string): Promise<Member[]> {
  const name = basename(path);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(60);
    await file.read(head, 0, 8, 0);
    if (head.toString('latin1', 0, 8) !== '!<arch>\n') throw damaged(name, 'it is not a Debian package');
    const members: Member[] = [];
    for (let at = 8; at < size; ) {
      if (at + 60 > size) throw damaged(name, `it is cut short at byte ${size}`);
      await file.read(head, 0, 60, at);
      const bytes = Number(head.toString('latin1', 48, 58).trim());
      if (head.toString('latin1', 58, 60) !== '`\n' || !Number.isSafeInteger(bytes) || bytes < 0)
        throw damaged(name, `its archive header at byte ${at} is not one`);
      const member = head.toString('latin1', 0, 16).trim().replace(/\/$/, '');
      if (at + 60 + bytes > size)
        throw damaged(name, `it is cut short: ${member} should end at byte ${at + 60 + bytes} of ${size}`);
      members.push({ name: member, offset: at + 60, bytes });
      at += 60 + bytes + (bytes % 2);
    }
    return members;
  } finally {
    await file.close();
  }
}

/** How dpkg-deb names its members' compression, deb(5). */
const SUFFIXES: Readonly<Record<string, Compression>> = {
  '': 'none',
  '.gz': 'gzip',
  '.xz': 'xz',
  '.zst': 'zstd',
  '.lzma': 'lzma',
  '.bz2': 'bzip2',
};

/** Reads the control data and puts the payload, data.tar, into the folder `scratch`. */
export async function openDeb(
  path: string,
  scratch: string,
  signal?: AbortSignal,
): Promise<{ control: PackageControl; payload: string }> {
  const name = basename(path);
  const members = await readMembers(path);
  const plain = async (prefix: string) => {
    const member = members.find((one) => new RegExp(`^${prefix}\\.tar(\\.[a-z0-9]+)?$`).test(one.name));
    if (!member) throw damaged(name, `it has no ${prefix}.tar`);
    const compression = SUFFIXES[member.name.slice(`${prefix}.tar`.length)];
    if (!compression) throw damaged(name, `${member.name} has an unknown compression`);
    const folder = join(scratch, prefix);
    await mkdir(folder);
    return plainPayload(path, { ...member, compression }, folder, name, signal);
  };
  const control = await readControl(await plain('control'), name);
  return { control, payload: await plain('data') };
}

/** Control files come as `./control` or `control`: naming both makes bsdtar miss one of them, which is no error. */
async function readControl(archive: string, name: string): Promise<PackageControl> {
  const { stdout } = await exec('bsdtar', ['-xOf', archive, '--', './control', 'control'], {
    okCodes: [0, 1],
    env: { LC_ALL: 'C.UTF-8' },
    maxBuffer: MAX_FILE.control,
  }).catch((error: unknown) => {
    if (!(error instanceof BootgateError) || error.code !== 'E_TOOL_FAILED') throw error;
    throw damaged(name, 'its control data is damaged or too large');
  });
  const fields = parseControl(stdout);
  const field = (key: string) => {
    const value = fields.get(key);
    if (!value) throw damaged(name, `its control data has no ${key}`);
    return value;
  };
  return {
    name: field('package'),
    version: field('version'),
    architecture: field('architecture'),
    depends: [...clauses(fields.get('pre-depends')), ...clauses(fields.get('depends'))],
    provides: clauses(fields.get('provides')),
  };
}

/** The fields of one deb822 paragraph (deb822(5)), keys in lower case, folded lines joined by a space. */
export function parseControl(text: string): Map<string, string> {
  // Pieces are joined at the end: adding to a text line by line costs the square of its length.
  const fields = new Map<string, string[]>();
  let key = '';
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      if (fields.size > 0) break;
      continue;
    }
    const match = /^([!-9;-~]+):\s*(.*)$/.exec(line);
    if (match?.[1]) {
      key = match[1].toLowerCase();
      fields.set(key, [(match[2] ?? '').trim()]);
    } else if (key && /^[ \t]/.test(line)) {
      fields.get(key)?.push(line.trim());
    }
  }
  return new Map([...fields].map(([name, pieces]) => [name, pieces.join(' ').trim()]));
}

/** `a (= 1), b | c` -> [`a (= 1)`, `b | c`] */
export function clauses(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((clause) => clause.trim().replace(/\s+/g, ' '))
    .filter(Boolean);
}

function damaged(name: string, why: string) {
  return userError('E_PACKAGE_DAMAGED', `${name} cannot be read: ${why}`, { hint: 'get the file again' });
}
