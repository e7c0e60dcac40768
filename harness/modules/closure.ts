import type { Module, ModuleIndex } from './module.js';
import { normaliseName } from './names.js';

/** One line of `modprobe --show-depends`. */
export type LoadStep = { kind: 'insmod'; module: Module } | { kind: 'builtin'; name: string };

/**
 * What `modprobe --show-depends NAME` prints, in its order: hard dependencies, the softdeps before each, the module,
 * the softdeps after it, built-ins among them. Doubles are kept, because modprobe prints them.
 * Follows libkmod-module.c, __kmod_module_get_probe_list() and __kmod_module_fill_softdep(): only a softdep's own target
 * is marked as visited, a hard dependency is not, and the same module found through an alias is another object.
 */
export function loadOrder(index: ModuleIndex, name: string): LoadStep[] {
  const steps: LoadStep[] = [];
  for (const target of lookup(index, name)) new Probe(index, steps).probe(target);
  return steps;
}

/** A module as modprobe found it: `key` is kmod's identity of it. */
interface Target {
  name: string;
  key: string;
  builtin: boolean;
}

function lookup(index: ModuleIndex, request: string): Target[] {
  const found = index.resolve(request);
  if (found.kind === 'none') return [];
  const asked = normaliseName(request);
  return found.names.map((name) => ({
    name,
    key: name === asked ? name : `${name}\\${asked}`,
    builtin: found.kind === 'builtin',
  }));
}

class Probe {
  readonly #index: ModuleIndex;
  readonly #steps: LoadStep[];
  readonly #visited = new Set<string>();

  constructor(index: ModuleIndex, steps: LoadStep[]) {
    this.#index = index;
    this.#steps = steps;
  }

  probe(target: Target): void {
    if (this.#visited.has(target.key)) return;
    this.#visited.add(target.key);
    const module = target.builtin ? undefined : this.#index.modules.get(target.name);
    for (const name of module?.depends.toReversed() ?? []) this.#place({ name, key: name, builtin: false });
    this.#place(target);
  }

  #place(target: Target): void {
    const module = target.builtin ? undefined : this.#index.modules.get(target.name);
    if (!module) {
      this.#steps.push({ kind: 'builtin', name: target.name });
      return;
    }
    for (const word of module.softPre) for (const soft of lookup(this.#index, word)) this.probe(soft);
    this.#steps.push({ kind: 'insmod', module });
    for (const word of module.softPost) for (const soft of lookup(this.#index, word)) this.probe(soft);
  }
}

/**
 * Everything that modules need, in an order in which insmod would take them, without doubles; built-ins and
 * unknown names are passed over. Hard (symbol) edges only, or with `soft` also the softdeps before and after.
 */
export function closure(
  index: ModuleIndex,
  names: Iterable<string>,
  options: { soft?: boolean } = {},
): string[] {
  const order = new Set<string>();
  for (const name of names) {
    const module = index.modules.get(name);
    if (!module) continue;
    if (options.soft) {
      for (const step of loadOrder(index, name)) if (step.kind === 'insmod') order.add(step.module.name);
    } else {
      for (const depend of module.depends.toReversed()) order.add(depend);
      order.add(name);
    }
  }
  return [...order];
}
