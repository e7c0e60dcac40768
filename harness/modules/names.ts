/**
 * A request or alias as kmod compares it: `-` becomes `_`, but not inside `[...]`. Null where kmod refuses it
 * (a `]` without `[`, or a `[` that is never closed). Source: kmod shared/util.c, alias_normalize().
 */
export function normaliseAlias(text: string): string | null {
  if (!text.includes('[') && !text.includes(']'))
    return text.includes('-') ? text.replaceAll('-', '_') : text;
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === ']') return null;
    if (char === '[') {
      const end = text.indexOf(']', at);
      if (end < 0) return null;
      out += text.slice(at, end + 1);
      at = end;
    } else out += char === '-' ? '_' : char;
  }
  return out;
}

/** The same for names that people write: what kmod would refuse comes back as it is, and will simply not be found. */
export function normaliseName(text: string): string {
  return normaliseAlias(text) ?? text;
}

/** `kernel/drivers/net/foo-bar.ko.xz` -> `foo_bar`. Source: kmod, path_to_modname(): the base name up to its first dot. */
export function nameOfPath(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const dot = base.indexOf('.');
  return (dot < 0 ? base : base.slice(0, dot)).replaceAll('-', '_');
}

/** Whether a file is a module by its name: `.ko`, or that with `.gz`, `.xz` or `.zst` after it. */
export function isModulePath(path: string): boolean {
  return /\.ko(\.(gz|xz|zst))?$/.test(path);
}
