import { resultName, type ScenarioResult } from '../../results/scenario-result.js';
import type { Evidence } from './evidence.js';
import type { Tree } from './graph.js';
import { html } from './text.js';

/** One result with everything that the page shows of it. */
export interface Item {
  /** From 1, in the order of the page. */
  number: number;
  name: string;
  result: ScenarioResult;
  evidence: Evidence;
  tags: string[];
  /** Modules that it loaded, or that its findings name. */
  modules: string[];
  /** The packages that have them. */
  packages: string[];
}

export function itemOf(result: ScenarioResult, evidence: Evidence, tree: Tree, number: number): Item {
  const named = result.findings.flatMap(({ module }) => module ?? []);
  const modules = [...new Set([...named, ...result.modulesLoaded])];
  const held = modules.map((name) => tree.get(name)?.package);
  const told = result.findings.map((finding) => finding.package);
  return {
    number,
    name: resultName(result),
    result,
    evidence,
    tags: evidence.scenario ? (evidence.scenario.tags ?? ['quick']) : [],
    modules,
    packages: [...new Set([...told, ...held])].filter((name) => name !== undefined),
  };
}

/** What the filters look at, as attributes; lists have a blank on either side of each word. */
export function filterData({ number, name, result, tags, modules, packages }: Item): string {
  const words = (list: readonly string[]) => html(` ${list.join(' ')} `);
  const text = [
    name,
    result.reason,
    ...result.findings.map(({ kind, evidence }) => `${kind} ${evidence}`),
  ].join(' ');
  return `data-item="${number}" data-verdict="${result.verdict}" data-tag="${words(tags)}" data-module="${words(modules)}" data-package="${words(packages)}" data-text="${html(text.toLowerCase().replace(/\s+/g, ' ').slice(0, 600))}"`;
}
