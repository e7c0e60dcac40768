import type { ModuleIndex } from '../modules/module.js';
import { formatBytes } from '../units.js';
import { listed } from './settle.js';
import { type Split, withDependencies } from './split.js';

/**
 * Each package with everything that is there once it is installed: what it needs, and for one that nobody installs by
 * itself also what all packages have that bring it.
 */
function installedWith(split: Split): Map<string, Set<string>> {
  const below = withDependencies(split.packages);
  const whole = split.packages.flatMap(({ name, part }) =>
    part ? [] : [below.get(name) ?? new Set<string>()],
  );
  const found = new Map(below);
  for (const { name, part } of split.packages) {
    const [first, ...others] = part ? whole.filter((set) => set.has(name)) : [];
    if (first) found.set(name, new Set([...first].filter((one) => others.every((set) => set.has(one)))));
  }
  return found;
}

/** Which packages bring each module of a split, and what is installed with a package. */
export class Homes {
  /** The packages of each module that has one. */
  readonly owners: ReadonlyMap<string, readonly string[]>;
  /** Each package with everything that it needs. */
  readonly below: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #index: ModuleIndex;

  constructor(split: Split, index: ModuleIndex) {
    const owners = new Map<string, readonly string[]>();
    for (const name of index.modules.keys()) {
      const placed = split.placement.get(name);
      if (placed) owners.set(name, split.twice.get(name) ?? [placed.package]);
    }
    this.owners = owners;
    this.below = installedWith(split);
    this.#index = index;
  }

  of(module: string): readonly string[] {
    return this.owners.get(module) ?? [];
  }

  /** Whether a module is there once `home` and what it depends on are installed. */
  reaches(home: string, module: string): boolean {
    return this.of(module).some((one) => this.below.get(home)?.has(one));
  }

  /** `in kernel-extra`, or `in no package`. */
  where(module: string | undefined): string {
    const home = module === undefined ? undefined : this.of(module)[0];
    return home ? `in ${home}` : 'in no package';
  }

  /** A module and all that it needs that is not there yet: moved alone, it would not load. */
  comingDown(module: string, inside: (name: string) => boolean): string[] {
    const all = new Set([module, ...(this.#index.modules.get(module)?.depends ?? [])]);
    return [...all].filter((name) => this.#index.modules.has(name) && !inside(name));
  }

  bytes(names: Iterable<string>): number {
    return [...names].reduce((sum, name) => sum + (this.#index.modules.get(name)?.bytes ?? 0), 0);
  }

  /** `move jbd2, mbcache to core (+132 KiB)` */
  sayMove(modules: readonly string[], home: string): string {
    return `move ${listed(modules, (name) => name)} to ${home} (+${formatBytes(this.bytes(modules))})`;
  }

  /** What would bring one module down into a package. */
  moveDown(module: string, home: string): string {
    return this.sayMove(
      this.comingDown(module, (name) => this.reaches(home, name)),
      home,
    );
  }
}
