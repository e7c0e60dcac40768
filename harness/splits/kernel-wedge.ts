import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findArchitecture } from '../arch/index.js';
import { BootgateError, type Problem, userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { didYouMean } from '../suggest.js';
import { isFolder, readWedgeList, wedgeTree } from './kernel-wedge-lists.js';
import { type LineFile, placeAt, readLines } from './lines.js';
import {
  type Placed,
  packageCycle,
  type ReadSplitOptions,
  type Split,
  type SplitNote,
  type SplitPackage,
} from './split.js';

/** Debian's names of architectures that are in no table of ours, by those of uname -m and of Node. */
const OTHER_DEBIAN: Record<string, string> = { arm: 'armhf', loongarch64: 'loong64' };
const FIELDS =
  /^(Package|Package-Type|Provides|Depends|Architecture|Kernel-Version|Section|Priority|Description)(_.+)?$/;

/**
 * Reads a kernel-wedge configuration: `package-list` and `modules/ARCH[-FLAVOUR]/PACKAGE`, with the defaults
 * that they include. Packages come in the order of their dependencies; each gets its list and everything that
 * this needs and no package below it has, as `kernel-wedge copy-modules` does.
 * @param folder The configuration folder; `defaults` (KW_DEFCONFIG_DIR) is the same unless given.
 * @throws BootgateError blame `user`: missing modules, unknown fields, cycles, all at once.
 */
export async function readKernelWedge(
  folder: string,
  index: ModuleIndex,
  options: ReadSplitOptions & { defaults?: string } = {},
): Promise<Split> {
  const defaults = options.defaults ?? process.env.KW_DEFCONFIG_DIR ?? folder;
  const named = options.arch ?? process.arch;
  const arch = findArchitecture(named)?.names.debian ?? OTHER_DEBIAN[named] ?? named;
  const flavour = options.flavour ?? flavourOf(index.release) ?? arch;
  const problems: Problem[] = [];
  const lists = [`${arch}-${flavour}`, flavour, arch]
    .map((name) => join(folder, 'modules', name))
    .find((path) => isFolder(path));
  if (!lists)
    throw userError('E_SPLIT', `${shownFile(folder)} has no lists for ${arch} ${flavour}`, {
      hint: `expected one of modules/${arch}-${flavour}, modules/${flavour} or modules/${arch}; choose with --arch and --flavour`,
    });

  const paragraphs = await readPackageLists(folder, defaults, problems);
  const present = readdirSync(lists, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith('.lnk'))
    .map(({ name }) => name)
    .sort();
  const packages = present.map((name) =>
    packageOf(name, paragraphs, { lists, arch, flavour, present, problems }),
  );
  const cycle = packageCycle(packages);
  if (cycle) {
    const first = packages.find(({ name }) => name === cycle[0])?.place;
    problems.push({
      ...at(first),
      message: `packages depend on each other in a circle: ${cycle.join(' -> ')}`,
    });
  }
  fail(folder, problems);

  const tree = wedgeTree(index);
  const notes: SplitNote[] = [];
  const placement = new Map<string, Placed>();
  const twice = new Map<string, string[]>();
  const contents = new Map<string, Set<string>>();
  const below = new Map<string, Set<string>>();
  const unused = new Map<string, RulePlace>();
  const used = new Set<string>();
  const ordered = dependenciesFirst(packages);
  for (const one of ordered) {
    const under = new Set(one.depends.flatMap((name) => [name, ...(below.get(name) ?? [])]));
    below.set(one.name, under);
    const lower = new Set([...under].flatMap((name) => [...(contents.get(name) ?? [])]));
    const list = readWedgeList(join(lists, one.name), join(defaults, 'modules'), tree);
    problems.push(...list.problems);
    for (const place of list.unused) unused.set(`${place.file}:${place.line}`, place);
    for (const place of list.modules.values()) used.add(`${place.file}:${place.line}`);

    const content = new Map<string, Placed>();
    for (const [name, rule] of list.modules) content.set(name, { package: one.name, rule });
    for (const [name, rule] of list.modules)
      for (const needed of index.modules.get(name)?.depends ?? [])
        if (!content.has(needed) && !lower.has(needed))
          content.set(needed, { package: one.name, rule, why: `needed by ${name}, which this line lists` });
    contents.set(one.name, new Set(content.keys()));
    for (const [name, placed] of content) {
      const other = placement.get(name);
      if (!other) {
        placement.set(name, placed);
        continue;
      }
      twice.set(name, [...(twice.get(name) ?? [other.package]), one.name]);
    }
  }
  fail(folder, problems);
  if (tree.unseen.length > 0)
    notes.push({
      id: 'suffix-unknown',
      severity: 'warning',
      message: `kernel-wedge does not treat ${tree.unseen.length} files as modules because of their suffix (it knows .ko, .ko.xz and .ko.zstd): ${tree.unseen.slice(0, 3).join(', ')}...`,
    });
  return {
    name: shownFile(folder),
    format: 'kernel-wedge',
    file: shownFile(folder),
    sources: present.map((name) => resolve(lists, name)),
    packages: ordered,
    placement,
    twice,
    partial: true,
    unused: [...unused].filter(([key]) => !used.has(key)).map(([, place]) => place),
    notes,
    budgets: {},
  };
}

const at = (place: RulePlace | undefined) => (place ? { file: place.file, line: place.line, column: 1 } : {});

function fail(folder: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const seen = new Map(problems.map((one) => [`${one.file}:${one.line}:${one.message}`, one]));
  throw new BootgateError(`${shownFile(folder)} does not fit this kernel`, {
    code: 'E_SPLIT',
    blame: 'user',
    problems: [...seen.values()],
  });
}

/** `6.1.0-56-cloud-amd64` -> `cloud-amd64`: what follows the ABI number. */
function flavourOf(release: string): string | undefined {
  return /^\d+\.\d+(?:\.\d+)?(?:[~+]\S*?)?(?:-rc\d+)?-(?:\d+\S*?|[a-z0-9.+~]*?trunk)-(\S+)$/.exec(
    release,
  )?.[1];
}

interface Paragraph {
  place: RulePlace;
  fields: Map<string, { value: string; place: RulePlace }>;
}

/** The defaults' package-list, then the configuration's, which replaces fields one by one. */
async function readPackageLists(
  folder: string,
  defaults: string,
  problems: Problem[],
): Promise<Map<string, Paragraph>> {
  const merged = new Map<string, Paragraph>();
  for (const dir of defaults === folder ? [folder] : [defaults, folder]) {
    const file = join(dir, 'package-list');
    if (dir !== folder && !existsSync(file)) continue;
    for (const paragraph of paragraphsOf(await readLines(file, 'trim'), problems)) {
      const name = paragraph.fields.get('Package')?.value;
      if (name === undefined) {
        problems.push({ ...at(paragraph.place), message: 'this paragraph has no Package field' });
        continue;
      }
      const known = merged.get(name);
      if (!known) merged.set(name, paragraph);
      else for (const [field, value] of paragraph.fields) known.fields.set(field, value);
    }
  }
  return merged;
}

function paragraphsOf(list: LineFile, problems: Problem[]): Paragraph[] {
  const found: Paragraph[] = [];
  let open: Paragraph | undefined;
  let field: { value: string; place: RulePlace } | undefined;
  for (const [index, line] of list.lines.entries()) {
    if (line.startsWith('#')) continue;
    const place = placeAt(list, index + 1);
    const start = /^(\S+):\s*(.*)/.exec(line);
    if (start) {
      const [, name = '', value = ''] = start;
      if (!FIELDS.test(name)) problems.push({ ...at(place), message: `unknown field ${name}` });
      if (!open) {
        open = { place, fields: new Map() };
        found.push(open);
      }
      field = { value, place };
      open.fields.set(name, field);
    } else if (line === '') open = undefined;
    else if (/^\s+\S/.test(line) && field) field.value += `\n${line}`;
  }
  return found;
}

function packageOf(
  name: string,
  paragraphs: ReadonlyMap<string, Paragraph>,
  choice: { lists: string; arch: string; flavour: string; present: string[]; problems: Problem[] },
): SplitPackage {
  const { lists, arch, flavour, present, problems } = choice;
  const paragraph = paragraphs.get(name);
  const file = shownFile(join(lists, name));
  if (!paragraph) return { name, depends: [], place: { file, line: 1, text: name } };
  const field = (key: string) =>
    [`${key}_${flavour}`, `${key}_${arch}_${flavour}`, `${key}_${arch}`, key]
      .map((one) => paragraph.fields.get(one))
      .find((one) => one !== undefined);
  const depends: string[] = [];
  const depended = field('Depends');
  for (const word of (depended?.value ?? '').split(', ').filter(Boolean)) {
    const dependency = word.replace(/!$/, '');
    if (present.includes(dependency)) depends.push(dependency);
    // A dependency without a list for this architecture is dropped, unless a `!` insists on it.
    else if (word.endsWith('!') || !paragraphs.has(dependency))
      problems.push({
        ...at(depended?.place),
        message: `${name} depends on ${dependency}, which has no list in ${shownFile(lists)}${didYouMean(dependency, present)}`,
      });
  }
  return { name, depends, place: paragraph.place };
}

/** Dependencies first, otherwise by name: the order in which kernel-wedge fills packages. */
function dependenciesFirst(packages: readonly SplitPackage[]): SplitPackage[] {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const order = new Set<SplitPackage>();
  const visit = (one: SplitPackage): void => {
    if (order.has(one)) return;
    for (const name of one.depends) {
      const dependency = byName.get(name);
      if (dependency) visit(dependency);
    }
    order.add(one);
  };
  for (const one of packages) visit(one);
  return [...order];
}
