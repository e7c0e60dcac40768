/** What is in a module tree, as kmod sees it. Names are kmod's: `-` is `_`, no folder, no suffix. */

export interface Module {
  /** `virtio_blk` */
  name: string;
  /** Relative to /lib/modules/RELEASE, as shipped: `kernel/drivers/block/virtio_blk.ko.xz`. */
  path: string;
  /** Bytes on disk, as shipped. */
  bytes: number;
  /** Everything that its symbols need, directly or not, in modules.dep's order: load from last to first. */
  depends: string[];
  /** Soft edges as modules.softdep writes them: module names or aliases. */
  softPre: string[];
  softPost: string[];
  /** modules.weakdep: shipped with, not loaded by, this module. */
  weak: string[];
}

/** What a name or alias resolves to in a tree: kmod's lookup order (name, symbol, alias, built-in, built-in alias). */
export type Resolution =
  | { kind: 'modules'; names: string[] }
  | { kind: 'builtin'; names: string[] }
  | { kind: 'none' };

/** depmod's texts, and the kernel build's, of one tree; empty where the tree has none. */
export interface IndexTexts {
  /** Absolute path of the folder with depmod's files: the tree itself, or one in the cache. */
  dir: string;
  alias: string;
  symbols: string;
  softdep: string;
  weakdep: string;
  builtin: string;
  modinfo: string;
}

/** One module tree, indexed. Built once, cached by digest. */
export interface ModuleIndex {
  release: string;
  /** Absolute path of /lib/modules/RELEASE. */
  dir: string;
  /** `sha256:...` of the tree (paths and sizes, index texts). */
  digest: string;
  modules: ReadonlyMap<string, Module>;
  /** Built-in name -> path as modules.builtin has it. */
  builtins: ReadonlyMap<string, string>;
  /** The sum of all modules' bytes. */
  bytes: number;
  /** The texts that the index was read from, as they are: indexes for a subset are cut out of them. */
  texts: IndexTexts;
  /**
   * What `modprobe REQUEST` would come to: a module name, `symbol:NAME`, `fs-ext4`, `pci:v00001AF4d...`.
   * With `within`, modules outside that set do not count.
   */
  resolve(request: string, within?: ReadonlySet<string>): Resolution;
}

/** Where a rule stands that put a module in or out. */
export interface RulePlace {
  /** As it should be shown: relative to the working directory or repository where possible. */
  file: string;
  line: number;
  /** The rule's own text. */
  text: string;
}

/** A module that nobody listed and that the set could not do without. */
export interface Addition {
  module: string;
  /** The listed modules that need it, sorted. */
  neededBy: string[];
  bytes: number;
  /** The rule that had left it out, where one had. */
  excludedBy?: RulePlace;
}

/** The modules that a guest may load: a subset of a tree. */
export interface ModuleSet {
  index: ModuleIndex;
  /** Where it came from: `full module tree`, a list's or policy's file name. */
  source: string;
  /** Sorted module names, additions included. */
  names: string[];
  bytes: number;
  /** `sha256:...` of the tree's digest and the names: the key of everything made from this set. */
  digest: string;
  additions: Addition[];
  /** For a module of the tree that is not in the set: the rule that left it out, where one did. */
  excludedBy: ReadonlyMap<string, RulePlace>;
  /** What is odd but not wrong, as sentences with their file:line: a rule that matches nothing. */
  warnings: string[];
}
