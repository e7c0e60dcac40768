import type { ModuleSet } from '../modules/module.js';
import { cleanLine, someOf } from '../printable.js';
import type { Finding } from '../results/scenario-result.js';
import { formatBytes } from '../units.js';
import type { Missing, Need } from './needs.js';

/** Which package of a split has a module, and the rule that put it there: `images/splits/x.yaml:12`. */
export type PackageOf = (module: string) => { package: string; rule?: string } | undefined;

/** A module that the full module tree has and the set lacks, with everything that is known of it. */
export function missingFinding(need: Need, answer: Missing, set: ModuleSet, packageOf?: PackageOf): Finding {
  const { module, through, brings, bytes, alternatives } = answer;
  const place = set.excludedBy.get(module);
  const packaged = packageOf?.(module);
  const rule = packaged?.rule ?? (place ? `${place.file}:${place.line}` : undefined);
  const brought = brings.length > 0 ? ` with ${someOf(brings, 4)}` : '';
  const others = alternatives.length > 0 ? `; ${someOf(alternatives, 4)} would also work` : '';
  const from = packaged ? ` from the package ${packaged.package}` : '';
  const why = place ? `, which "${place.text.trim()}" leaves out` : '';
  const links = [
    `${need.whose}'s \`${need.request}\``,
    ...(through ? [through] : []),
    module,
    fate(packaged, rule),
  ];
  return {
    kind: 'missing-module',
    evidence: cleanLine(need.evidence),
    module,
    chain: cleanLine(links.join(' → ')),
    ...(packaged ? { package: packaged.package } : {}),
    ...(rule ? { rule } : {}),
    bytes,
    brings: [...brings, module],
    ...(alternatives.length > 0 ? { alternatives } : {}),
    hint: cleanLine(
      `add ${module}${from} to the set (+${formatBytes(bytes)}${brought})${why}${others}${need.answeredInReference ? '; the reference boot requested it too, and got it' : ''}`,
    ),
  };
}

/** What became of a module that is not in the set: the end of a chain. */
function fate(packaged: ReturnType<PackageOf>, rule: string | undefined): string {
  if (packaged)
    return `in the package ${packaged.package}${packaged.rule ? `, placed there by ${packaged.rule}` : ''}`;
  return rule ? `dropped by ${rule}` : 'not in the set';
}
