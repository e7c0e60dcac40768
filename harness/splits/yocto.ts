import { basename } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { type LineFile, placeAt, readLines, Suggestions } from './lines.js';
import type { Placed, ReadSplitOptions, Split, SplitNote, SplitPackage } from './split.js';

interface Wanted {
  /** `kernel-module-dm-crypt`, as written. */
  word: string;
  group: string;
  place: RulePlace;
}

/**
 * Reads what a Yocto recipe, packagegroup or configuration installs of the kernel's module packages: each module is a
 * package kernel-module-NAME that needs those of its `depends=` (kernel-module-split.bbclass). `RDEPENDS:NAME` and
 * `RRECOMMENDS:NAME` make a package NAME, every other variable (IMAGE_INSTALL, MACHINE_EXTRA_RRECOMMENDS) the package
 * `image`. Modules that nobody names stay in kernel-modules, the metapackage of all.
 */
export async function readYocto(
  file: string,
  index: ModuleIndex,
  _options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file);
  const wanted = wantedIn(list, basename(file).replace(/(_.*)?\.\w+$/, ''));
  if (wanted.length === 0)
    throw userError('E_SPLIT', `${list.file} names no kernel-module-NAME and no kernel-modules`, {
      hint: 'give the recipe, packagegroup or configuration that installs module packages',
    });
  const byPackage = new Map([...index.modules.keys()].map((name) => [packageName(name), name]));
  const builtin = new Set([...index.builtins.keys()].map(packageName));
  const notes: SplitNote[] = [];
  const unused: RulePlace[] = [];
  const suggestions = new Suggestions();
  const groups = new Map<string, { depends: Set<string>; place: RulePlace }>();
  const placement = new Map<string, Placed>();
  const packages: SplitPackage[] = [];
  const rest = 'kernel-modules';
  const place = (name: string, rule: RulePlace, why?: string): void => {
    if (placement.has(name)) return;
    placement.set(name, { package: packageName(name), rule, ...(why ? { why } : {}) });
    const depends = index.modules.get(name)?.depends ?? [];
    packages.push({ name: packageName(name), depends: depends.map(packageName), place: rule, part: true });
    for (const needed of depends) if (index.modules.has(needed)) place(needed, rule, `needed by ${name}`);
  };
  for (const { word, group, place: rule } of wanted) {
    const one = groups.get(group) ?? { depends: new Set<string>(), place: rule };
    groups.set(group, one);
    const name = byPackage.get(word);
    if (word === rest) one.depends.add(rest);
    else if (name !== undefined) {
      place(name, rule);
      one.depends.add(word);
    } else if (!builtin.has(word)) {
      unused.push(rule);
      const message = `there is no ${word} in this kernel${suggestions.for(word, byPackage.keys())}`;
      notes.push({ id: 'module-missing', severity: 'warning', message, place: rule, package: group });
    }
  }
  const parts = packages.map(({ name }) => name);
  for (const [name, one] of groups)
    packages.push({ name, depends: [...one.depends], place: one.place, meta: true });
  for (const name of index.modules.keys())
    if (!placement.has(name)) placement.set(name, { package: rest, rule: null });
  packages.push({ name: rest, depends: parts, place: { file: list.file, line: 1, text: 'all modules' } });
  return {
    name: basename(file),
    format: 'yocto',
    file: shownFile(file),
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused,
    notes,
    budgets: {},
  };
}

/** kernel-module-split.bbclass with legitimize_package_name(): lower case, `_` is `-`. */
const packageName = (module: string) => `kernel-module-${module.toLowerCase().replaceAll('_', '-')}`;

/** Words in the values of a file's variables. A line that ends in a backslash goes on; comments and tasks do not count. */
function wantedIn(list: LineFile, recipe: string): Wanted[] {
  const found: Wanted[] = [];
  let variable: string | null = null;
  for (const [at, raw] of list.lines.entries()) {
    if (/^\s*#/.test(raw)) continue;
    const start = /^\s*(?:export\s+)?([A-Za-z_][\w:.${}-]*)\s*(?:\?\?=|\?=|:=|\+=|=\+|\.=|=\.|=)\s*["']/.exec(
      raw,
    );
    if (start) variable = start[1] as string;
    if (variable === null) continue;
    const group = groupOf(variable, recipe);
    for (const [word] of raw.slice(start?.[0].length ?? 0).matchAll(/\bkernel-module(?:s\b|-[\w.+-]+)/g)) {
      const name = word.replace(/-$/, '').toLowerCase().replaceAll('_', '-');
      found.push({ word: name, group, place: placeAt(list, at + 1, word) });
    }
    if (!raw.trimEnd().endsWith('\\')) variable = null;
  }
  return found;
}

/** `RDEPENDS:packagegroup-x:append` -> packagegroup-x; the older spelling has `_` for `:`. Variables of images: `image`. */
function groupOf(variable: string, recipe: string): string {
  const [, name] = /^(?:RDEPENDS|RRECOMMENDS)[:_]([\w${}.-]+)/.exec(variable) ?? [];
  if (name === undefined) return 'image';
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is bitbake's variable
  return name.replaceAll('${PN}', recipe).replace(/_(append|prepend)$/, '');
}
