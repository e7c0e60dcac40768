import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { cleanLine } from '../printable.js';
import type { GateReason } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { type Finding, isFailure, resultName, type ScenarioResult } from '../results/scenario-result.js';

/** One thing to be said at a line of a file, as CI systems show it beside the change. */
export interface Remark {
  /** Stable: `missing-module`, `symbol-edge`, `budget`. */
  id: string;
  level: 'error' | 'warning' | 'note';
  message: string;
  hint?: string;
  /** Two runs' remarks with one fingerprint are the same; line numbers have no part in it. */
  fingerprint: string;
  /** Relative to the repository where it lies in it, with `/`. */
  place?: { file: string; line: number };
}

/** What the static check and the guests are quoted for themselves; the gate's reasons only weigh them. */
const SAID_ELSEWHERE: ReadonlySet<GateReason['kind']> = new Set([
  'new-failure',
  'failure',
  'flaky',
  'static-check',
  'reference',
  'fixed',
  'coverage',
  'infra',
]);

/**
 * All that a run has to say, the heaviest first. Failures with one cause are one remark: CI systems show ten of a
 * step, and a module that is missing fails many scenarios.
 * @param root the repository that paths are shown relative to.
 */
export function remarksOf(result: RunResult, root: string): Remark[] {
  const place = (file: string, line: number) => ({ file: pathBelow(root, file), line });
  const fallback = result.image.recipe ? place(result.image.recipe.file, 1) : undefined;
  const remarks = [...failures(result, place, fallback)];
  for (const one of result.gate?.check?.findings ?? []) {
    remarks.push({
      id: one.id,
      level: one.severity,
      message: cleanLine(one.message),
      fingerprint: digest(one.key),
      ...(one.mend ? { hint: one.mend } : {}),
      ...withPlace(
        one.place ? place(one.place.file, one.place.line) : one.severity === 'note' ? undefined : fallback,
      ),
    });
  }
  for (const reason of result.gate?.reasons ?? []) {
    if (SAID_ELSEWHERE.has(reason.kind)) continue;
    remarks.push({
      id: reason.kind,
      level: reason.weight === 'no' ? 'error' : reason.weight === 'undecided' ? 'warning' : 'note',
      message: cleanLine(reason.message),
      fingerprint: digest(reason.kind, reason.result ?? reason.message.replace(/\d[\d.]*/g, '#')),
      ...(reason.hint ? { hint: reason.hint } : {}),
      ...withPlace(reason.place ? place(reason.place.file, reason.place.line) : fallback),
    });
  }
  const rank = { error: 0, warning: 1, note: 2 };
  return remarks.sort((a, b) => rank[a.level] - rank[b.level]);
}

/** The repository that CI checked out, or the folder that we stand in. */
export function repositoryRoot(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): string {
  return env.GITHUB_WORKSPACE || env.CI_PROJECT_DIR || cwd;
}

type PlaceOf = (file: string, line: number) => { file: string; line: number };

function failures(result: RunResult, place: PlaceOf, fallback: Remark['place']): Remark[] {
  const groups = new Map<string, { cause: Finding | undefined; results: ScenarioResult[] }>();
  for (const one of result.results) {
    if (!isFailure(one)) continue;
    const cause = one.findings[0];
    const key = cause?.module ? `${cause.kind}\0${cause.module}\0${cause.rule}` : resultName(one);
    const group = groups.get(key) ?? { cause, results: [] };
    group.results.push(one);
    groups.set(key, group);
  }
  const weights = new Map(result.gate?.reasons.map((reason) => [reason.result, reason.weight]));
  return [...groups.values()].map(({ cause, results }): Remark => {
    const first = results[0] as ScenarioResult;
    const more = results.length > 1 ? ` (and ${results.length - 1} more)` : '';
    const what = cause?.module ? `${cause.kind.replaceAll('-', ' ')} ${cause.module}: ` : '';
    const rule = cause?.rule ? parsePlace(cause.rule) : undefined;
    const about = cause?.module ? [cause.module, rule?.file ?? ''] : [resultName(first)];
    const held = results.some((one) => (weights.get(resultName(one)) ?? 'no') === 'no');
    return {
      id: cause?.kind ?? `scenario-${first.verdict}`,
      level: held ? 'error' : 'note',
      message: cleanLine(`${what}${resultName(first)}${more}: ${first.reason}`),
      fingerprint: digest(cause?.kind ?? first.verdict, ...about),
      ...(cause ? { hint: cleanLine(cause.hint) } : {}),
      ...withPlace(rule ? place(rule.file, rule.line) : fallback),
    };
  });
}

/** `images/splits/x.yaml:12` */
export function parsePlace(text: string): { file: string; line: number } | undefined {
  const [, file, line] = /^(.+?):(\d+)(?::\d+)?$/.exec(text) ?? [];
  return file && line ? { file, line: Number(line) } : undefined;
}

/** A path as CI wants it: below the repository with `/`; one that lies elsewhere stays as it was. */
function pathBelow(root: string, file: string): string {
  const absolute = isAbsolute(file) ? file : resolve(file);
  if (!isAbsolute(file) && !existsSync(absolute)) return file;
  const below = relative(root, absolute);
  return below.startsWith('..') || isAbsolute(below) ? absolute : below.replaceAll('\\', '/');
}

const withPlace = (place: Remark['place']): { place?: NonNullable<Remark['place']> } =>
  place ? { place } : {};

const digest = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
