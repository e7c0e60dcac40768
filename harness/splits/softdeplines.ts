import { normaliseName } from '../modules/names.js';
import type { CheckFinding, CheckInput } from './finding.js';
import { Homes } from './homes.js';
import { listed } from './settle.js';

/**
 * Softdep lines that kmod passes over: it reads a module's first line only, and there only words behind `pre:` or
 * `post:` (libkmod-module.c, kmod_module_get_softdeps). Other tools read them (mkinitcpio, mkosi, SUSE's mergedep), so a module
 * comes along in one place and not in the other. A warning where a word leads out of the package.
 */
export function ignoredSoftdeps({ split, index }: CheckInput): CheckFinding[] {
  const homes = new Homes(split, index);
  const seen = new Set<string>();
  const ignored = new Map<string, { words: string[]; why: Set<string> }>();
  for (const line of index.texts.softdep.split('\n')) {
    const [keyword, user, ...words] = line.trim().split(/\s+/);
    if (keyword !== 'softdep' || user === undefined || words.length === 0) continue;
    const name = normaliseName(user);
    const later = seen.has(name);
    seen.add(name);
    const start = words.findIndex((word) => word === 'pre:' || word === 'post:');
    const lost = (later ? words : start < 0 ? words : words.slice(0, start)).filter(
      (word) => word !== 'pre:' && word !== 'post:',
    );
    if (lost.length === 0) continue;
    const entry = ignored.get(name) ?? { words: [], why: new Set() };
    entry.words.push(...lost);
    entry.why.add(later ? 'a second line of one module' : 'no pre: or post: before them');
    ignored.set(name, entry);
  }
  return [...ignored].flatMap(([name, { words, why }]): CheckFinding[] => {
    const home = homes.of(name)[0];
    if (home === undefined) return [];
    const out = words.flatMap((word) => {
      const found = index.resolve(word);
      if (found.kind !== 'modules' || found.names.some((one) => homes.reaches(home, one))) return [];
      return [`${word} is ${homes.where(found.names[0])}`];
    });
    const place = split.placement.get(name)?.rule;
    return [
      {
        id: 'softdep-ignored',
        key: `softdep-ignored:${name}`,
        severity: out.length > 0 ? 'warning' : 'note',
        message: `kmod ignores softdeps of ${name} in ${home} (${[...why].join('; ')}): ${listed(words, (word) => word)}${out.length > 0 ? `; ${listed(out, (one) => one)}` : ''}`,
        module: name,
        package: home,
        ...(place ? { place } : {}),
      },
    ];
  });
}
