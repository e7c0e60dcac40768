import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { AliasTable } from './aliases.js';
import type { Module, ModuleIndex, Resolution } from './module.js';
import { nameOfPath, normaliseAlias } from './names.js';
import { scanTree } from './scan.js';
import {
  parseAlias,
  parseBuiltin,
  parseBuiltinAliases,
  parseDep,
  parseSoftdep,
  parseWeakdep,
} from './texts.js';
import { chooseModules, indexesFit, readOptional, readTree } from './tree.js';

/**
 * The index of a module tree: from depmod's texts in it, or, where it has none that fit, from the module files themselves.
 * Aliases and symbols are parsed when they are first asked for.
 * @param modulesDir Absolute path of /lib/modules/RELEASE; only read.
 * @throws BootgateError blame `user`, E_MODULES_DIR: no folder there, or no module in it.
 */
export async function loadModuleIndex(
  modulesDir: string,
  release: string,
  cache: Cache,
): Promise<ModuleIndex> {
  const tree = await readTree(modulesDir, release, cache);
  const texts = (await indexesFit(tree)) ? tree.dir : await scanTree(tree, chooseModules(tree), cache);
  const read = (name: string) => readOptional(join(texts, name));
  const [dep, alias, symbols, softdep, weakdep, builtin, modinfo] = await Promise.all([
    read('modules.dep'),
    read('modules.alias'),
    read('modules.symbols'),
    read('modules.softdep'),
    read('modules.weakdep'),
    readOptional(join(tree.dir, 'modules.builtin')),
    readOptional(join(tree.dir, 'modules.builtin.modinfo')),
  ]);
  const sizes = new Map(tree.files.map((file) => [file.path, file.bytes]));
  const modules = parseModules(dep, sizes, softdep, weakdep);
  let bytes = 0;
  for (const module of modules.values()) bytes += module.bytes;
  const builtins = parseBuiltin(builtin);
  const lookup = new Lookup(modules, builtins, { alias, symbols, modinfo });
  return {
    release,
    dir: tree.dir,
    digest: tree.digest,
    modules,
    builtins,
    bytes,
    texts: { dir: texts, alias, symbols, softdep, weakdep, builtin, modinfo },
    resolve: (request, within) => lookup.resolve(request, within),
  };
}

function parseModules(
  dep: string,
  sizes: ReadonlyMap<string, number>,
  softdep: string,
  weakdep: string,
): Map<string, Module> {
  const soft = parseSoftdep(softdep);
  const weak = parseWeakdep(weakdep);
  const modules = new Map<string, Module>();
  for (const [path, depends] of parseDep(dep)) {
    const name = nameOfPath(path);
    modules.set(name, {
      name,
      path,
      bytes: sizes.get(path) ?? 0,
      depends: depends.map(nameOfPath),
      softPre: soft.get(name)?.softPre ?? [],
      softPost: soft.get(name)?.softPost ?? [],
      weak: weak.get(name) ?? [],
    });
  }
  return modules;
}

/** kmod's lookup, libkmod-module.c: kmod_module_new_from_lookup(), without the configuration files of the host. */
class Lookup {
  readonly #modules: ReadonlyMap<string, Module>;
  readonly #builtins: ReadonlyMap<string, string>;
  readonly #texts: { alias: string; symbols: string; modinfo: string };
  #aliases: AliasTable | undefined;
  #builtinAliases: AliasTable | undefined;
  #symbols: Map<string, string> | undefined;

  constructor(
    modules: ReadonlyMap<string, Module>,
    builtins: ReadonlyMap<string, string>,
    texts: { alias: string; symbols: string; modinfo: string },
  ) {
    this.#modules = modules;
    this.#builtins = builtins;
    this.#texts = texts;
  }

  resolve(request: string, within?: ReadonlySet<string>): Resolution {
    const name = normaliseAlias(request);
    if (name === null) return { kind: 'none' };
    const inside = (names: string[]) => (within ? names.filter((one) => within.has(one)) : names);
    for (const find of [this.#byName, this.#bySymbol, this.#byAlias]) {
      const names = inside(find.call(this, name));
      if (names.length > 0) return { kind: 'modules', names };
    }
    if (this.#builtins.has(name)) return { kind: 'builtin', names: [name] };
    this.#builtinAliases ??= new AliasTable(parseBuiltinAliases(this.#texts.modinfo));
    const names = this.#builtinAliases.match(name);
    return names.length > 0 ? { kind: 'builtin', names } : { kind: 'none' };
  }

  #byName(name: string): string[] {
    return this.#modules.has(name) ? [name] : [];
  }

  #bySymbol(name: string): string[] {
    if (!name.startsWith('symbol:')) return [];
    this.#symbols ??= new Map(parseAlias(this.#texts.symbols));
    const owner = this.#symbols.get(name);
    return owner ? [owner] : [];
  }

  #byAlias(name: string): string[] {
    this.#aliases ??= new AliasTable(parseAlias(this.#texts.alias));
    return this.#aliases.match(name);
  }
}
