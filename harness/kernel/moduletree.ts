import { basename, dirname } from 'node:path';
import { machineName } from '../arch/index.js';
import { readMaybeCompressed } from '../decompress.js';
import { bufferSource, parseElf } from '../elf.js';
import { userError } from '../errors.js';
import type { Kernel } from './kernel.js';
import {
  findImages,
  findTrees,
  firstFile,
  firstModule,
  imageFolders,
  type LayoutOptions,
  several,
} from './layout.js';

/** What questions that need no boot are put to: a module tree, and what lies beside it. */
export interface TreeLayout {
  release: string;
  /** As the modules' ELF headers have it: `i386`, `x86_64`, `riscv64`, ...; `unknown` for a tree without modules. */
  arch: string;
  /** Absolute path, if there is one; it was not looked into. */
  vmlinuz: string | null;
  /** Absolute path of /lib/modules/RELEASE. */
  modulesDir: string;
  config: string | null;
  systemMap: string | null;
}

export type KernelTree = TreeLayout & Pick<Kernel, 'source' | 'resolved' | 'digest' | 'packages'>;

/**
 * Finds the module tree in a folder: /lib/modules/RELEASE below it, or the folder itself, as a packager's split stage has it.
 * @throws BootgateError blame `user`: E_KERNEL_MODULES_MISSING, E_KERNEL_SEVERAL.
 */
export async function findModuleTree(root: string, options: LayoutOptions): Promise<TreeLayout> {
  const { name, release: wanted } = options;
  const all = await findTrees(root);
  const trees = wanted === undefined ? all : all.filter((tree) => basename(tree) === wanted);
  const [modulesDir, ...others] = trees;
  if (modulesDir === undefined)
    throw userError('E_KERNEL_MODULES_MISSING', `${name} has no module tree: no lib/modules/RELEASE`, {
      hint: 'give the folder lib/modules/RELEASE, or the package with the modules',
    });
  if (others.length > 0)
    throw several(
      name,
      trees.map((tree) => basename(tree)),
    );
  const sample = await firstModule(modulesDir);
  const module = sample ? await readSample(sample) : { arch: 'unknown', release: null };
  // A tree that was copied elsewhere has a folder of any name.
  const release = module.release ?? basename(modulesDir);
  const folders = [...(options.image ? [dirname(options.image)] : []), ...imageFolders(root, trees)];
  const beside = (file: string) =>
    firstFile(folders.flatMap((folder) => [`${folder}/${file}-${release}`, `${folder}/${file}`]));
  const images = options.image ? [options.image] : await findImages(folders, wanted);
  return {
    release,
    arch: module.arch,
    vmlinuz: images.find((path) => path.endsWith(`-${release}`)) ?? images[0] ?? null,
    modulesDir,
    config: (await beside('config')) ?? (await beside('.config')),
    systemMap: await beside('System.map'),
  };
}

async function readSample(path: string): Promise<{ arch: string; release: string | null }> {
  const bytes = Buffer.from(await readMaybeCompressed(path));
  const elf = parseElf(bufferSource(bytes, path));
  const mark = '\0vermagic=';
  const at = bytes.indexOf(mark);
  const text = at < 0 ? '' : bytes.toString('latin1', at + mark.length, at + mark.length + 128);
  return { arch: machineName(elf), release: /^([\w.+~-]+) /.exec(text)?.[1] ?? null };
}
