import type { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import { loadModuleDetails, type ModuleDetail } from './details.js';
import type { ModuleIndex } from './module.js';
import { normaliseName } from './names.js';

/** A module that others were built against and that is in no file of the tree. */
export interface Dangling {
  module: string;
  /** Modules whose own `depends=` names it, sorted. They cannot be loaded. */
  users: string[];
}

/**
 * Dependencies that lead nowhere. depmod leaves them out of modules.dep, so only the modules' own `depends=`, which
 * modpost wrote, tells of them; what is built in is never named there.
 */
export function findDangling(
  index: ModuleIndex,
  details: { get(name: string): Partial<Pick<ModuleDetail, 'info'>> | undefined },
): Dangling[] {
  const users = new Map<string, string[]>();
  for (const name of index.modules.keys())
    for (const [key, value] of details.get(name)?.info ?? []) {
      if (key !== 'depends') continue;
      for (const needed of value.split(',').map(normaliseName)) {
        if (needed === '' || index.modules.has(needed) || index.builtins.has(needed)) continue;
        users.set(needed, [...(users.get(needed) ?? []), name]);
      }
    }
  return [...users]
    .map(([module, all]) => ({ module, users: all.sort() }))
    .sort((a, b) => (a.module < b.module ? -1 : 1));
}

/** The same, found once for each tree: as a rule an empty list. */
export async function loadDangling(index: ModuleIndex, cache: Cache): Promise<Dangling[]> {
  const text = await cache.text('modules-dangling', `1 ${index.digest}`, async () =>
    JSON.stringify(findDangling(index, await loadModuleDetails(index, cache))),
  );
  return JSON.parse(text) as Dangling[];
}

/** What of it concerns some modules. */
export function danglingIn(all: readonly Dangling[], names: Iterable<string>): Dangling[] {
  const inside = new Set(names);
  return all
    .map(({ module, users }) => ({ module, users: users.filter((user) => inside.has(user)) }))
    .filter(({ users }) => users.length > 0);
}

/** `hv_sock, virtio_vsock and 6 more need vsock, which is in no file of 6.12.0` */
export function sayDangling({ module, users }: Dangling, index: ModuleIndex): string {
  const more = users.length - 3;
  const shown = users.slice(0, 3).join(', ') + (more > 0 ? ` and ${more} more` : '');
  return `${shown} ${users.length === 1 ? 'needs' : 'need'} ${module}, which is in no file of ${index.release} and not built in`;
}

/**
 * Refuses a set of modules with dependencies that lead nowhere.
 * @throws BootgateError blame `guest`, E_MODULE_DANGLING, naming each missing module and its users.
 */
export function refuseDangling(index: ModuleIndex, all: readonly Dangling[], names: Iterable<string>): void {
  const found = danglingIn(all, names);
  if (found.length === 0) return;
  throw new BootgateError(
    `${found.length === 1 ? 'a dependency is' : `${found.length} dependencies are`} in none of the files given`,
    {
      code: 'E_MODULE_DANGLING',
      blame: 'guest',
      problems: found.map((one) => ({ message: sayDangling(one, index) })),
      hint: 'add the package that has the module, or leave out what needs it',
    },
  );
}
