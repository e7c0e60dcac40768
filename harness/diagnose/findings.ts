import type { KernelConfig } from '../kernel/config.js';
import type { ModuleDetail } from '../modules/details.js';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { normaliseName } from '../modules/names.js';
import { cleanLine, cleanText } from '../printable.js';
import { type Finding, isFailure, type StepResult, type Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { GuestReport } from '../vm/records.js';
import type { Blacklist } from './blacklist.js';
import type { ConsoleReport } from './console.js';
import { differenceFindings, isNoise } from './difference.js';
import { lostDevices } from './lost-devices.js';
import { missingFinding, type PackageOf } from './missing.js';
import { answerTo, type Need, unmetNeeds } from './needs.js';
import { explainNotBuilt } from './options.js';
import type { ReferenceFacts } from './reference-facts.js';
import { refusedFinding, refusedModules } from './refusal.js';

export type { PackageOf } from './missing.js';

/** What findings are made from beyond the recording; all of it may be unknown. */
export interface Background {
  packageOf?: PackageOf;
  /** The kernel's own configuration: tells what was never built from what is in no package. */
  config?: KernelConfig;
  /** What the guest's modprobe was told not to load. */
  blacklist?: Blacklist;
  detailOf?: (module: string) => ModuleDetail | undefined;
  /** The same scenario with the full module tree. */
  reference?: ReferenceFacts;
}

export interface FindingsInput extends Background {
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
}

const EVIDENCE_LINES = 20;
/** What a tool says when the kernel has no such thing, as errno texts and in its own words. */
const NOT_THERE =
  /no such (?:device|file)|unknown (?:filesystem|device) type|not supported|unsupported|missing kernel module|not found|ENODEV|EPROTONOSUPPORT|EAFNOSUPPORT/i;
/** Names that the kernel asks for on the off chance (crypto/api.c): that nobody answers means nothing. */
const OFF_CHANCE = /^crypto-.*-all$|^cryptomgr$/;

/**
 * The named reasons for a verdict, the likeliest cause first: kernel reports, modules that the full module tree has and the
 * set lacks, modules that are there and refuse to load or are forbidden, missing firmware, what this kernel was built
 * without, warnings. A pass has only its warnings; what the host did wrong (infra) has no finding.
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
        hint: 'the guest reported the data as written and flushed, but the disk file does not have it',
      }),
    );
  const findings = [
    ...reports.filter((one) => one.severity === 'fatal').map(kernelFinding),
    ...modules,
    ...checks,
    ...folded(warnings.filter((one) => !isExplained(one, input) && !isQuoted(one, modules))).map(
      kernelFinding,
    ),
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

/** A finding about a module has the words of the kernel already. */
function isQuoted(report: ConsoleReport, findings: readonly Finding[]): boolean {
  return findings.some((one) => one.evidence.includes(cleanLine(report.text)));
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
  // What fails with every module that there is shows nothing about any of them.
  const reference = input.reference?.verdict === 'pass' ? input.reference : undefined;
  const failsToo = input.reference !== undefined && isFailure(input.reference);
  const names = new Set(set.names);
  const seen = new Set<string>();
  let missing: Finding[] = [];
  const refused: Finding[] = [];
  const notBuilt: Finding[] = [];
  const builtin: Finding[] = [];
  const needs = unmetNeeds(scenario, report, reports, failingStep, reference);
  for (const need of [...needs, ...refusedModules(report)]) {
    const answer = answerTo(need.request, tree, names);
    const key =
      answer.kind === 'missing'
        ? answer.module
        : answer.kind === 'present'
          ? (answer.modules[0] ?? need.request)
          : need.request;
    if (seen.has(key)) continue;
    // With every module that there is it fails as well: a device that nobody declared is not why.
    if (need.bystander && (missing.length > 0 || failsToo)) continue;
    seen.add(key);
    if (answer.kind === 'missing') {
      // What a likelier remedy brings along needs none of its own.
      if (!missing.some((one) => one.brings?.includes(answer.module)))
        missing.push(missingFinding(need, answer, set, input.packageOf));
    } else if (!need.close) continue;
    else if (answer.kind === 'present')
      refused.push(
        refusedFinding(need, answer.modules, {
          tree,
          report,
          reports,
          blacklist: input.blacklist,
          detailOf: input.detailOf,
        }),
      );
    else if (answer.kind === 'builtin') builtin.push(builtinFinding(need, answer.names));
    else if (!OFF_CHANCE.test(need.request)) notBuilt.push(notBuiltFinding(need, input));
  }
  missing = missing.filter((one) => !isNoise(one, reference));
  if (missing.length === 0) missing = differenceFindings(input);
  // What the tree has nothing for may explain a step that met "not supported"; once a module is known to be
  // missing it is noise.
  const output = report.steps.find((step) => step.name === failingStep)?.output ?? '';
  const explains = missing.length === 0 && NOT_THERE.test(output);
  return [
    ...missing,
    ...refused,
    ...(missing.length === 0 ? firmwareFindings(input) : []),
    ...(explains
      ? [...notBuilt, ...builtin]
      : notBuilt.filter((one) => (one.option || one.module) && missing.length === 0)),
  ];
}

/** Firmware of a driver that the set has, where the scenario lost a device, or nothing else was said. */
function firmwareFindings({ reports, scenario, report, tree }: FindingsInput): Finding[] {
  const lost = report.unbound.some((one) => lostDevices(scenario, report)(one.modalias) !== undefined);
  return reports
    .filter(
      (one) => one.kind === 'firmware-missing' && (lost || scenario.nics.length + scenario.disks.length > 0),
    )
    .map((one): Finding => {
      const driver = (one.groups[0] ?? '').replaceAll('-', '_');
      const file = one.groups.slice(1).find((group) => group !== '') ?? '';
      return {
        kind: 'firmware-missing',
        evidence: cleanLine(one.text),
        ...(tree.modules.has(driver) ? { module: driver } : {}),
        chain: cleanLine(`${driver} → its firmware ${file} → not in the initramfs`),
        hint: cleanLine(
          `the driver is loaded and needs /lib/firmware/${file}, which is in no module set: add the file, or remove the device`,
        ),
      };
    });
}

function builtinFinding(need: Need, names: readonly string[]): Finding {
  return {
    kind: 'built-in',
    evidence: cleanLine(need.evidence),
    chain: cleanLine(`${need.whose}'s \`${need.request}\` → ${names.join(', ')} → built into the kernel`),
    hint: `it is built in, so no module is missing: modprobe does not know that if the guest's tree has no modules.builtin`,
  };
}

/** Requests that carry a module's name behind what they are for: `fs-xfs`, `rtnl-link-vxlan`, `sch-htb`. */
const NAMED = /^(?:fs|crypto|rtnl-link|net-sch|sch|dm|md|9p|tcp)[-_](.+)$/;

function notBuiltFinding(need: Need, { tree, config, detailOf }: FindingsInput): Finding {
  const namesake = normaliseName(NAMED.exec(need.request)?.[1] ?? '');
  const module = tree.modules.get(namesake);
  if (module)
    return {
      kind: 'module-refused',
      evidence: cleanLine(need.evidence),
      module: namesake,
      chain: cleanLine(`${need.whose}'s \`${need.request}\` → ${module.path}, which has no such alias`),
      hint: cleanLine(
        `its file has no usable alias: it is damaged or cut short (${detailOf?.(namesake)?.broken ?? 'no alias in it'}); build or copy it again`,
      ),
    };
  const why = explainNotBuilt(need.request, config);
  const known = why && why.state !== 'unknown';
  const nobody = `no module of Linux ${tree.release} matches it, in the set or outside it`;
  return {
    // Built but in no package given is another fault than never built: the packages can be fixed.
    kind: why?.state === 'module' ? 'not-packaged' : why?.state === 'built-in' ? 'built-in' : 'not-built',
    evidence: cleanLine(need.evidence),
    ...(known ? { option: why.option } : {}),
    ...(why ? { chain: cleanLine(`${need.whose}'s \`${need.request}\` → ${why.sentence}`) } : {}),
    hint: why ? `${nobody}: ${why.sentence}` : `${nobody}: this kernel was built without it`,
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
    hint: 'no missing module explains this',
  };
}
