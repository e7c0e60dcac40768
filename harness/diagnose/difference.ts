import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { someOf } from '../printable.js';
import type { Finding } from '../results/scenario-result.js';
import type { GuestReport } from '../vm/records.js';
import { missingFinding, type PackageOf } from './missing.js';
import { answerTo, type Need } from './needs.js';
import type { ReferenceFacts } from './reference-facts.js';

/** What tells a boot from its reference, which passed with every module that there is. */
export interface Compare {
  set: ModuleSet;
  tree: ModuleIndex;
  report: GuestReport;
  reference?: ReferenceFacts | undefined;
  packageOf?: PackageOf | undefined;
}

const MOST_NAMED = 12;

/** Modules of the tree that the reference loaded and the set does not have, sorted. */
export function lackingOf(
  reference: Pick<ReferenceFacts, 'modulesLoaded'>,
  set: Pick<ModuleSet, 'names'>,
  tree: Pick<ModuleIndex, 'modules'>,
): string[] {
  const names = new Set(set.names);
  return reference.modulesLoaded.filter((name) => tree.modules.has(name) && !names.has(name));
}

/** A missing module that a passing reference did without as well: it explains nothing. */
export function isNoise({ module, alternatives = [] }: Finding, reference?: ReferenceFacts): boolean {
  if (reference?.verdict !== 'pass') return false;
  return ![module ?? '', ...alternatives].some((name) => reference.modulesLoaded.includes(name));
}

/**
 * Where nothing that the guest said names a missing module: what the reference loaded and this boot never asked for. One
 * module alone, with its dependencies, is the answer; several are a difference that only further boots can narrow down.
 */
export function differenceFindings({ set, tree, report, reference, packageOf }: Compare): Finding[] {
  if (reference?.verdict !== 'pass') return [];
  const lacking = lackingOf(reference, set, tree);
  const loaded = new Set(report.modulesLoaded.map((one) => one.name));
  const brought = new Set(lacking.flatMap((name) => tree.modules.get(name)?.depends ?? []));
  const [only, ...others] = lacking.filter((name) => !loaded.has(name) && !brought.has(name));
  if (only === undefined) return [];
  const answer = answerTo(only, tree, new Set(set.names));
  if (others.length > 0 || answer.kind !== 'missing')
    return [
      {
        kind: 'reference-difference',
        evidence: `the full module tree passes, and loaded: ${someOf(lacking, MOST_NAMED)}`,
        hint: 'the guest does not show which of these it needs; `bootgate fix` finds out by booting',
      },
    ];
  const need: Need = {
    request: only,
    evidence: `the reference boot loaded ${only}; this one never requested it`,
    whose: 'the reference boot',
    close: false,
  };
  return [missingFinding(need, answer, set, packageOf)];
}
