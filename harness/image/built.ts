import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, cp, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestOfFile } from '../cache.js';
import { userError } from '../errors.js';
import { makeFolder } from '../folders.js';
import { assemble } from '../initramfs/build.js';
import type { Initramfs, ModuleDelivery } from '../initramfs/initramfs.js';
import type { Userland } from '../initramfs/tool-source.js';
import { forJson } from '../printable.js';
import { writeContents } from './contents.js';
import { type Image, loadImage } from './image-file.js';
import type { PreparedImage } from './prepare.js';

const BUILD_FILE = 'build.json';

/** build.json: what `bootgate build` answers, and what makes its folder an input of `bootgate run --built`. */
export interface BuildAnswer {
  schema: 'bootgate/build@1';
  release: string;
  image: { name: string; file: string };
  kernel: { source: string; resolved: string[]; digest: string; vmlinuz: { bytes: number; digest: string } };
  modules: { count: number; bytes: number; ofCount: number; ofBytes: number };
  additions: PreparedImage['set']['additions'];
  initramfs: {
    bytes: number;
    /** Of the assembled file, as sha256sum says it. */
    digest: string;
    buildMs: number;
    delivery: ModuleDelivery;
    /** Older ones: this machine's. */
    userland?: Userland;
    segments: { kind: string; bytes: number; digest: string }[];
  };
}

/**
 * Writes a built image: vmlinuz, vmlinux, initramfs.cpio, modules.txt (the set), kernel/ (the kernel as a folder that `--kernel`
 * takes: its image, configuration and full module tree) and, last, build.json.
 */
export async function writeBuilt(
  folder: string,
  prepared: PreparedImage,
  initramfs: Initramfs,
  answer: BuildAnswer,
): Promise<void> {
  const { kernel, vmlinux } = prepared;
  const own = join(folder, 'kernel');
  await rm(join(folder, BUILD_FILE), { force: true });
  await rm(own, { recursive: true, force: true });
  await makeFolder(own);
  await copyOver(kernel.vmlinuz, join(folder, 'vmlinuz'));
  await copyOver(vmlinux.path, join(folder, 'vmlinux'));
  await link(join(folder, 'vmlinuz'), join(own, 'vmlinuz')).catch(() =>
    copyOver(kernel.vmlinuz, join(own, 'vmlinuz')),
  );
  if (kernel.config) await copyOver(kernel.config, join(own, 'config'));
  if (kernel.systemMap) await copyOver(kernel.systemMap, join(own, 'System.map'));
  await cp(kernel.modulesDir, join(own, 'lib', 'modules', kernel.release), {
    recursive: true,
    dereference: false,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
    // Links to headers and sources lead out of the tree.
    filter: (path) => !/\/(build|source)$/.test(path),
  });
  await assemble(initramfs.segments, join(folder, 'initramfs.cpio'));
  await writeContents(folder, { ...prepared, installSet: null });
  await writeFile(join(folder, BUILD_FILE), forJson(answer));
}

async function copyOver(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** What a folder that was built holds, and the image to prepare from it. */
export interface Built {
  folder: string;
  image: Image;
  answer: BuildAnswer;
}

/**
 * The image in a folder that `bootgate build -o` has written; its bytes are checked against build.json.
 * @throws BootgateError blame `user`, E_BUILT: it is none, or a file of it is not the one that was built.
 */
export async function readBuilt(where: string): Promise<Built> {
  const folder = resolve(where);
  const path = join(folder, BUILD_FILE);
  let answer: BuildAnswer;
  try {
    answer = JSON.parse(await readFile(path, 'utf8')) as BuildAnswer;
  } catch (cause) {
    throw userError('E_BUILT', `cannot read ${path}: ${(cause as Error).message}`, {
      hint: 'give the folder that `bootgate build -o FOLDER` has written',
      cause,
    });
  }
  if (answer?.schema !== 'bootgate/build@1' || !answer.kernel?.vmlinuz || !answer.initramfs?.segments)
    throw userError('E_BUILT', `${path} is not a build of schema bootgate/build@1`, {
      hint: 'build it again with this version of bootgate',
    });
  const wanted = [
    ['vmlinuz', answer.kernel.vmlinuz.digest],
    ['kernel/vmlinuz', answer.kernel.vmlinuz.digest],
    ['initramfs.cpio', answer.initramfs.digest],
  ] as const;
  for (const [name, digest] of wanted)
    if ((await digestOfFile(join(folder, name)).catch(() => 'missing')) !== digest)
      throw changed(folder, name);
  const image = await loadImage(answer.image.file).catch(() => bareImage(answer, path));
  return {
    folder,
    answer,
    image: {
      ...image,
      kernel: [join(folder, 'kernel')],
      modules: { kind: 'list', file: join(folder, 'modules.txt') },
    },
  };
}

/** An image whose file is gone, as on another machine: every scenario, no budget. */
function bareImage({ image }: BuildAnswer, file: string): Image {
  const { name } = image;
  return {
    name,
    description: '',
    file,
    kernel: [],
    modules: { kind: 'all' },
    scenarios: ['*'],
    skip: [],
    budgets: {},
    gate: { growth: {} },
  };
}

/**
 * That what was prepared from the folder is what was built: the set's own segment has the same bytes.
 * @throws BootgateError blame `user`, E_BUILT.
 */
export function checkBuilt({ folder, answer }: Built, initramfs: Initramfs): void {
  const was = answer.initramfs.segments.find(({ kind }) => kind === 'modules');
  const is = initramfs.segments.find(({ kind }) => kind === 'modules');
  if (was?.digest !== is?.digest) throw changed(folder, 'modules.txt or kernel/lib/modules');
}

const changed = (folder: string, name: string) =>
  userError('E_BUILT', `${join(folder, name)} was changed since it was built`, {
    hint: 'build it again with `bootgate build -o`',
  });

/** `sha256:...` of what the segments come to when they are put together, as sha256sum says of the file. */
export async function digestOfAssembled({ segments }: Initramfs): Promise<string> {
  const hash = createHash('sha256');
  for (const { path } of segments)
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Uint8Array);
  return `sha256:${hash.digest('hex')}`;
}
