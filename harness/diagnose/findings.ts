import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { cleanLine, cleanText } from '../report/clean.js';
import type { Finding, StepResult, Verdict } from '../report/result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { formatBytes } from '../units.js';
import type { GuestReport } from '../vm/records.js';
import type { ConsoleReport } from './console.js';
import { answerTo, type Need, needsOf } from './needs.js';

/** Which package of a split has a module, and the rule that put it there: `images/splits/x.yaml:12`. */
export type PackageOf = (module: string) => { package: string; rule?: string } | undefined;

export interface FindingsInput {
  verdict: Verdict;
  scenario: Scenario;
  report: GuestReport;
  /** Everything that the console was recognised to say. */
  reports: readonly ConsoleReport[];
  outside: readonly StepResult[];
  set: ModuleSet;
  tree: ModuleIndex;
  /** The step that failed or never ended. */
  failingStep: string | null;
  packageOf?: PackageOf;
}

const EVIDENCE_LINES = 20;
/** What a tool says when the kernel has no such thing, as errno texts and in its own words. */
const NOT_THERE =
  /no such (?:device|file)|unknown (?:filesystem|device) type|not supported|unsupported|missing kernel module|not found|ENODEV|EPROTONOSUPPORT|EAFNOSUPPORT/i;
/** Names that the kernel asks for on the off chance (crypto/api.c): that nobody answers means nothing. */
const OFF_CHANCE = /^crypto-.*-all$|^cryptomgr$/;

/**
 * The named reasons for a verdict, the likeliest cause first: kernel reports, modules that the whole tree has and the
 * set lacks, modules that are there and refuse to load, what this kernel was built without, warnings. A pass has
 * only its warnings; what the host did wrong (infra) has no finding.
 */
export function findingsOf(input: FindingsInput): Finding[] {
  const { verdict, reports, outside } = input;
  const warnings = reports.filter((one) => one.severity === 'warn');
  if (verdict === 'pass') return folded(warnings).map(kernelFinding);
  if (verdict === 'infra' || verdict === 'skip') return [];

  const modules = moduleFindings(input);
  // A guest that gave up before it wrote has nothing on its disk: that says nothing new.
  const checks = outside
    .filter((one) => !one.ok && input.failingStep === null)
    .map(
      (one): Finding => ({
        kind: 'outside-check',
        evidence: cleanText(`${one.name}: ${one.message ?? 'failed'}`),
        hint: 'the guest said that it had written and flushed; what lies in the disk file says otherwise',
      }),
    );
  const findings = [
    ...reports.filter((one) => one.severity === 'fatal').map(kernelFinding),
    ...modules,
    ...checks,
    ...folded(warnings.filter((one) => !isExplained(one, input))).map(kernelFinding),
  ];
  if (findings.length === 0 && input.failingStep !== null)
    findings.push(stepFinding(input, input.failingStep));
  return findings;
}

/** An unknown symbol that a missing module exports: the missing module has said it. */
function isExplained(report: ConsoleReport, { set, tree }: FindingsInput): boolean {
  if (report.kind !== 'unknown-symbol') return false;
  return answerTo(`symbol:${report.groups[1]}`, tree, new Set(set.names)).kind === 'missing';
}

/** Sixty symbols that one module lacks are one warning: the first, with the count of all. */
function folded(reports: readonly ConsoleReport[]): ConsoleReport[] {
  const first = new Map<string, ConsoleReport>();
  for (const report of reports) {
    const key = `${report.kind} ${report.groups[0] ?? ''}`;
    const before = first.get(key);
    first.set(key, before ? { ...before, count: before.count + report.count } : report);
  }
  return [...first.values()];
}

function kernelFinding(report: ConsoleReport): Finding {
  const lines = cleanText(report.text).split('\n');
  const more =
    lines.length > EVIDENCE_LINES ? [`(${lines.length - EVIDENCE_LINES} more lines in console.log)`] : [];
  const kind =
    report.kind === 'init-died'
      ? 'init-died'
      : report.severity === 'fatal'
        ? 'kernel-report'
        : 'kernel-warning';
  return {
    kind,
    evidence: [...lines.slice(0, EVIDENCE_LINES), ...more].join('\n'),
    hint: `${cleanLine(report.title)}${report.count > 1 ? ` (${report.count} times)` : ''}: ${report.hint}`,
  };
}

