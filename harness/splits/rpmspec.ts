import { userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { globMatcher } from '../patterns/glob.js';
import { readLines } from './lines.js';
import { type SpecPackage, specPackages } from './specmacros.js';
import { type Placed, type ReadSplitOptions, type Split, type SplitNote, withDependencies } from './split.js';

const SHELL = { doubleStar: false, brackets: true, crossSlash: false, dashIsUnderscore: false };

/**
 * Reads the %files sections of a kernel's spec file, as Azure Linux and Photon split by folder: globs and folders below
 * /lib/modules/RELEASE, less what `%exclude` takes away from the same package. Packages without modules are left out.
 * A module in two packages is one that rpm would put into both.
 */
export async function readRpmSpec(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file, 'trim');
  const all = specPackages(list, options.arch ?? 'x86_64');
  const notes: SplitNote[] = [];
  const unused: RulePlace[] = [];
  const placement = new Map<string, Placed>();
  const twice = new Map<string, string[]>();
  const filled = new Set<string>();
  for (const one of all) {
    for (const { name, rule } of modulesOf(one, index, unused)) {
      filled.add(one.name);
      const other = placement.get(name);
      if (!other) placement.set(name, { package: one.name, rule });
      else if (other.package !== one.name)
        twice.set(name, [...(twice.get(name) ?? [other.package]), one.name]);
    }
    for (const { name, place } of one.lists)
      notes.push({
        id: 'list-unread',
        severity: 'warning',
        message: `${one.name}: the list ${name} is made by the build, so its files are not known here`,
        place,
        package: one.name,
      });
  }
  if (placement.size === 0)
    throw userError('E_SPLIT', `${shownFile(file)}: its %files sections name no module of ${index.release}`, {
      hint: 'expected paths below /lib/modules/RELEASE, as in Azure Linux and Photon',
    });
  const names = new Set(all.map(({ name }) => name));
  const packages = all.map(({ name, place, requires }) => ({
    name,
    place,
    depends: [...new Set(requires)].filter((one) => names.has(one) && one !== name),
    ...(filled.has(name) ? {} : { meta: true }),
  }));
  const below = withDependencies(packages);
  const needed = new Set([...filled].flatMap((name) => [...(below.get(name) ?? [])]));
  return {
    name: all[0]?.name ?? 'spec',
    format: 'rpm-spec',
    file: shownFile(file),
    packages: packages.filter(({ name }) => needed.has(name)),
    placement,
    twice,
    partial: false,
    unused,
    notes,
    budgets: {},
  };
}

/** The path of a module's file or folder below /lib/modules/RELEASE, whatever the spec calls the release. */
const below = (path: string): string | null =>
  /^(?:\/usr)?\/lib\/modules\/[^/]+\/(.*)$/.exec(path)?.[1] ?? null;

function modulesOf(
  one: SpecPackage,
  index: ModuleIndex,
  unused: RulePlace[],
): { name: string; rule: RulePlace }[] {
  const rules = one.files.flatMap(({ path, excluded, place }) => {
    const inside = below(path)?.replace(/\/$/, '');
    if (inside === undefined) return [];
    const matcher = globMatcher(inside, SHELL);
    return [
      {
        excluded,
        place,
        used: false,
        about: /^kernel\b|^\*/.test(inside),
        matches: (at: string) => matcher.test(at),
      },
    ];
  });
  const found: { name: string; rule: RulePlace }[] = [];
  for (const { name, path } of index.modules.values()) {
    // rpm packs a file that a line names, and all that lies in a folder that it names.
    const parts = path.split('/');
    const chain = parts.map((_, at) => parts.slice(0, at + 1).join('/'));
    const hits = rules.filter((rule) => chain.some((at) => rule.matches(at)));
    for (const rule of hits) rule.used = true;
    const taken = hits.find(({ excluded }) => !excluded);
    if (taken && !hits.some(({ excluded }) => excluded)) found.push({ name, rule: taken.place });
  }
  unused.push(...rules.filter(({ used, about }) => !used && about).map(({ place }) => place));
  return found;
}
