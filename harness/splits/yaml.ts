import type { ModuleIndex } from '../modules/module.js';
import { modulesByPackage, type Split } from './split.js';

/**
 * A split in bootgate's own YAML, as it came out: reading it again for the same tree gives the same placement. Folders
 * whose modules all lie in one package become one pattern, so that the text stays readable.
 */
export async function splitAsYaml(split: Split, index: ModuleIndex): Promise<string> {
  const { stringify } = await import('yaml');
  const patterns = patternsOf(split, index);
  const contents = modulesByPackage(split, index);
  const document = {
    version: 1,
    name: split.name,
    description: `From ${split.file} (${split.format}), placed for ${index.release}.`,
    dependencies: 'keep',
    packages: split.packages.map((one) => ({
      name: one.name,
      ...(one.depends.length > 0 ? { depends: one.depends } : {}),
      ...((contents.get(one.name)?.length ?? 0) === 0 ? {} : { modules: patterns.get(one.name) ?? [] }),
      ...(one.budget === undefined ? {} : { budget: one.budget }),
    })),
    ...(Object.keys(split.budgets).length > 0 ? { budgets: split.budgets } : {}),
  };
  return stringify(document, { lineWidth: 0 });
}

interface Folder {
  folders: Map<string, Folder>;
  modules: [path: string, owner: string | undefined][];
}

const emptyFolder = (): Folder => ({ folders: new Map(), modules: [] });

function patternsOf(split: Split, index: ModuleIndex): Map<string, string[]> {
  const root = emptyFolder();
  const names = new Map<string, string>();
  for (const { name, path } of index.modules.values()) {
    const plain = path.replace(/\.ko(\.\w+)?$/, '');
    names.set(plain, name);
    let folder = root;
    for (const part of plain.split('/').slice(0, -1)) {
      const next = folder.folders.get(part) ?? emptyFolder();
      folder.folders.set(part, next);
      folder = next;
    }
    folder.modules.push([plain, split.placement.get(name)?.package]);
  }
  const found = new Map<string, string[]>();
  const put = (owner: string, pattern: string) => found.set(owner, [...(found.get(owner) ?? []), pattern]);
  const walk = (folder: Folder, path: string): void => {
    for (const [plain, owner] of folder.modules) if (owner) put(owner, names.get(plain) ?? plain);
    for (const [name, inner] of folder.folders) {
      const below = path ? `${path}/${name}` : name;
      const owner = onlyOwner(inner);
      // Patterns are read below kernel/: another folder of the tree cannot be named by one.
      if (owner && below.startsWith('kernel/') && !oneModule(inner))
        put(owner, `${below.slice('kernel/'.length)}/**`);
      else walk(inner, below);
    }
  };
  walk(root, '');
  for (const patterns of found.values()) patterns.sort();
  return found;
}

/** The package that all modules below a folder are in; undefined where they are in several, or some in none. */
function onlyOwner(folder: Folder): string | undefined {
  const owners = new Set<string | undefined>(folder.modules.map(([, owner]) => owner));
  for (const inner of folder.folders.values()) owners.add(onlyOwner(inner));
  return owners.size === 1 ? [...owners][0] : undefined;
}

function oneModule(folder: Folder): boolean {
  return folder.folders.size === 0 && folder.modules.length === 1;
}
