import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { hostError, userError } from '../errors.js';
import type { Entry } from './initramfs.js';
import { ARCHIVE_ALIGN, formatHeader, padding, TRAILER } from './newc.js';
import { type PlannedRecord, planArchive, type WrittenRecord } from './plan.js';
import { checkArchive } from './verify.js';
import { writeAll } from './write-all.js';

/** What was written: one archive, a multiple of 512 bytes long, so that a next one may follow at once. */
export interface WrittenArchive {
  bytes: number;
  /** `sha256:...` of the archive's bytes. */
  digest: string;
}

/** Pieces are gathered to writes of about this size; memory stays flat however large the files are. */
const BUFFER_BYTES = 1 << 20;

/**
 * Writes entries as one newc archive, reads it back and compares. Same entries, same bytes: sorted, numbered from 1,
 * every time SOURCE_DATE_EPOCH or 0, owner root.
 * @throws BootgateError blame `user`, E_ARCHIVE_ENTRY for entries that cannot be written; blame `host`,
 *   E_ARCHIVE_SOURCE when a source file is not as long as it was said to be, E_ARCHIVE_CHECK when the file reads
 *   back otherwise than it was written.
 */
export async function writeCpio(entries: readonly Entry[], path: string): Promise<WrittenArchive> {
  const mtime = archiveTime();
  const records = planArchive(entries);
  const out = await open(path, 'w');
  let written: WrittenRecord[];
  let result: WrittenArchive;
  try {
    const sink = new Sink(out);
    written = [];
    for (const record of records) written.push(await writeRecord(sink, record, mtime));
    await writeRecord(sink, trailer, 0);
    await sink.put(Buffer.alloc(padding(sink.bytes, ARCHIVE_ALIGN)));
    result = { bytes: sink.bytes, digest: await sink.end() };
  } finally {
    await out.close();
  }
  checkArchive(path, written, mtime);
  return result;
}

const trailer: PlannedRecord = {
  path: TRAILER,
  mode: 0,
  inode: 0,
  links: 1,
  content: null,
  major: 0,
  minor: 0,
};

/** The time of everything in an archive: https://reproducible-builds.org/specs/source-date-epoch/ */
export function archiveTime(): number {
  const text = process.env.SOURCE_DATE_EPOCH ?? '';
  if (text === '') return 0;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff)
    throw userError('E_SOURCE_DATE_EPOCH', `SOURCE_DATE_EPOCH=${text} is not seconds since 1970`);
  return Number(text);
}

async function writeRecord(sink: Sink, record: PlannedRecord, mtime: number): Promise<WrittenRecord> {
  const name = Buffer.from(`${record.path}\0`);
  const { content } = record;
  const bytes = content === null ? 0 : 'data' in content ? content.data.length : content.bytes;
  const header = formatHeader({ ...record, mtime, bytes, nameBytes: name.length });
  await sink.put(Buffer.from(header, 'latin1'));
  await sink.put(name);
  await sink.align();
  const hash = createHash('sha256');
  if (content && 'data' in content) {
    hash.update(content.data);
    await sink.put(content.data);
  } else if (content) await copySource(sink, content.source, bytes, hash);
  await sink.align();
  return { ...record, bytes, digest: `sha256:${hash.digest('hex')}` };
}

async function copySource(sink: Sink, source: string, bytes: number, hash: Hash): Promise<void> {
  const file = await open(source, 'r');
  try {
    let copied = 0;
    for (;;) {
      const room = sink.room();
      const { bytesRead } = await file.read(room, 0, room.length);
      if (bytesRead === 0) break;
      copied += bytesRead;
      if (copied > bytes) break;
      hash.update(room.subarray(0, bytesRead));
      await sink.taken(bytesRead);
    }
    if (copied === bytes) return;
    throw hostError('E_ARCHIVE_SOURCE', `${source} is not ${bytes} bytes long any more`, {
      hint: 'another process is changing that file: wait for it and try again',
    });
  } finally {
    await file.close();
  }
}

/** Gathers bytes into large writes, counting and hashing them on the way. */
class Sink {
  bytes = 0;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async put(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const room = this.room();
      const piece = data.subarray(at, at + room.length);
      room.set(piece);
      at += piece.length;
      await this.taken(piece.length);
    }
  }

  /** To the next multiple of four. */
  align(): Promise<void> {
    return this.put(Buffer.alloc(padding(this.bytes, 4)));
  }

  /** The free part of the buffer, never empty, to be filled from its start; then call `taken`. */
  room(): Buffer {
    return this.#buffer.subarray(this.#used);
  }

  async taken(count: number): Promise<void> {
    this.bytes += count;
    this.#used += count;
    if (this.#used === this.#buffer.length) await this.#flush();
  }

  async end(): Promise<string> {
    await this.#flush();
    return `sha256:${this.#hash.digest('hex')}`;
  }

  async #flush(): Promise<void> {
    const full = this.#buffer.subarray(0, this.#used);
    this.#hash.update(full);
    await writeAll(this.#file, full);
    this.#used = 0;
  }
}
