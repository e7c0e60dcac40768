import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { cleanLine, cleanText, lastLines } from '../printable.js';
import type { ScenarioResult, StepResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Recording } from '../vm/machine.js';
import type { GuestReport } from '../vm/records.js';
import { readBlacklist } from './blacklist.js';
import { ConsoleScanner } from './console.js';
import { type Background, findingsOf } from './findings.js';
import { type Facts, failedStep, RULES } from './verdicts.js';

export interface Evidence extends Background {
  scenario: Scenario;
  recording: Recording;
  report: GuestReport;
  /** What was checked after the guest was gone: `where: 'outside'`. */
  outside: readonly StepResult[];
  /** What became of the host's own files of this boot (disks, shares) while it ran, where that makes it undecidable. */
  trouble?: string | undefined;
  /** What was wrong with the cached files that the guest was made from: whatever it did says nothing of the kernel. */
  damaged?: string | undefined;
  set: ModuleSet;
  /** The full module tree, which the set is a part of. */
  tree: ModuleIndex;
}

export type Judgement = Pick<
  ScenarioResult,
  'verdict' | 'phase' | 'reason' | 'steps' | 'findings' | 'consoleTail' | 'modulesLoaded' | 'memory'
>;

const TAIL_LINES = 20;

/**
 * The verdict on one boot and the reasons for it: a pure function of what was recorded, so that an old run can be
 * judged again by newer rules.
 */
export function judge(evidence: Evidence): Judgement {
  const { scenario, recording, report, outside, trouble, damaged } = evidence;
  const console = recording.console.toString('utf8');
  const scanner = new ConsoleScanner();
  scanner.push(console);
  const reports = scanner.end();
  const entered = recording.phases.at(-1)?.phase ?? 'firmware';
  const { ending } = recording;
  const phase = ending.kind === 'deadline' || ending.kind === 'flood' ? ending.phase : entered;
  const facts: Facts = {
    scenario,
    recording,
    report,
    outside,
    trouble,
    damaged,
    fatal: reports.filter((one) => one.severity === 'fatal'),
    kernelSpoke: scanner.kernelSpoke,
    phase,
  };

  let verdict: Judgement['verdict'] = 'crash';
  let reason = 'no evidence of a pass';
  let where = phase;
  for (const rule of RULES) {
    const sentence = rule.reason(facts);
    if (sentence === undefined) continue;
    verdict = rule.verdict;
    reason = cleanLine(sentence);
    where = rule.phase ?? phase;
    break;
  }
  return {
    verdict,
    phase: where,
    reason,
    steps: stepsOf(facts),
    findings: findingsOf({
      blacklist: readBlacklist([], scenario.cmdline),
      ...evidence,
      verdict,
      reports,
      failingStep: failedStep(report)?.name ?? report.unfinishedStep,
    }),
    consoleTail: verdict === 'pass' ? [] : tailOf(console),
    modulesLoaded: report.modulesLoaded.map((module) => module.name),
    memory: {
      modulesBytes: report.memory.modulesBytes,
      usedAfterBootBytes: report.memory.usedAfterBootBytes,
    },
  };
}

/** Every declared step and what became of it; then the checks from outside, if the guest ended by itself. */
function stepsOf({ scenario, report, outside }: Facts): StepResult[] {
  const inside = scenario.steps.map(({ name }): StepResult => {
    const step = report.steps.find((one) => one.name === name);
    if (step) {
      const message = cleanText(step.output).trimEnd();
      const said = step.ok || message !== '' ? message : `exit status ${step.status}`;
      return {
        name,
        ok: step.ok,
        seconds: step.seconds,
        where: 'guest',
        ...(step.ok || !said ? {} : { message: said }),
      };
    }
    const lost = report.unfinishedStep === name;
    return {
      name,
      ok: false,
      seconds: 0,
      where: 'guest',
      ran: lost,
      message: lost ? 'began and did not end' : 'not run',
    };
  });
  return inside.every((step) => step.ok) ? [...inside, ...outside] : inside;
}

/** The end of the console for a person: without the agent's records, where they had to share it. */
function tailOf(console: string): string[] {
  return lastLines(
    console
      .split('\n')
      .filter((line) => !/@bg\d /.test(line))
      .join('\n'),
    TAIL_LINES,
  );
}