function moduleFindings(input: FindingsInput): Finding[] {
  const { scenario, report, reports, set, tree, failingStep } = input;
  const names = new Set(set.names);
  const seen = new Set<string>();
  const missing: Finding[] = [];
  const refused: Finding[] = [];
  const notBuilt: Finding[] = [];
  for (const need of needsOf(scenario, report, reports, failingStep)) {
    const answer = answerTo(need.request, tree, names);
    const key = answer.kind === 'missing' ? answer.module : need.request;
    if (answer.kind === 'builtin' || seen.has(key)) continue;
    if (need.bystander && missing.length > 0) continue;
    seen.add(key);
    if (answer.kind === 'missing') missing.push(missingFinding(need, answer, input));
    else if (answer.kind === 'present' && need.close)
      refused.push(refusedFinding(need, answer.modules, report));
    else if (answer.kind === 'unknown' && need.close && !OFF_CHANCE.test(need.request))
      notBuilt.push(notBuiltFinding(need, tree));
  }
  // What the tree has nothing for may explain a step that met "not supported"; once a module is known to be
  // missing it is noise.
  const output = report.steps.find((step) => step.name === failingStep)?.output ?? '';
  const explains = missing.length === 0 && NOT_THERE.test(output);
  return [...missing, ...refused, ...(explains ? notBuilt : [])];
}

function missingFinding(
  need: Need,
  answer: { module: string; brings: string[]; bytes: number; alternatives: string[] },
  { set, packageOf }: FindingsInput,
): Finding {
  const { module, brings, bytes, alternatives } = answer;
  const place = set.excludedBy.get(module);
  const packaged = packageOf?.(module);
  const rule = packaged?.rule ?? (place ? `${place.file}:${place.line}` : undefined);
  const brought = brings.length > 0 ? ` with ${shortList(brings)}` : '';
  const others = alternatives.length > 0 ? `; ${shortList(alternatives)} would serve as well` : '';
  const from = packaged ? ` from the package ${packaged.package}` : '';
  const why = place ? `, which "${place.text.trim()}" leaves out` : '';
  return {
    kind: 'missing-module',
    evidence: cleanLine(need.evidence),
    module,
    ...(packaged ? { package: packaged.package } : {}),
    ...(rule ? { rule } : {}),
    bytes,
    ...(alternatives.length > 0 ? { alternatives } : {}),
    hint: cleanLine(`add ${module}${from} to the set (+${formatBytes(bytes)}${brought})${why}${others}`),
  };
}

function refusedFinding(need: Need, modules: string[], report: GuestReport): Finding {
  const complaint = report.loadErrors.find((line) => modules.some((name) => mentions(line, name)));
  return {
    kind: 'module-refused',
    evidence: cleanLine(complaint ? `${need.evidence}: ${complaint}` : need.evidence),
    module: modules[0] ?? need.request,
    hint: complaint
      ? refusal(complaint)
      : 'it is in the set with all that it needs and was not loaded: see the console',
  };
}

/** modprobe names a module with either dash. */
const mentions = (line: string, name: string): boolean => line.replaceAll('-', '_').includes(`'${name}'`);

function refusal(complaint: string): string {
  if (/Exec format error|nvalid module format/.test(complaint))
    return 'it was built for another kernel, or its file is damaged';
  if (/Key (?:was )?rejected|Required key/.test(complaint))
    return 'this kernel takes only modules that are signed by a key it knows';
  if (/Unknown symbol/.test(complaint))
    return 'a module that it needs is not loaded, or a parameter is unknown: see the console';
  if (/No such device|Operation not supported/.test(complaint))
    return 'it is there, and found nothing that it could drive on this machine';
  return 'it is in the set and the kernel refused it: see the console';
}

function notBuiltFinding(need: Need, tree: ModuleIndex): Finding {
  return {
    kind: 'not-built',
    evidence: cleanLine(need.evidence),
    hint: `no module of Linux ${tree.release} answers to it, in the set or out of it: this kernel was built without`,
  };
}

function stepFinding({ report }: FindingsInput, name: string): Finding {
  const step = report.steps.find((one) => one.name === name);
  return {
    kind: 'step-failed',
    evidence: cleanText(
      step?.output.trim() ||
        `the step "${name}" ${step ? `ended with status ${step.status}` : 'did not end'}`,
    ),
    hint: 'the guest asked for nothing that the set lacks and the whole tree has: it is not a matter of modules',
  };
}

/** `a, b and 3 more` */
function shortList(names: readonly string[]): string {
  return names.length <= 4
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
