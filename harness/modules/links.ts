/**
 * Who needs whom directly, in the order in which depmod sees it: what has to be known of a tree to order the
 * dependencies of any part of it just as depmod would. Modules are numbers: their place in `names`.
 */
export interface Links {
  /** In the order of depmod's modules.dep. */
  names: readonly string[];
  /** For each module the modules that export what it needs; several in one place where they export the same symbol. */
  direct: readonly (readonly (number | readonly number[])[])[];
  /** Lines of modules.devname, for the few modules that have one. */
  devnames: readonly (readonly [module: number, line: string])[];
  /** Whether any symbol is exported by several modules. */
  shared: boolean;
}

/** Exported symbols in the order of depmod's hash table, which is that of modules.symbols; owners in the order of `names`. */
export type SymbolOwners = readonly (readonly [symbol: string, owners: readonly number[]])[];

interface Linked {
  name: string;
  exports: readonly string[];
  needs: readonly string[];
  info: readonly (readonly [key: string, value: string])[];
}

/** @param modules In depmod's order, see orderModules. */
export function makeLinks(modules: readonly Linked[], symbols: SymbolOwners): Links {
  const owners = new Map(symbols);
  const direct = modules.map(({ needs }) => {
    const places = new Map<string, number | readonly number[]>();
    for (const symbol of needs) {
      // PPC64 function descriptors: .foo is foo (depmod.c, depmod_symbol_find).
      const found = owners.get(symbol.startsWith('.') ? symbol.slice(1) : symbol);
      if (found) places.set(found.join(' '), found.length === 1 ? (found[0] as number) : found);
    }
    return [...places.values()];
  });
  const devnames = modules.flatMap(({ name, info }, at): [number, string][] => {
    const node = deviceNode(info.flatMap(([key, value]) => (key === 'alias' ? [value] : [])));
    return node ? [[at, `${name} ${node}`]] : [];
  });
  return {
    names: modules.map(({ name }) => name),
    direct,
    devnames,
    shared: symbols.some(([, all]) => all.length > 1),
  };
}

/** Who exports what. @param modules In depmod's order. */
export function findOwners(modules: readonly Pick<Linked, 'exports'>[]): SymbolOwners {
  const owners = new Map<string, number[]>();
  for (const [at, module] of modules.entries()) {
    for (const symbol of new Set(module.exports)) {
      const others = owners.get(symbol);
      if (others) others.push(at);
      else owners.set(symbol, [at]);
    }
  }
  const byHash = byBucket(2048);
  return [...owners].sort(([a], [b]) => byHash(a, b));
}

/** `net/tun c10:200`, for a node that can be made before its module is loaded; depmod.c, output_devname(). */
function deviceNode(aliases: readonly string[]): string | null {
  let node: string | null = null;
  let number: string | null = null;
  for (const alias of aliases) {
    const found = /^(char|block)-major-(\d+)-(\d+)/.exec(alias);
    if (alias.startsWith('devname:')) node = alias.slice('devname:'.length);
    else if (found) number = `${found[1] === 'char' ? 'c' : 'b'}${Number(found[2])}:${Number(found[3])}`;
    if (node && number) return `${node} ${number}`;
  }
  return null;
}

/**
 * Modules in depmod's order: those of modules.order as they stand there, then the others as they lie in a hash table
 * of 512 buckets (depmod.c, depmod_modules_sort() and depmod_modules_build_array()).
 * @param orderText modules.order: uncompressed paths, one a line.
 */
export function orderModules<T extends { name: string; path: string }>(
  modules: readonly T[],
  orderText: string,
): T[] {
  const places = new Map(orderText.split('\n').map((path, at) => [path, at]));
  const placeOf = new Map(
    modules.map((module) => [module, places.get(uncompressed(module)) ?? Number.POSITIVE_INFINITY]),
  );
  const byHash = byBucket(512);
  return modules.toSorted((a, b) => {
    const [left, right] = [placeOf.get(a) ?? 0, placeOf.get(b) ?? 0];
    return left === right ? byHash(a.name, b.name) : left - right;
  });
}

/** The path of modules.order, which knows no `.xz`. */
function uncompressed({ path }: { path: string }): string {
  return path.replace(/\.ko\.\w+$/, '.ko');
}

/** kmod's hash table is walked bucket by bucket, and each is sorted inside (kmod shared/hash.c). */
function byBucket(count: number): (a: string, b: string) => number {
  const buckets = new Map<string, number>();
  const bucketOf = (symbol: string) => {
    const known = buckets.get(symbol);
    if (known !== undefined) return known;
    const bucket = superfast(symbol) & (count - 1);
    buckets.set(symbol, bucket);
    return bucket;
  };
  return (a, b) => bucketOf(a) - bucketOf(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Paul Hsieh's SuperFastHash, as a little-endian machine computes it. */
export function superfast(text: string): number {
  const u16 = (at: number) => text.charCodeAt(at) | (text.charCodeAt(at + 1) << 8);
  let hash = text.length | 0;
  let at = 0;
  for (; at + 4 <= text.length; at += 4) {
    hash = (hash + u16(at)) | 0;
    hash = (hash << 16) ^ (u16(at + 2) << 11) ^ hash;
    hash = (hash + (hash >>> 11)) | 0;
  }
  const rest = text.length & 3;
  if (rest === 3) {
    hash = (hash + u16(at)) | 0;
    hash ^= hash << 16;
    hash ^= text.charCodeAt(at + 2) << 18;
    hash = (hash + (hash >>> 11)) | 0;
  } else if (rest === 2) {
    hash = (hash + u16(at)) | 0;
    hash ^= hash << 11;
    hash = (hash + (hash >>> 17)) | 0;
  } else if (rest === 1) {
    hash = (hash + text.charCodeAt(at)) | 0;
    hash ^= hash << 10;
    hash = (hash + (hash >>> 1)) | 0;
  }
  hash ^= hash << 3;
  hash = (hash + (hash >>> 5)) | 0;
  hash ^= hash << 4;
  hash = (hash + (hash >>> 17)) | 0;
  hash ^= hash << 25;
  hash = (hash + (hash >>> 6)) | 0;
  return hash >>> 0;
}
