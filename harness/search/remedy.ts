import type { ScenarioResult } from '../results/scenario-result.js';
import { shrink } from './shrink.js';

/** One boot of the search, and what it was for. */
export interface Attempt {
  /** Modules put in on purpose, without what they need. */
  added: string[];
  verdict: ScenarioResult['verdict'];
  reason: string;
  /** `pass`, `further` (kept: it got further), `no help` (left out again). */
  outcome: 'pass' | 'further' | 'no help';
  /** Why this was tried. */
  because: string;
}

export interface Remedy {
  /** The scenario was seen to pass with `added`. */
  verified: boolean;
  /** The modules to add, without what they need; where nothing helped, those that got the guest further. */
  added: string[];
  /** The finding that asked for each. */
  evidence: Record<string, string>;
  attempts: Attempt[];
  /** The last state, where it did not come to a pass. */
  last: ScenarioResult;
}

export interface RemedySearch {
  /** How the scenario failed. */
  failed: ScenarioResult;
  /** Remedies of other scenarios, which are in the set from the start. */
  already: readonly string[];
  boot(added: readonly string[]): Promise<ScenarioResult>;
  /** What the reference loaded and the set lacks, where it is known to pass: the last resort. */
  spare(): Promise<readonly string[]>;
  /** Boots at most. */
  limit: number;
}

/**
 * The smallest remedy for one scenario. Greedy: the module of the top finding, boot, keep it when the guest got further (a
 * second need often shows only after the first is met), else take the next. When nothing more is named, everything
 * that the reference loaded, made smaller by halves. A remedy of several modules is tried without each of them.
 */
export async function searchRemedy(search: RemedySearch): Promise<Remedy> {
  const attempts: Attempt[] = [];
  const evidence: Record<string, string> = {};
  let state = search.failed;
  let added: string[] = [];
  const boot = async (more: readonly string[], because: string): Promise<ScenarioResult> => {
    const result = await search.boot([...search.already, ...more]);
    const outcome = result.verdict === 'pass' ? 'pass' : gotFurther(state, result) ? 'further' : 'no help';
    attempts.push({ added: [...more], verdict: result.verdict, reason: result.reason, outcome, because });
    return result;
  };
  const hasBoots = () => attempts.length < search.limit;

  // What others needed is in every set; by itself it is tried only where this guest has asked for it too.
  const asked = candidatesOf(state).map(({ module }) => module);
  if (search.already.some((module) => asked.includes(module)))
    state = await boot([], 'with what the others needed');
  const tried = new Set(search.already);
  while (state.verdict !== 'pass' && hasBoots()) {
    const candidate = candidatesOf(state).find(({ module }) => !tried.has(module));
    if (!candidate) break;
    tried.add(candidate.module);
    const next = await boot([...added, candidate.module], candidate.because);
    if (attempts.at(-1)?.outcome === 'no help') continue;
    added.push(candidate.module);
    evidence[candidate.module] = candidate.because;
    state = next;
  }
  if (state.verdict !== 'pass' && hasBoots()) {
    const spare = (await search.spare()).filter((name) => !added.includes(name));
    const because = 'the reference boot has loaded it';
    if (spare.length > 0) {
      const next = await boot([...added, ...spare], because);
      if (next.verdict === 'pass') {
        added.push(...spare);
        for (const name of spare) evidence[name] = because;
      }
      if (next.verdict === 'pass' || gotFurther(state, next)) state = next;
    }
  }
  if (state.verdict === 'pass' && added.length > 1) {
    const known = new Map(attempts.map((one) => [keyOf(one.added), one.verdict === 'pass']));
    added = await shrink(added, hasBoots, async (fewer) => {
      const key = keyOf(fewer);
      const before = known.get(key);
      if (before !== undefined) return before;
      const passes = (await boot(fewer, 'whether fewer would do')).verdict === 'pass';
      known.set(key, passes);
      return passes;
    });
  }
  for (const name of Object.keys(evidence)) if (!added.includes(name)) delete evidence[name];
  return { verified: state.verdict === 'pass', added, evidence, attempts, last: state };
}

const keyOf = (modules: readonly string[]): string => [...modules].sort().join(' ');

interface Candidate {
  module: string;
  because: string;
}

/** Modules that the findings name, the likeliest first; what would also work comes after all of them. */
export function candidatesOf({ findings }: ScenarioResult): Candidate[] {
  const named = findings.filter(({ kind, module }) => kind === 'missing-module' && module !== undefined);
  return [
    ...named.map(({ module = '', evidence }) => ({ module, because: evidence })),
    ...named.flatMap(({ alternatives = [], evidence }) =>
      alternatives.map((module) => ({ module, because: evidence })),
    ),
  ];
}

/** More steps done, or the same step failing for another reason or with another need. Numbers differ from boot to boot. */
export function gotFurther(before: ScenarioResult, after: ScenarioResult): boolean {
  const done = (one: ScenarioResult) => one.steps.filter((step) => step.ok).length;
  if (done(after) !== done(before)) return done(after) > done(before);
  const needs = (one: ScenarioResult) =>
    one.findings.filter(({ kind }) => kind === 'missing-module').map(({ module }) => module);
  const known = new Set(needs(before));
  if (needs(after).some((module) => !known.has(module))) return true;
  const plain = (one: ScenarioResult) => `${one.verdict} ${one.reason.replace(/\d+/g, '#')}`;
  return plain(after) !== plain(before);
}
