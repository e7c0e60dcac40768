import { isModulePath, nameOfPath } from './names.js';

/** One thing that a list picks, as selector.ts reads it. */
export interface ListEntry {
  /** From 1. */
  line: number;
  /** The line's own text, without a comment. */
  text: string;
  pattern: string;
  remove: boolean;
  optional: boolean;
}

/** What one line comes to. */
export interface LineReading {
  /** What people call a list of such lines; null for bootgate's own form. */
  form: string | null;
  entries: Omit<ListEntry, 'line' | 'text'>[];
  /** A module parameter with its value: nothing of it reaches the guest. */
  options?: boolean;
}

const NAME = '[A-Za-z0-9][\\w-]*';
const KO = '\\S+\\.ko(?:\\.\\w+)?';
const PASSED_OVER: LineReading = { form: null, entries: [] };
/** Buses of modules.alias that people paste out of sysfs. Any other word with a colon is no module, and may be anybody's secret. */
const MODALIAS =
  /^(?:acpi|cpu|dmi|hid|i2c|of|pci|pcmcia|platform|pnp|scsi|sdio|spi|ssb|usb|vmbus|virtio|xen|symbol):[-\w.,:*+]{1,200}$/;

/** The forms that a line shows by itself, the narrowest first. */
const FORMS: { form: string; line: RegExp; read(found: RegExpExecArray): string[] }[] = [
  // kernel/module/procfs.c, m_show(): name, size, references, users, state, address, taint
  {
    form: '/proc/modules',
    line: new RegExp(
      `^(${NAME}) \\d+ (?:-|\\d+) (?:-|\\S+,) (?:Live|Loading|Unloading) 0x[0-9a-f]+(?: \\(\\w+\\))?$`,
    ),
    read: ([, name]) => [name ?? ''],
  },
  { form: 'lsmod output', line: /^Module\s+Size\s+Used by$/, read: () => [] },
  {
    form: "bootgate's `modules list`",
    line: new RegExp(`^(${NAME})\\s+\\d+\\s+${KO}$`),
    read: ([, name]) => [name ?? ''],
  },
  // Users that hold no module of their own are printed as nothing: `loop  40960  2`.
  {
    form: 'lsmod output',
    line: new RegExp(`^(${NAME})\\s+\\d+\\s+-?\\d+(?:\\s+[\\w,\\[\\]-]+)?$`),
    read: ([, name]) => [name ?? ''],
  },
  {
    form: 'modules.dep',
    line: new RegExp(`^(${KO}):((?:\\s+${KO})*)$`),
    read: ([, path = '', rest = '']) => [path, ...rest.split(/\s+/)].filter(Boolean).map(nameOfPath),
  },
  {
    form: 'insmod lines',
    line: new RegExp(`^insmod\\s+(${KO})(?:\\s+.*)?$`),
    read: ([, path = '']) => [nameOfPath(path)],
  },
  { form: 'insmod lines', line: new RegExp(`^builtin\\s+(${NAME})$`), read: ([, name]) => [name ?? ''] },
  {
    form: 'modprobe lines',
    line: new RegExp(`^modprobe\\s+(?:-[\\w-]+\\s+)*(${NAME})((?:\\s+[\\w.-]+=\\S*)*)$`),
    read: ([, name]) => [name ?? ''],
  },
  // A path of any tool: find, tar -t, lsinitramfs, lsinitrd (which is ls -l), modinfo -n.
  {
    form: 'paths of module files',
    line: new RegExp(`^(?:\\S+\\s+)*?((?:\\S*/)?lib/modules/[^/\\s]+/${KO})(?: -> \\S+)?$`),
    read: ([, path = '']) => (/[*?[]/.test(path) ? [belowTree(path)] : [nameOfPath(path)]),
  },
  { form: 'paths of module files', line: /^\/\S+\.ko(?:\.\w+)?$/, read: ([path = '']) => [fromRoot(path)] },
  // Talos's list has the files of the kernel's build as well.
  {
    form: 'a list of files, as Talos has it',
    line: /^(?:\S*lib\/modules\/[^/\s]+\/)?modules\.(?:order|builtin|builtin\.modinfo)$/,
    read: () => [],
  },
  {
    form: 'names with options, as initramfs-tools and modprobe have them',
    // Not a script's `export TOKEN=...`.
    line: new RegExp(
      `^(?!(?:export|declare|local|readonly|typeset|set|env|alias|sudo)\\s)(${NAME})(?:\\s+\\w[\\w.-]*=\\S*)+$`,
    ),
    read: ([, name]) => [name ?? ''],
  },
];

/** Whether it is made of what names, paths and globs of modules are made of. */
function isPlausible(pattern: string): boolean {
  return /^[-\w.,+@/*?[\]!^]{0,200}$/.test(pattern.replace(/\[:[a-z]+:\]/g, '')) || MODALIAS.test(pattern);
}

/** One line of a list, without line end; null for one that is not of any list. */
export function readListLine(raw: string): (LineReading & { text: string }) | null {
  const text = raw.replace(/(^|\s)#.*$/s, '').trim();
  // modules-load.d(5) has both kinds of comment.
  if (text === '' || text.startsWith(';')) return { ...PASSED_OVER, text };
  for (const { form, line, read } of FORMS) {
    const found = line.exec(text);
    if (!found) continue;
    const entries = read(found).map((pattern) => ({ pattern, remove: false, optional: false }));
    const options = entries.length > 0 && /^[^=]*\s\w[\w.-]*=/.test(text);
    return { form, entries, text, ...(options ? { options } : {}) };
  }
  const own = ownLine(text);
  return isPlausible(own.pattern) ? { form: null, entries: [own], text } : null;
}

/** A trailing `?` is the mark, never a wildcard. */
function ownLine(text: string): Omit<ListEntry, 'line' | 'text'> {
  const remove = text.startsWith('-');
  const optional = text.endsWith('?');
  const pattern = text.slice(remove ? 1 : 0, optional ? -1 : undefined).trim();
  return { pattern: belowTree(pattern), remove, optional };
}

/** `/usr/lib/modules/6.1.0/kernel/fs/` -> `kernel/fs/`; a module file with such a prefix is known by its name. */
function belowTree(pattern: string): string {
  const below = /^(?:\.?\/)?(?:\S*\/)?lib\/modules\/[^/]+\/(.+)$/.exec(pattern)?.[1];
  if (below === undefined) return pattern;
  return isModulePath(below) && !/[*?[]/.test(below) ? nameOfPath(below) : below;
}

/** `/kernel/fs/ext4/ext4.ko` is a path of the tree; `/root/build/zork.ko` is known by its name. */
const fromRoot = (path: string): string =>
  /[*?[]/.test(path) || path.startsWith('/kernel/') ? path : nameOfPath(path);
