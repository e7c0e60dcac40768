import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { isFolder } from './kernel-wedge-lists.js';
import { type LineFile, placeAt, readLines, Suggestions } from './lines.js';
import { blocksOf, expandBlock, MakeBeyond, type MakeBlock } from './makeblocks.js';
import type { Placed, ReadSplitOptions, Split, SplitNote, SplitPackage } from './split.js';

/** A package's name in a make file: `KernelPackage/e1000`, and not `KernelPackage/e1000/description`. */
const PACKAGE = /^KernelPackage\/([^/\s$]+)$/;

/** The kernel's folder below arch/ for each name of uname -m. */
const KERNEL_ARCH: Record<string, string> = {
  x86_64: 'x86',
  i386: 'x86',
  aarch64: 'arm64',
  riscv64: 'riscv',
  loongarch64: 'loongarch',
  ppc64: 'powerpc',
};

/**
 * Reads OpenWrt's `define KernelPackage/NAME` blocks, from one .mk file or a folder of them. FILES says what kmod-NAME has,
 * DEPENDS what it needs. All branches of make's conditions are taken; `x.ko@ge6.1` counts for the given kernel.
 * Packages whose files are computed by make (netfilter's) are left out with a warning.
 */
export async function readOpenWrt(
  path: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const files = isFolder(path)
    ? readdirSync(path)
        .filter((name) => name.endsWith('.mk'))
        .sort()
        .map((name) => join(path, name))
    : [path];
  const blocks = new Map<string, MakeBlock>();
  const arch = options.arch ?? 'x86_64';
  const variables = new Map([['LINUX_KARCH', KERNEL_ARCH[arch] ?? arch]]);
  for (const file of files) {
    const list: LineFile = await readLines(file, 'trim');
    for (const block of blocksOf(list, variables)) blocks.set(block.name, block);
  }
  const notes: SplitNote[] = [];
  const packages: SplitPackage[] = [];
  const placement = new Map<string, Placed>();
  const twice = new Map<string, string[]>();
  const unused: RulePlace[] = [];
  const suggestions = new Suggestions();
  const missing = new Set<string>();
  const paths = new Map([...index.modules.values()].map(({ name, path: at }) => [plain(at), name]));
  const builtin = new Set([...index.builtins.values()].map(plain));
  for (const block of blocks.values()) {
    const short = PACKAGE.exec(block.name)?.[1];
    if (short === undefined) continue;
    const name = `kmod-${short}`;
    const place = placeAt(block.list, block.line);
    let body: Map<string, { text: string; line: number }[]>;
    try {
      body = expandBlock(block, blocks, variables, (called) => missing.add(called));
    } catch (error) {
      if (!(error instanceof MakeBeyond)) throw error;
      const message = `${name} is left out: ${error.message}`;
      notes.push({ id: 'package-skipped', severity: 'warning', message, package: name, place });
      continue;
    }
    const words = (variable: string) =>
      (body.get(variable) ?? []).flatMap(({ text, line }) =>
        text.split(/\s+/).flatMap((word) => (word ? [{ word, line }] : [])),
      );
    packages.push({
      name,
      depends: [...new Set(words('DEPENDS').flatMap(({ word }) => dependency(word, index.release) ?? []))],
      place,
      ...(words('FILES').length === 0 ? { meta: true } : {}),
    });
    for (const { word, line } of words('FILES')) {
      const rule = placeAt(block.list, line);
      const [file = '', ...conditions] = word.split('@');
      if (!conditions.every((one) => holds(one, index.release))) continue;
      const relative = /^\$\(LINUX_DIR\)\/(.+)$/.exec(file)?.[1];
      const module = paths.get(plain(`kernel/${relative ?? ''}`));
      if (module !== undefined) {
        const other = placement.get(module);
        if (!other) placement.set(module, { package: name, rule });
        else if (other.package !== name)
          twice.set(module, [...new Set([...(twice.get(module) ?? [other.package]), name])]);
      } else if (!builtin.has(plain(`kernel/${relative ?? ''}`))) {
        unused.push(rule);
        const near = suggestions
          .for(plain(`kernel/${relative ?? file}`), paths.keys())
          .replaceAll('kernel/', '');
        const message = `${name}: there is no ${relative ?? file} in this kernel${near}`;
        notes.push({ id: 'module-missing', severity: 'note', message, place: rule, package: name });
      }
    }
  }
  for (const called of [...missing].sort())
    notes.push({
      id: 'block-missing',
      severity: 'warning',
      message: `${called} is defined in none of the files given, so dependencies are missing: give the whole folder`,
    });
  if (packages.length === 0)
    throw userError('E_SPLIT', `${shownFile(path)} defines no KernelPackage`, {
      hint: 'give package/kernel/linux/modules, or one .mk file of it',
    });
  const known = new Set(packages.map(({ name }) => name));
  for (const one of packages)
    one.depends = one.depends.filter((name) => known.has(name) && name !== one.name);
  return {
    name: 'openwrt',
    format: 'openwrt',
    file: shownFile(path),
    packages,
    placement,
    twice,
    partial: true,
    unused,
    notes,
    budgets: {},
  };
}

const plain = (path: string) => path.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');

/**
 * The package of one word of DEPENDS, or null: `kmod-x`, `+kmod-x`, `+LINUX_6_12:kmod-x` (of that kernel, `!` of all others),
 * `+OPTION:kmod-x` (as if OPTION were set); `@OPTION` and words of other packages are none.
 */
function dependency(word: string, release: string): string | null {
  const [, condition, name] = /^\+?(?:([^:]+):)?(kmod-[^\s:]+)$/.exec(word) ?? [];
  if (name === undefined) return null;
  const version = /^(!?)LINUX_(\d+)_(\d+)$/.exec(condition ?? '');
  if (!version) return name;
  const same = release.startsWith(`${version[2]}.${version[3]}.`);
  return same === (version[1] === '') ? name : null;
}

/** `ge5.10`, `lt6.1`, `gt`, `le`, `eq`: against the kernel's version. */
function holds(condition: string, release: string): boolean {
  const [, operator, ...numbers] = /^(ge|gt|le|lt|eq)(\d+)\.(\d+)/.exec(condition) ?? [];
  const [, ...mine] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const order = numbers.map((one, at) => Number(mine[at]) - Number(one)).find((one) => one !== 0) ?? 0;
  if (operator === 'ge') return order >= 0;
  if (operator === 'gt') return order > 0;
  if (operator === 'le') return order <= 0;
  if (operator === 'lt') return order < 0;
  return operator === 'eq' ? order === 0 : true;
}
