import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanLine, moreOf } from '../printable.js';
import type { Pair, RunComparison } from '../results/comparison.js';
import type { GateReason } from '../results/gate-report.js';
import { restsOn } from '../results/rests-on.js';
import type { RunResult } from '../results/run-result.js';
import {
  isKernelsOwn,
  isUnsettled,
  referenceName,
  resultName,
  type ScenarioResult,
  VERDICTS,
  type Verdict,
} from '../results/scenario-result.js';
import { formatBytes, formatSeconds } from '../units.js';
import { writeWhole } from '../write-whole.js';
import { screenOf } from './screen.js';

/** A page of a CI system takes about 1 MiB (GitHub's step summary); a page that somebody reads takes far less. */
const MOST_FAILURES = 20;
const MOST_REASONS = 30;
const MARKS: Record<Verdict, string> = {
  pass: '✅',
  fail: '❌',
  crash: '💥',
  hang: '⏳',
  infra: '⚠️',
  skip: '➖',
};
const WORDS = {
  gate: {
    pass: '✅ the gate holds',
    fail: '❌ the gate does not hold',
    incomplete: '⚠️ the gate is undecided',
  },
  run: { pass: '✅ pass', fail: '❌ fail', incomplete: '⚠️ incomplete' },
};

/** A run as one Markdown page (GitHub's and GitLab's dialect): verdict and reasons first, then tables, then failures. */
export function markdownSummary(result: RunResult): string {
  const { image, gate, accelerator } = result;
  const booted = result.results.filter(({ verdict }) => verdict !== 'skip').length;
  const head = gate ? WORDS.gate[gate.verdict] : WORDS.run[result.verdict];
  const blocks = [
    `## bootgate: ${head}`,
    `**${plain(image.name)}**, Linux ${plain(image.kernel.release)} (${plain(image.kernel.source)}), ${image.modules.count} of ${image.modules.ofCount} modules, ${booted} boots under ${accelerator.used} in ${formatSeconds(result.seconds)}.`,
    `It ${plain(restsOn(result))}.`,
    reasons(gate?.reasons ?? []),
    matrix(result),
    sizes(result, gate?.comparison ?? null),
    ...failures(result.results),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/**
 * Writes results/RUN/summary.md and adds it to the page of the GitHub job, if there is one; returns its path.
 * If that page cannot be written, it is only reported: the verdict does not depend on it.
 */
export async function writeMarkdown(
  folder: string,
  result: RunResult,
  env: NodeJS.ProcessEnv = process.env,
  warn: (sentence: string) => void = (sentence) =>
    screenOf(process.stderr).write(`bootgate: ${cleanLine(sentence)}\n`),
): Promise<string> {
  const path = join(folder, 'summary.md');
  const text = markdownSummary(result);
  await writeWhole(path, text);
  if (env.GITHUB_STEP_SUMMARY)
    await appendFile(env.GITHUB_STEP_SUMMARY, text).catch((error: Error) =>
      warn(`the summary could not be added to the page of the job: ${error.message}`),
    );
  return path;
}

function reasons(list: readonly GateReason[]): string {
  const lines = list.slice(0, MOST_REASONS).map(({ weight, message, hint, place }) => {
    const mark = { no: '❌', undecided: '⚠️', note: 'ℹ️' }[weight];
    const where = place ? ` (${code(`${place.file}:${place.line}`)})` : '';
    return `- ${mark} ${plain(message)}${where}${hint && weight !== 'note' ? `<br>${plain(hint)}` : ''}`;
  });
  const more = moreOf(list.length, MOST_REASONS, ', in run.json');
  if (more) lines.push(`- ${more}`);
  return lines.join('\n');
}

/** Scenarios down, install sets across; without a split one column. */
function matrix({ results, installSets, counts }: RunResult): string {
  const sets = installSets?.map(({ name }) => name) ?? [undefined];
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  const told = VERDICTS.filter((verdict) => counts[verdict] > 0).map(
    (verdict) => `${counts[verdict]} ${verdict}`,
  );
  const cell = (scenario: string, set: string | undefined): string => {
    const one = results.find((other) => other.scenario === scenario && other.installSet === set);
    return one ? `${MARKS[one.verdict]} ${one.verdict}${aside(one)}` : '';
  };
  return [
    row(['scenario', ...sets.map((set) => (set === undefined ? 'verdict' : plain(set)))]),
    row(['---', ...sets.map(() => '---')]),
    ...scenarios.map((scenario) => row([plain(scenario), ...sets.map((set) => cell(scenario, set))])),
    row([`**${told.join(', ')}**`, ...sets.map(() => '')]),
  ].join('\n');
}

/** What there is to know of a verdict beside it. */
function aside(one: ScenarioResult): string {
  if (one.knownIssue) return ' (known issue)';
  if (one.flaky) return ' (flaky)';
  return isKernelsOwn(one) ? ` (with ${plain(referenceName(one))} too)` : '';
}

function sizes({ image, installSets }: RunResult, comparison: RunComparison | null): string {
  if (comparison) {
    const line = ({ what, before, after }: Pair) =>
      row([plain(what), formatBytes(before), formatBytes(after), change(before, after)]);
    const head = [
      row(['size', `baseline ${plain(comparison.before.id)}`, 'now', 'change']),
      row(['---', '--:', '--:', '--:']),
    ];
    return [...head, ...comparison.sizes.map(line)].join('\n');
  }
  const parts: [string, number][] = installSets
    ? installSets.map(({ name, modules, initramfs }) => [
        `${name}: total`,
        image.vmlinuz.bytes + initramfs.bytes + modules.bytes,
      ])
    : [
        ['initramfs', image.initramfs.bytes],
        ['modules', image.modules.bytes],
        ['total', image.vmlinuz.bytes + image.initramfs.bytes + image.modules.bytes],
      ];
  return [
    row(['size', '']),
    row(['---', '--:']),
    row(['vmlinuz', formatBytes(image.vmlinuz.bytes)]),
    ...parts.map(([what, bytes]) => row([plain(what), formatBytes(bytes)])),
  ].join('\n');
}

function failures(results: readonly ScenarioResult[]): string[] {
  const bad = results.filter(isUnsettled);
  const texts = bad.slice(0, MOST_FAILURES).map((one) => {
    const findings = one.findings.slice(0, 4).map((finding) => {
      const owner = [finding.package, finding.rule].filter(Boolean).join(', ');
      return `- **${plain(finding.kind)}${finding.module ? ` ${plain(finding.module)}` : ''}**${owner ? ` (${plain(owner)})` : ''}: ${plain(finding.hint)}`;
    });
    return [
      `<details><summary>${MARKS[one.verdict]} ${plain(resultName(one))}: ${plain(one.reason)}</summary>`,
      ...(findings.length > 0 ? ['', ...findings] : []),
      ...(one.consoleTail.length > 0 ? ['', fence(one.consoleTail.slice(-12).map(cleanLine))] : []),
      '',
      '</details>',
    ].join('\n');
  });
  const more = moreOf(bad.length, MOST_FAILURES, ', in run.json');
  if (more) texts.push(more);
  return texts;
}

function change(before: number, after: number): string {
  const delta = after - before;
  if (delta === 0) return '-';
  const percent = before > 0 ? ` (${delta > 0 ? '+' : ''}${((delta / before) * 100).toFixed(1)} %)` : '';
  return `${delta > 0 ? '+' : '-'}${formatBytes(Math.abs(delta))}${percent}`;
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Guest text as text: nothing in it is markup, a table's border, a link, or a mention of somebody. */
function plain(text: string): string {
  return cleanLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_[\]|~#!]/g, '\\$&')
    .replaceAll('@', '@\u2060');
}

const code = (text: string): string => `<code>${plain(text)}</code>`;

/** A fence that is longer than any that stands in the text. */
function fence(lines: readonly string[]): string {
  const longest = Math.max(
    2,
    ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([ticks]) => ticks.length)),
  );
  const ticks = '`'.repeat(longest + 1);
  return [`${ticks}text`, ...lines, ticks].join('\n');
}
