import { userError } from '../errors.js';
import { nearest } from '../suggest.js';

/**
 * The scenarios that a row of patterns names, in their own order. A pattern is a name, an area (`storage`), the
 * beginning of a name up to a part (`storage/virtio`) where no scenario has that very name, or a glob (`*` also goes past
 * slashes); `!` before one takes away.
 * @throws BootgateError blame `user`, E_NO_SUCH_SCENARIO for each pattern that matches nothing.
 */
export function selectScenarios<T extends { name: string }>(
  all: readonly T[],
  patterns: readonly string[],
): T[] {
  const chosen = new Set<T>(patterns.every((pattern) => pattern.startsWith('!')) ? all : []);
  const unknown: string[] = [];
  for (const pattern of patterns) {
    const away = pattern.startsWith('!');
    const wanted = away ? pattern.slice(1) : pattern;
    const matches = matcher(wanted);
    const exact = all.filter(({ name }) => isExactly(name, wanted));
    const found = exact.length > 0 ? exact : all.filter(({ name }) => matches(name));
    if (found.length === 0) unknown.push(pattern);
    for (const scenario of found) {
      if (away) chosen.delete(scenario);
      else chosen.add(scenario);
    }
  }
  if (unknown.length > 0) {
    const names = all.map(({ name }) => name);
    throw userError('E_NO_SUCH_SCENARIO', `no scenario matches ${unknown.join(', ')}`, {
      problems: unknown.map((pattern) => ({ message: `${pattern}${suggestion(pattern, names)}` })),
      hint: 'see `bootgate scenarios list`',
    });
  }
  return all.filter((scenario) => chosen.has(scenario));
}

function matcher(pattern: string): (name: string) => boolean {
  if (/[*?[]/.test(pattern)) {
    // Anchored, and without nested repetition: `**` is `*`.
    const source = pattern
      .replace(/\*+/g, '*')
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.');
    try {
      const glob = new RegExp(`^${source}$`);
      return (name) => glob.test(name);
    } catch {
      return () => false;
    }
  }
  const whole = pattern.replace(/\/+$/, '');
  return (name) => name.startsWith(whole) && /[/-]/.test(name.charAt(whole.length));
}

/** `storage/virtio-blk` is that scenario alone, and not virtio-blk-legacy as well; so is `virtio-blk`. */
function isExactly(name: string, pattern: string): boolean {
  return name === pattern || baseOf(name) === pattern;
}

/** `ext4` for `filesystems/ext4`: enough at a terminal. */
function baseOf(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

function suggestion(pattern: string, names: readonly string[]): string {
  const wanted = pattern.replace(/^!/, '');
  const near = wanted.includes('/')
    ? nearest(wanted, names)
    : nearest(wanted, new Set(names.flatMap((name) => [name.split('/')[0] ?? '', baseOf(name)])));
  return near.length > 0 ? ` (did you mean ${near.join(', ')}?)` : '';
}
