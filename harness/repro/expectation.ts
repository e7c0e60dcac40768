import type { ScenarioResult } from '../results/scenario-result.js';
import { outcomeOf } from './outcome.js';

/** What a shell can look for to see a recorded end again: see capsule-run.sh, which has one test for each kind. */
export interface Expectation {
  kind: 'step' | 'report' | 'hang' | 'lost' | 'pass' | 'outside';
  /** step: the record's name; report: words on the console; hang: `PHASE/STEP` as records have them. */
  want: string;
}

const REPORTS = new Set(['kernel-report', 'init-died']);
/** Phases that the guest's agent reports; before them there is no record. */
const REPORTED = new Set(['modules', 'devices', 'steps', 'shutdown']);

export function expectationOf(result: ScenarioResult): Expectation {
  const { verdict, phase, step } = outcomeOf(result);
  const failed = result.steps.find(({ ok, ran }) => !ok && ran !== false);
  if (verdict === 'pass') return { kind: 'pass', want: '' };
  if (verdict === 'crash') {
    const report = result.findings.find(({ kind }) => REPORTS.has(kind));
    const words = report ? steadyWords(report.evidence) : '';
    return words ? { kind: 'report', want: words } : { kind: 'lost', want: '' };
  }
  if (failed?.where === 'outside' || (verdict === 'fail' && !step)) return { kind: 'outside', want: '' };
  if (verdict === 'hang' && !/^the step ".*" did not end within/.test(result.reason))
    return {
      kind: 'hang',
      want: `${REPORTED.has(phase) ? phase : ''}/${phase === 'steps' ? encoded(step) : ''}`,
    };
  return { kind: 'step', want: encoded(step) };
}

/** The longest piece of a console line that has no number in it: times and addresses are others each time. */
function steadyWords(line: string): string {
  const pieces = line
    .replace(/^(?:\[\s*[\d.]+\]\s*)+/, '')
    .split(/0x[0-9a-f]+|\b[0-9a-f]{6,}\b|\d+|[^\x20-\x7e]+/i)
    .map((piece) => piece.trim());
  return pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest), '');
}

/** A value as records have it (harness/guest/README.md): all but printable ASCII, and `%`, `=` and space, as %XX. */
export function encoded(value: string): string {
  return [...Buffer.from(value, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[!-$&-<>-~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
