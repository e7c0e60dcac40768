import { userError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { closure } from './closure.js';
import type { ModuleDetails } from './details.js';
import type { Module, ModuleIndex, ModuleSet } from './module.js';
import { nameOfPath, normaliseName } from './names.js';

/** What `bootgate modules list|closure|needs` answers, as plain data. */

export interface ListedModule {
  name: string;
  path: string;
  bytes: number;
}

/** The modules of a set, sorted by name. */
export function listModules(set: ModuleSet): ListedModule[] {
  return set.names.map((name) => listed(moduleOf(set.index, name)));
}

export interface ClosureAnswer {
  /** In load order. */
  modules: (ListedModule & { requested: boolean })[];
  /** Requests that built-ins answer. */
  builtins: { request: string; names: string[] }[];
  bytes: number;
}

/**
 * Everything that some requests (names, paths, aliases such as `fs-ext4` or `pci:v00001AF4...`) come to, in load order.
 * @throws BootgateError blame `user`, E_MODULE_NAME, naming every request that resolves to nothing.
 */
export function closureOf(
  index: ModuleIndex,
  requests: readonly string[],
  options: { soft?: boolean } = {},
): ClosureAnswer {
  const roots = new Set<string>();
  const builtins: ClosureAnswer['builtins'] = [];
  const problems: { message: string }[] = [];
  for (const request of requests) {
    const found = index.resolve(/\.ko(\.\w+)?$/.test(request) ? nameOfPath(request) : request);
    if (found.kind === 'modules') for (const name of found.names) roots.add(name);
    else if (found.kind === 'builtin') builtins.push({ request, names: found.names });
    else
      problems.push({ message: `${request} is nothing that ${index.release} knows${near(index, request)}` });
  }
  if (problems.length > 0) throw userError('E_MODULE_NAME', 'no such module or alias', { problems });
  const modules = closure(index, roots, options).map((name) => ({
    ...listed(moduleOf(index, name)),
    requested: roots.has(name),
  }));
  return { modules, builtins, bytes: total(modules) };
}

/** Why one module needs another. */
export type Need =
  | { edge: 'symbol'; module: string; bytes: number; direct: boolean; symbols: string[] }
  | { edge: 'soft'; order: 'pre' | 'post'; request: string; modules: string[]; builtins: string[] }
  | { edge: 'weak'; request: string; modules: string[]; builtins: string[] };

export interface NeedsAnswer {
  module: ListedModule;
  needs: Need[];
  /** Who needs it by symbols: `direct` uses one of its symbols itself. */
  neededBy: { module: string; direct: boolean }[];
  firmware: string[];
  /** The module with all that its symbols need. */
  bytes: number;
}

/**
 * What a module needs and who needs it, with the reasons.
 * @throws BootgateError blame `user`, E_MODULE_NAME, for a name that is no module (a built-in has no file and no needs).
 */
export function needsOf(index: ModuleIndex, details: ModuleDetails, request: string): NeedsAnswer {
  const module = oneModule(index, request);
  const direct = new Set(details.direct(module.name));
  const wanted = new Set(details.get(module.name)?.needs.map(({ symbol }) => symbol));
  const needs: Need[] = module.depends.map((name) => ({
    edge: 'symbol',
    module: name,
    bytes: moduleOf(index, name).bytes,
    direct: direct.has(name),
    symbols: direct.has(name)
      ? [...new Set(details.get(name)?.exports)].filter((one) => wanted.has(one))
      : [],
  }));
  for (const order of ['pre', 'post'] as const)
    for (const word of order === 'pre' ? module.softPre : module.softPost)
      needs.push({ edge: 'soft', order, request: word, ...resolved(index, word) });
  for (const word of module.weak) needs.push({ edge: 'weak', request: word, ...resolved(index, word) });
  const users = [...index.modules.values()].filter(({ depends }) => depends.includes(module.name));
  const neededBy = users
    .map(({ name }) => ({ module: name, direct: details.direct(name).includes(module.name) }))
    .sort((a, b) => Number(b.direct) - Number(a.direct) || (a.module < b.module ? -1 : 1));
  const bytes = total([module, ...module.depends.map((name) => moduleOf(index, name))]);
  const firmware = details.get(module.name)?.firmware ?? [];
  return { module: listed(module), needs, neededBy, firmware, bytes };
}

function resolved(index: ModuleIndex, request: string): { modules: string[]; builtins: string[] } {
  const found = index.resolve(request);
  return {
    modules: found.kind === 'modules' ? found.names : [],
    builtins: found.kind === 'builtin' ? found.names : [],
  };
}

function oneModule(index: ModuleIndex, request: string): Module {
  const name = normaliseName(/\.ko(\.\w+)?$/.test(request) ? nameOfPath(request) : request);
  const module = index.modules.get(name);
  if (module) return module;
  const message = index.builtins.has(name)
    ? `${request} is built into ${index.release}: it has no file and needs no module`
    : `there is no module ${request}${near(index, request)}`;
  throw userError('E_MODULE_NAME', message);
}

function near(index: ModuleIndex, request: string): string {
  return didYouMean(nameOfPath(request), index.modules.keys());
}

function moduleOf(index: ModuleIndex, name: string): Module {
  const module = index.modules.get(name);
  if (!module) throw new Error(`${name} is in no module tree`);
  return module;
}

function listed({ name, path, bytes }: Module): ListedModule {
  return { name, path, bytes };
}

function total(modules: readonly { bytes: number }[]): number {
  return modules.reduce((sum, { bytes }) => sum + bytes, 0);
}
