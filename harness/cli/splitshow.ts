import { userError } from '../errors.js';
import { normaliseName } from '../modules/names.js';
import { findPackage, installSets, packageNames } from '../splits/installsets.js';
import { modulesByPackage, type Split } from '../splits/split.js';
import { splitAsYaml } from '../splits/yaml.js';
import { didYouMean } from '../suggest.js';
import { formatBytes } from '../units.js';
import {
  type LoadedKernel,
  loadKernel,
  loadSplit,
  log,
  print,
  printJson,
  printTable,
  type SplitFlags,
  write,
} from './splitdata.js';

export async function show(source: string, flags: SplitFlags): Promise<void> {
  const loaded = await loadKernel(flags);
  const split = await loadSplit(source, flags, loaded);
  const { index } = loaded;
  const names = chosenModules(split, flags, loaded);
  if (flags.json)
    return printJson({
      split: split.name,
      format: split.format,
      file: split.file,
      release: index.release,
      packages: split.packages,
      placement: Object.fromEntries(names.map((name) => [name, split.placement.get(name) ?? null])),
      twice: Object.fromEntries(split.twice),
      notes: split.notes,
      unused: split.unused,
    });
  if (flags.as === 'yaml') {
    write(await splitAsYaml(split, index));
    return;
  }
  if (flags.as === 'list' || flags.module || flags.package) {
    for (const name of names) {
      const placed = split.placement.get(name);
      const rule = placed?.rule ? `${placed.rule.file}:${placed.rule.line}` : '-';
      const why = placed?.wished ? `its rule names ${placed.wished}; ${placed.why}` : (placed?.why ?? '');
      print([name, placed?.package ?? '-', rule, why].join('\t').trimEnd());
    }
    return;
  }
  const contents = modulesByPackage(split, index);
  const moved = [...split.placement.values()].filter(({ wished }) => wished).length;
  printTable(
    split.packages.map((one) => {
      const modules = contents.get(one.name) ?? [];
      const bytes = modules.reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0);
      const needs = one.depends.length > 0 ? `needs ${one.depends.join(', ')}` : '';
      return [
        one.name,
        one.meta ? 'meta' : String(modules.length),
        one.meta ? '' : formatBytes(bytes),
        needs,
      ];
    }),
    [1, 2],
  );
  const nowhere = index.modules.size - split.placement.size;
  if (nowhere > 0) print(`${nowhere} modules are in no package`);
  if (moved > 0) print(`${moved} modules were moved from the package that their rule names: see --as list`);
  const notes = split.notes.length + split.unused.length;
  if (notes > 0) log(`${notes} findings about this split: see bootgate split check`);
}

export async function sets(source: string, flags: SplitFlags): Promise<void> {
  const loaded = await loadKernel(flags);
  const split = await loadSplit(source, flags, loaded);
  const found = installSets(split, loaded.index).map((set) => ({
    ...set,
    bytes: set.modules.reduce((sum, name) => sum + (loaded.index.modules.get(name)?.bytes ?? 0), 0),
  }));
  if (flags.json) return printJson(found);
  printTable(
    found.map((set) => [
      set.name,
      String(set.modules.length),
      formatBytes(set.bytes),
      set.packages.join(', '),
    ]),
    [1, 2],
  );
}

function chosenModules(split: Split, flags: SplitFlags, { index }: LoadedKernel): string[] {
  let names = [...index.modules.keys()];
  if (flags.module) {
    names = flags.module.map(normaliseName);
    const wrong = names.filter((name) => !index.modules.has(name));
    if (wrong.length > 0)
      throw userError('E_MODULE_NAME', `not a module of ${index.release}`, {
        problems: wrong.map((name) => ({
          message: `there is no module ${name}${didYouMean(name, index.modules.keys())}`,
        })),
      });
  }
  if (flags.package) {
    const packages = flags.package.map((word) => findPackage(split, word) ?? word);
    const known = split.packages.map(({ name }) => name);
    const wrong = packages.filter((name) => !known.includes(name));
    if (wrong.length > 0)
      throw userError('E_PACKAGE_NAME', `${split.file} has no package ${wrong.join(', ')}`, {
        hint: `its packages: ${packageNames(split)}`,
      });
    names = names.filter((name) => packages.includes(split.placement.get(name)?.package ?? ''));
  }
  return names;
}
