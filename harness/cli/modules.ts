import { Command, Option } from 'commander';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { someOf } from '../printable.js';
import {
  allowMissingOption,
  imageOption,
  jsonOption,
  kernelOption,
  modulesOption,
  strictOption,
} from './options.js';
import { say as log, print, printJson, printTable } from './output.js';

interface Flags {
  kernel?: string[];
  image?: string;
  modules?: string;
  strict?: boolean;
  allowMissing?: boolean;
  soft?: boolean;
  json?: boolean;
}

export function modulesCommand(): Command {
  const command = new Command('modules').description('list a module tree or set, its dependencies and sizes');
  command.addCommand(
    setCommand('list', 'the modules of a set, or of the full module tree: name, bytes, path').action(list),
  );
  command.addCommand(
    setCommand('size', 'bytes by subsystem: the set against the full module tree').action(size),
  );
  command.addCommand(
    new Command('closure')
      .description('all dependencies of some modules, in load order')
      .argument('<request...>', 'names, paths or aliases: virtio_scsi, fs-ext4, pci:v00001AF4...')
      .addOption(kernelOption())
      .addOption(imageOption())
      .addOption(new Option('--soft', 'follow softdeps too, as modprobe does'))
      .addOption(jsonOption())
      .action(closure),
  );
  command.addCommand(
    new Command('needs')
      .description('what a module needs and who needs it, with the reasons')
      .argument('<module>', 'a name or path')
      .addOption(kernelOption())
      .addOption(imageOption())
      .addOption(jsonOption())
      .action(needs),
  );
  return command;
}

function setCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(kernelOption())
    .addOption(imageOption())
    .addOption(modulesOption())
    .addOption(strictOption())
    .addOption(allowMissingOption())
    .addOption(jsonOption());
}

async function list(flags: Flags): Promise<void> {
  const { listModules } = await import('../modules/query.js');
  const set = await loadSet(flags);
  const modules = listModules(set);
  if (flags.json) return printJson({ ...summary(set), modules });
  for (const { name, path, bytes } of modules) print(`${name}\t${bytes}\t${path}`);
}

async function size(flags: Flags): Promise<void> {
  const { sizeBySubsystem } = await import('../modules/size.js');
  const { formatBytes, formatPercent } = await import('../units.js');
  const set = await loadSet(flags);
  const subsystems = sizeBySubsystem(set);
  if (flags.json) return printJson({ ...summary(set), subsystems });
  const total = {
    subsystem: 'all',
    modules: set.names.length,
    bytes: set.bytes,
    ofModules: set.index.modules.size,
    ofBytes: set.index.bytes,
  };
  const rows = [...subsystems, total].map((row) => [
    row.subsystem,
    `${row.modules} of ${row.ofModules}`,
    `${formatBytes(row.bytes)} of ${formatBytes(row.ofBytes)}`,
    formatPercent(row.bytes, row.ofBytes),
  ]);
  printTable(rows);
}

async function closure(requests: string[], flags: Flags): Promise<void> {
  const { closureOf } = await import('../modules/query.js');
  const { formatBytes } = await import('../units.js');
  const { loadDangling, refuseDangling } = await import('../modules/dangling.js');
  const { index, cache } = await loadTree(flags);
  const answer = closureOf(index, requests, { soft: flags.soft ?? false });
  refuseDangling(
    index,
    await loadDangling(index, cache),
    answer.modules.map(({ name }) => name),
  );
  if (flags.json) return printJson({ release: index.release, ...answer });
  printTable([
    ...answer.modules.map(({ name, path, bytes }) => [name, formatBytes(bytes), path]),
    ...answer.builtins.map(({ request, names }) => [request, 'built in', names.join(', ')]),
    [`${answer.modules.length} total`, formatBytes(answer.bytes), ''],
  ]);
}

async function needs(name: string, flags: Flags): Promise<void> {
  const { needsOf } = await import('../modules/query.js');
  const { loadModuleDetails } = await import('../modules/details.js');
  const { formatBytes } = await import('../units.js');
  const { index, cache } = await loadTree(flags);
  const answer = needsOf(index, await loadModuleDetails(index, cache), name);
  if (flags.json) return printJson({ release: index.release, ...answer });
  const { module } = answer;
  print(
    `${module.name}  ${formatBytes(module.bytes)}, with its dependencies ${formatBytes(answer.bytes)}  ${module.path}`,
  );
  const rows = answer.needs.map((need) => {
    if (need.edge === 'symbol') {
      const why = need.direct ? `symbols: ${someOf(need.symbols, 4)}` : 'through another dependency';
      return ['  needs', need.module, formatBytes(need.bytes), why];
    }
    const target =
      [...need.modules, ...need.builtins.map((one) => `${one} (built in)`)].join(', ') ||
      'nothing in this tree';
    const label = need.edge === 'soft' ? `softdep ${need.order}` : 'weakdep';
    return [`  ${label}`, need.request, '', target];
  });
  printTable(rows);
  const [direct, through] = [true, false].map((kind) =>
    answer.neededBy.filter((user) => user.direct === kind),
  );
  print(`  needed by ${someOf(direct?.map((user) => user.module) ?? [], 12) || 'no module'}`);
  if (through?.length)
    print(
      `  needed through these by ${someOf(
        through.map((user) => user.module),
        12,
      )}`,
    );
  if (answer.firmware.length > 0) print(`  firmware ${someOf(answer.firmware, 6)}`);
}

/** The kernel is that of --kernel, else of the image, else of the default image. */
async function loadTree(flags: Flags) {
  const { Cache } = await import('../cache.js');
  const { resolveModuleTree } = await import('../kernel/resolve.js');
  const { loadModuleIndex } = await import('../modules/index.js');
  const { loadImage } = await import('../image/image-file.js');
  const image = await loadImage(flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian-2014', {
    ...(flags.kernel ? { kernel: flags.kernel } : {}),
    ...(flags.modules ? { modules: flags.modules } : {}),
  });
  const cache = new Cache();
  const kernel = await resolveModuleTree(image.kernel, { cache, log });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  return { image, index, cache };
}

/** The set of --modules or --image; the full module tree where neither is given. */
async function loadSet(flags: Flags): Promise<ModuleSet> {
  const { userError } = await import('../errors.js');
  const { makeModuleSet } = await import('../image/prepare.js');
  const { formatAdditions, wholeTree } = await import('../modules/set.js');
  const { loadDangling, refuseDangling } = await import('../modules/dangling.js');
  const { image, index, cache } = await loadTree(flags);
  if (!flags.image && !flags.modules) {
    const set = wholeTree(index);
    if (flags.strict) refuseDangling(index, await loadDangling(index, cache), set.names);
    return set;
  }
  if (image.modules.kind === 'split')
    throw userError('E_USAGE', `${image.file} has a package split, and that is several module sets`, {
      hint: '`bootgate split show` and `bootgate split size` say what its packages hold',
    });
  const set = await makeModuleSet(index, image.modules, {
    strict: flags.strict ?? false,
    allowMissing: flags.allowMissing ?? false,
  });
  if (flags.strict) refuseDangling(index, await loadDangling(index, cache), set.names);
  for (const sentence of [...set.warnings, ...formatAdditions(set)]) log(sentence);
  return set;
}

function summary(set: ModuleSet) {
  const { index, source, names, bytes, digest, additions, warnings } = set;
  return { ...treeSummary(index), source, count: names.length, bytes, digest, additions, warnings };
}

function treeSummary(index: ModuleIndex) {
  return { release: index.release, ofCount: index.modules.size, ofBytes: index.bytes };
}
