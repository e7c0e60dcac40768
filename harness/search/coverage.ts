import { type ContainedModule, readContents } from '../image/contents.js';
import type { StoredRun } from '../results/read.js';

/** How much of one package, or of the set, any scenario of a run has loaded. */
export interface Coverage {
  /** The package's name; `the set` where there is no split. */
  name: string;
  modules: number;
  bytes: number;
  loaded: number;
  loadedBytes: number;
  /** Never loaded, the largest first. */
  untouched: { name: string; bytes: number }[];
}

export const WHOLE_SET = 'the set';

/**
 * Which modules of a run's sets were loaded by any of its scenarios; in all install sets together, by package.
 * @throws BootgateError blame `user`, E_RUN_CONTENTS, for a run that does not say what its sets were.
 */
export async function coverageOf({ folder, result }: StoredRun): Promise<Coverage[]> {
  const sets = result.installSets?.map(({ name }) => name) ?? [undefined];
  const contents = new Map<string, ContainedModule>();
  for (const set of sets) for (const one of await readContents(folder, set)) contents.set(one.name, one);
  return coverage([...contents.values()], new Set(result.results.flatMap((one) => one.modulesLoaded)));
}

export function coverage(contents: readonly ContainedModule[], loaded: ReadonlySet<string>): Coverage[] {
  const packages = new Map<string, ContainedModule[]>();
  for (const one of contents) {
    const name = one.package ?? WHOLE_SET;
    packages.set(name, [...(packages.get(name) ?? []), one]);
  }
  const sum = (modules: readonly ContainedModule[]) => modules.reduce((total, { bytes }) => total + bytes, 0);
  return [...packages].map(([name, modules]) => {
    const touched = modules.filter((one) => loaded.has(one.name));
    return {
      name,
      modules: modules.length,
      bytes: sum(modules),
      loaded: touched.length,
      loadedBytes: sum(touched),
      untouched: modules
        .filter((one) => !loaded.has(one.name))
        .sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
        .map(({ name: module, bytes }) => ({ name: module, bytes })),
    };
  });
}
