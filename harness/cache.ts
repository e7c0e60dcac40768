import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from './folders.js';
import { cacheDir } from './paths.js';
import { cleanLine, forTerminal } from './printable.js';
import { makeScratch, sweepScratch } from './scratch.js';
import {
  checkSeal,
  type Depth,
  isGone,
  openSealedText,
  partOf,
  readSeal,
  type Seal,
  sealOf,
  sealText,
  sync,
  writeSeal,
} from './seal.js';

/** Raise it when entries of an older layout can no longer be read. */
const LAYOUT = '3';
/** How often an entry is put in place while others do the same. */
const MOST_TRIES = 5;

type Make = (temporary: string) => Promise<void>;

interface Used {
  make: Make;
  /** Files that only `settle` and `recheck` look at: modules, which most commands do not read. */
  bulk: RegExp | null;
}

/**
 * The content-addressed cache: `ROOT/KIND/ab/cdef.../`, with the file or folder `content` and its `seal`, or one sealed text.
 * An entry appears whole or not at all (built below ROOT/tmp, synced, renamed), so two runs at once are safe without a lock, and
 * deleting the cache costs time and nothing else. Entries are never changed after they appear: one that no longer is
 * what its seal says is rebuilt, and that is said in one sentence. What killed processes left is swept at the first use.
 */
export class Cache {
  readonly root: string;
  readonly #say: (sentence: string) => void;
  readonly #used = new Map<string, Used>();
  #swept: Promise<unknown> | undefined;

  /** `say` gets a sentence for each damaged entry; standard error unless given. */
  constructor(root: string = cacheDir(), say: (sentence: string) => void = sayOnStderr) {
    this.root = root;
    this.#say = say;
  }

  /** Where the entry of `kind` for `key` lies or would lie. */
  path(kind: string, key: string): string {
    const hex = createHash('sha256').update(`${LAYOUT}\0${key}`).digest('hex');
    return join(this.root, kind, hex.slice(0, 2), hex.slice(2));
  }

  /**
   * The path of the entry's file or folder, which was checked; on a miss `make(temporary)` builds it at the temporary path first.
   * The folder of `temporary` is make's own to use. Whoever renames first wins; the other's work is thrown away.
   * @param bulk Paths of files that are many and that `settle` is called for before they are read.
   */
  async entry(kind: string, key: string, make: Make, bulk: RegExp | null = null): Promise<string> {
    await this.#sweep();
    const folder = this.path(kind, key);
    const used = { make, bulk };
    this.#used.set(folder, used);
    const state = await this.#check(folder, used, bulk ? 'light' : 'stamps');
    if (state === 'absent') await this.#build(folder, used);
    else if (state !== 'sound') await this.#rebuild(folder, state, used);
    return join(folder, 'content');
  }

  /** A small text, kept with its digest and compared with that each time it is read. */
  async text(kind: string, key: string, make: () => Promise<string>): Promise<string> {
    const known = await this.recall(kind, key);
    if (known !== null) return known;
    const made = await make();
    await this.keep(kind, key, made);
    return made;
  }

  /** The text that was kept, or null; a damaged one is removed. */
  async recall(kind: string, key: string): Promise<string | null> {
    await this.#sweep();
    const path = this.path(kind, key);
    let text: string | null = null;
    try {
      text = openSealedText(await readFile(path, 'utf8'));
    } catch (error) {
      if (!isGone(error)) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    }
    if (text !== null) return text;
    this.#sayDamaged(path, 'its text differs from what was written');
    await rm(path, { recursive: true, force: true });
    return null;
  }

  async keep(kind: string, key: string, text: string): Promise<void> {
    await this.scratch(async (scratch) => {
      const temporary = join(scratch, 'text');
      await writeFile(temporary, sealText(text));
      await sync(temporary);
      await this.#place(temporary, this.path(kind, key), async () => false);
    });
  }

  /**
   * Reads every byte of the entries that these files lie in, and rebuilds what is damaged, under the same path. For when
   * something failed that may have rested on them.
   * @param files Paths below those that `entry` has returned; others are left alone.
   * @returns a sentence for each entry that was damaged.
   */
  recheck(files: readonly string[]): Promise<string[]> {
    return this.#verify(files, 'bytes');
  }

  /** The same by the files' stamps: for whoever is about to read what `entry` takes for granted, the bulk of an entry. */
  settle(files: readonly string[]): Promise<string[]> {
    return this.#verify(files, 'stamps');
  }

