/**
 * Who needs whom directly, in the order in which depmod sees it: what has to be known of a tree to order the
 * dependencies of any part of it just as depmod would. Modules are numbers: their place in `names`.
 */
export interface Links {
  /** In the order of depmod's modules.dep. */
  names: readonly string[];
  /** For each module the modules that export what it needs; several in one place where they export the same symbol. */
  direct: readonly (readonly (number | readonly number[])[])[];
  /** Exported symbols in the order of depmod's hash table, which is that of modules.symbols. */
  symbols: readonly string[];
  /** Who exports each of them, in the order of `names`. */
  owners: readonly (readonly number[])[];
}

/** @param modules In modules.dep's order. */
export function makeLinks(
  modules: readonly { name: string; exports: readonly string[]; needs: readonly string[] }[],
): Links {
  const owners = new Map<string, number[]>();
  for (const [at, module] of modules.entries()) {
    for (const symbol of new Set(module.exports)) {
      const others = owners.get(symbol);
      if (others) others.push(at);
      else owners.set(symbol, [at]);
    }
  }
  const direct = modules.map(({ needs }) => {
    const places = new Map<string, number | readonly number[]>();
    for (const symbol of needs) {
      // PPC64 function descriptors: .foo is foo (depmod.c, depmod_symbol_find).
      const found = owners.get(symbol.startsWith('.') ? symbol.slice(1) : symbol);
      if (found) places.set(found.join(' '), found.length === 1 ? (found[0] as number) : found);
    }
    return [...places.values()];
  });
  const symbols = [...owners.keys()].sort(byBucket(2048));
  return {
    names: modules.map(({ name }) => name),
    direct,
    symbols,
    owners: symbols.map((symbol) => owners.get(symbol) ?? []),
  };
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
