import { VERDICTS } from './scenario-result.js';

type Kind = 'text' | 'number' | 'list' | 'texts' | 'verdict' | { [field: string]: Kind };

/** What readers of a run rely on. Fields that came later, or that are not always there, are asked for where they are used. */
const RUN: Kind = {
  id: 'text',
  verdict: 'text',
  started: 'text',
  seconds: 'number',
  accelerator: { used: 'text' },
  image: {
    name: 'text',
    kernel: { release: 'text', source: 'text', digest: 'text' },
    vmlinuz: { bytes: 'number' },
    modules: { source: 'text', count: 'number', bytes: 'number', ofCount: 'number', ofBytes: 'number' },
    initramfs: { bytes: 'number' },
  },
  counts: Object.fromEntries(VERDICTS.map((verdict): [string, Kind] => [verdict, 'number'])),
};
const RESULT: Kind = {
  scenario: 'text',
  area: 'text',
  verdict: 'verdict',
  reason: 'text',
  seconds: 'number',
  cpuSeconds: 'number',
  steps: 'list',
  modulesLoaded: 'texts',
  memory: { modulesBytes: 'number', usedAfterBootBytes: 'number' },
  findings: 'list',
  consoleTail: 'texts',
  files: { console: 'text' },
};
/** A file that is something else altogether has no more to say than these. */
const MOST_PROBLEMS = 8;

/**
 * Why a value with a run's schema is no run all the same: cut by hand, written by another tool. One sentence for each field
 * that is wrong, `results[3].verdict is missing`; empty for a run.
 */
export function shapeProblems(run: unknown): string[] {
  const results = (run as { results: unknown[] }).results;
  return [
    ...problemsOf(run, RUN, ''),
    ...results.flatMap((one, at) => problemsOf(one, RESULT, `results[${at}]`)),
  ].slice(0, MOST_PROBLEMS);
}

function problemsOf(value: unknown, kind: Kind, path: string): string[] {
  if (value === undefined) return [`${path} is missing`];
  if (typeof kind === 'string')
    return isOfKind(value, kind)
      ? []
      : [
          `${path} is not ${kind === 'verdict' ? 'a verdict' : `a ${kind === 'texts' ? 'list of texts' : kind}`}`,
        ];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no object`];
  const fields = value as Record<string, unknown>;
  return Object.entries(kind).flatMap(([name, inner]) =>
    problemsOf(fields[name], inner, path === '' ? name : `${path}.${name}`),
  );
}

function isOfKind(value: unknown, kind: Extract<Kind, string>): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'number') return typeof value === 'number';
  if (kind === 'verdict') return (VERDICTS as readonly unknown[]).includes(value);
  if (!Array.isArray(value)) return false;
  return kind === 'texts'
    ? value.every((one) => typeof one === 'string')
    : value.every((one) => typeof one === 'object' && one !== null);
}
