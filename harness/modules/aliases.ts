import { fnmatch, literalPrefix } from './fnmatch.js';
import { normaliseAlias } from './names.js';

interface Row {
  pattern: string;
  module: string;
  /** Place in the table: modules in modules.dep's order, which is the order kmod answers in. */
  rank: number;
}

/**
 * Alias patterns (tens of thousands in a distribution's tree) that can be asked quickly: they are filed under the part
 * before the first wildcard, so that a lookup looks at one file for each length of such a part.
 */
export class AliasTable {
  readonly #files = new Map<string, Row[]>();
  readonly #lengths: number[];

  /** @param rows pattern and module, in the order of modules.alias. Patterns that kmod refuses are left out, as depmod does. */
  constructor(rows: Iterable<readonly [pattern: string, module: string]>) {
    const lengths = new Set<number>();
    let rank = 0;
    for (const [raw, module] of rows) {
      const pattern = normaliseAlias(raw);
      if (pattern === null) continue;
      const prefix = literalPrefix(pattern);
      const row = { pattern, module, rank: rank++ };
      const file = this.#files.get(prefix);
      if (file) file.push(row);
      else this.#files.set(prefix, [row]);
      lengths.add(prefix.length);
    }
    this.#lengths = [...lengths].sort((a, b) => a - b);
  }

  /** The modules whose patterns match a request (normalised already), without doubles, in the table's order. */
  match(request: string): string[] {
    const found: Row[] = [];
    for (const length of this.#lengths) {
      if (length > request.length) break;
      const file = this.#files.get(request.slice(0, length));
      if (!file) continue;
      for (const row of file) if (fnmatch(row.pattern, request)) found.push(row);
    }
    found.sort((a, b) => a.rank - b.rank);
    return [...new Set(found.map((row) => row.module))];
  }
}
