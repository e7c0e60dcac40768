import { stringify } from 'yaml';
import { cleanLine, forTap } from '../printable.js';
import {
  isKernelsOwn,
  referenceName,
  resultName,
  type ScenarioResult,
  type StepResult,
} from '../results/scenario-result.js';
import type { Reporter } from './reporter.js';
import type { Screen } from './screen.js';

/**
 * The version on the first line. Everything written here reads alike as TAP 13 and as TAP 14 (testanything.org), but
 * the `prove` of perl before 5.40 calls a stream that says 14 an error. TAP::Harness tells in TAP_VERSION which
 * version it knows; whoever wants 14 on the line can say so in the same way.
 */
export function tapVersion(env: NodeJS.ProcessEnv = process.env): 13 | 14 {
  return Number(env.TAP_VERSION) >= 14 ? 14 : 13;
}

/** One scenario as a test point, with YAML diagnostics unless it passed without output. */
export function tapPoint(number: number, one: ScenarioResult): string {
  const ok = one.verdict === 'pass' || one.verdict === 'skip';
  // Never TODO: a test point that fails and is marked so does not fail the run.
  const directive = one.verdict === 'skip' ? ` # SKIP ${forTap(one.reason)}`.trimEnd() : '';
  const line = `${ok ? 'ok' : 'not ok'} ${number} - ${forTap(resultName(one))}${directive}\n`;
  if (one.verdict === 'skip') return line;
  return line + indent(`---\n${stringify(diagnostics(one), { lineWidth: 0, blockQuote: 'literal' })}...`);
}

/** A whole run as a TAP document. */
export function tapDocument(
  results: readonly ScenarioResult[],
  planned = results.length,
  version = tapVersion(),
): string {
  const points = results.map((one, at) => tapPoint(at + 1, one));
  return `TAP version ${version}\n${points.join('')}1..${planned}\n`;
}

/**
 * `--reporter tap`: a test point as soon as there is one, the plan at the end. The plan counts what was meant to run,
 * so that a run that was cut short cannot read as a pass.
 */
export function tapReporter(screen: Screen): Reporter {
  const meant = new Set<string>();
  let number = 0;
  return {
    onRunStart: (plan) => {
      for (const name of plan.scenarios) meant.add(name);
      screen.write(`TAP version ${tapVersion()}\n`);
      screen.write(
        `# ${cleanLine(`${plan.image.name}, Linux ${plan.image.kernel.release}, ${plan.accelerator.used}`)}\n`,
      );
    },
    onResult: (result) => {
      meant.add(resultName(result));
      screen.write(tapPoint(++number, result));
    },
    onRunEnd: (result) => {
      screen.write(`1..${meant.size}\n`);
      screen.write(`# ${result.verdict}: ${cleanLine(result.id)}\n`);
    },
  };
}

function diagnostics(one: ScenarioResult) {
  const duration_ms = Math.round(one.seconds * 1000);
  if (one.verdict === 'pass')
    return one.knownIssue
      ? { duration_ms, known_issue: cleanLine(`${one.knownIssue.reason} (${one.knownIssue.link})`) }
      : { duration_ms };
  return {
    verdict: one.verdict,
    message: cleanLine(one.reason),
    ...(isKernelsOwn(one)
      ? { cause: `the kernel, not the set: it fails with ${referenceName(one)} too` }
      : {}),
    phase: one.phase,
    duration_ms,
    steps: one.steps.map((step) => `${stepWord(step)}: ${cleanLine(step.name)}`),
    findings: one.findings.map((finding) =>
      Object.fromEntries(Object.entries(finding).map(([key, value]) => [key, plain(value)])),
    ),
    console: one.consoleTail.map(cleanLine),
    files: one.files.console ? [cleanLine(one.files.console)] : [],
  };
}

const stepWord = (step: StepResult): string => (step.ok ? 'ok' : step.ran === false ? 'not run' : 'not ok');

const plain = (value: unknown): unknown => (typeof value === 'string' ? cleanLine(value) : value);

/** Every line two columns in, the empty ones too: a YAML block ends at the first line that is not. */
function indent(text: string): string {
  return `${text.replace(/^/gm, '  ')}\n`;
}