  async #verify(files: readonly string[], depth: Depth): Promise<string[]> {
    const sentences: string[] = [];
    const real = await realpath(this.root).catch(() => this.root);
    for (const [folder, used] of this.#used) {
      const below = `${folder.slice(this.root.length)}/`;
      if (!files.some((file) => file.startsWith(this.root + below) || file.startsWith(real + below)))
        continue;
      const state = await this.#check(folder, used, depth);
      if (state === 'sound') continue;
      sentences.push(await this.#rebuild(folder, state === 'absent' ? 'it is gone' : state, used));
    }
    return sentences;
  }

  /** `absent`, `sound`, or what is wrong with an entry. */
  async #check(folder: string, { bulk }: Used, depth: Depth): Promise<'absent' | 'sound' | (string & {})> {
    const light = readSeal(join(folder, SEAL.light));
    if (light === null) return (await exists(folder)) ? 'its seal is damaged or missing' : 'absent';
    const heavy = bulk && depth !== 'light' ? readSeal(join(folder, SEAL.bulk)) : undefined;
    if (heavy === null) return 'its seal is damaged or missing';
    const seal = heavy ? { ...light, files: [...light.files, ...heavy.files] } : light;
    const checked = await checkSeal(join(folder, 'content'), seal, depth);
    if (checked.damage !== null) return checked.damage;
    const { restamped } = checked;
    if (restamped) await this.#restamp(folder, restamped, bulk, depth).catch(() => undefined); // it may be read-only
    return 'sound';
  }

  #restamp(folder: string, seal: Seal, bulk: RegExp | null, depth: Depth): Promise<void> {
    return this.scratch(async (scratch) => {
      await writeSeals(scratch, seal, bulk);
      for (const name of Object.values(SEAL))
        if (name === SEAL.light || (bulk && depth !== 'light'))
          await rename(join(scratch, name), join(folder, name));
    });
  }

  async #rebuild(folder: string, why: string, used: Used): Promise<string> {
    const sentence = this.#sayDamaged(folder, why);
    await this.#build(folder, used);
    return sentence;
  }

  #sayDamaged(path: string, why: string): string {
    const sentence = `a cache entry was damaged and is rebuilt: ${path} (${JSON.stringify(why).slice(1, -1)})`;
    this.#say(sentence);
    return sentence;
  }

  #build(folder: string, used: Used): Promise<void> {
    return this.scratch(async (scratch) => {
      const whole = join(scratch, 'entry');
      await makeFolder(whole);
      const work = join(scratch, 'work');
      await makeFolder(work);
      await used.make(join(work, 'content'));
      await rename(join(work, 'content'), join(whole, 'content'));
      await writeSeals(whole, await sealOf(join(whole, 'content')), used.bulk);
      await sync(whole);
      await this.#place(whole, folder, async () => (await this.#check(folder, used, 'bytes')) === 'sound');
    });
  }

  /** Renames into place, unless another process was there first with a sound entry. A damaged one gives way. */
  async #place(temporary: string, path: string, isSound: () => Promise<boolean>): Promise<void> {
    await makeFolder(dirname(path));
    for (let tries = 1; ; tries++) {
      try {
        await rename(temporary, path);
        break;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR'].includes(code) || tries >= MOST_TRIES) throw error;
        if (await isSound()) return;
        await rename(path, `${temporary}.damaged-${tries}`).catch(() => undefined);
      }
    }
    await sync(dirname(path));
  }

  #sweep(): Promise<unknown> {
    this.#swept ??= sweepScratch(join(this.root, 'tmp'));
    return this.#swept;
  }

  /** Runs `work` with a folder of its own, which is gone afterwards, also when this process was killed: the next one sweeps. */
  async scratch<T>(work: (scratch: string) => Promise<T>): Promise<T> {
    const scratch = await makeScratch(join(this.root, 'tmp'));
    try {
      return await work(scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
}

/** The seal of an entry's bulk stands apart, so that it is not read each time. */
const SEAL = { light: 'seal', bulk: 'seal.bulk' } as const;

async function writeSeals(folder: string, seal: Seal, bulk: RegExp | null): Promise<void> {
  const parts = bulk
    ? { [SEAL.light]: partOf(seal, bulk, false), [SEAL.bulk]: partOf(seal, bulk, true) }
    : { [SEAL.light]: seal };
  for (const [name, part] of Object.entries(parts)) {
    await writeFile(join(folder, name), writeSeal(part));
    await sync(join(folder, name));
  }
}

function sayOnStderr(sentence: string): void {
  process.stderr.write(`${forTerminal(`bootgate: ${cleanLine(sentence)}`)}\n`);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** `sha256:...` over the parts, each closed by a NUL so that no two rows of parts read alike. */
export function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return `sha256:${hash.digest('hex')}`;
}

/** `sha256:...` of a file's bytes, read as a stream. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return `sha256:${hash.digest('hex')}`;
}
