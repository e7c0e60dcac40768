import { cleanLine, moreOf } from '../printable.js';
import {
  isFailure,
  isKernelsOwn,
  isUnsettled,
  resultName,
  type ScenarioResult,
} from '../results/scenario-result.js';
import { type Style, wrap } from './screen.js';

/** What explains one or more failures of a run. */
export interface Cause {
  /** `missing module: nls_cp437`, `the kernel, not the set`, or the failure's own reason where no module is known. */
  title: string;
  /** The package that holds the module, where a split says so. */
  package?: string;
  /** Names of the results that it explains, in their order. */
  results: string[];
}

/** How many scenarios are named after one cause; the rest are counted. */
const MOST_NAMES = 12;

/** The failures by their cause, the one that explains most first; infra is no failure. Each failure has one cause, that of its first finding. */
export function causesOf(results: readonly ScenarioResult[]): Cause[] {
  const causes = new Map<string, Cause>();
  for (const one of results) {
    if (!isFailure(one)) continue;
    const { title, package: from } = causeOf(one);
    const cause = causes.get(title) ?? { title, ...(from ? { package: from } : {}), results: [] };
    cause.results.push(resultName(one));
    causes.set(title, cause);
  }
  return [...causes.values()].sort((a, b) => b.results.length - a.results.length);
}

function causeOf(one: ScenarioResult): { title: string; package?: string | undefined } {
  if (isKernelsOwn(one)) return { title: 'the kernel, not the set' };
  const first = one.findings[0];
  if (!first) return { title: cleanLine(one.reason) || one.verdict };
  const kind = first.kind.replaceAll('-', ' ');
  if (first.module) return { title: cleanLine(`${kind}: ${first.module}`), package: first.package };
  return { title: cleanLine(`${kind}: ${first.evidence.split('\n')[0] ?? ''}`) };
}

/**
 * Those whose story explains the others: each failure without a known module, and of those that lack the same module the first,
 * with the names of the others.
 */
export function storiesOf(results: readonly ScenarioResult[]): { one: ScenarioResult; same: string[] }[] {
  const stories: { one: ScenarioResult; same: string[] }[] = [];
  const byModule = new Map<string, string[]>();
  for (const one of results.filter(isUnsettled)) {
    const key =
      isFailure(one) && !isKernelsOwn(one) && one.findings[0]?.module ? causeOf(one).title : undefined;
    const told = key === undefined ? undefined : byModule.get(key);
    if (told) {
      told.push(resultName(one));
      continue;
    }
    const same: string[] = [];
    if (key !== undefined) byModule.set(key, same);
    stories.push({ one, same });
  }
  return stories;
}

/**
 * The causes as a block of the summary: one for each, with the scenarios that it explains. Empty for fewer than two failures: of
 * one, its own story is told anyway.
 */
export function causeTable(results: readonly ScenarioResult[], width: number, style: Style): string {
  const causes = causesOf(results);
  if (results.filter(isFailure).length < 2) return '';
  const lines = [style.bold('why it failed')];
  for (const cause of causes) {
    const count = cause.results.length === 1 ? '1 failure' : `${cause.results.length} failures`;
    const from = cause.package ? `, in ${cleanLine(cause.package)}` : '';
    const [head = '', ...rest] = wrap(`${cause.title}${from} (${count})`, width - 4);
    lines.push(`  ${style.yellow(head)}`, ...rest.map((line) => `    ${style.yellow(line)}`));
    const names = cause.results.slice(0, MOST_NAMES).map(cleanLine);
    const more = moreOf(cause.results.length, MOST_NAMES);
    for (const line of wrap([...names, ...(more ? [more] : [])].join(', '), width - 4))
      lines.push(`    ${line}`);
  }
  return `${lines.join('\n')}\n`;
}
