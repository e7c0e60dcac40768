import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { xmlSafe } from '../printable.js';
import type { RunResult } from '../results/run-result.js';
import {
  isKernelsOwn,
  isUnsettled,
  referenceName,
  resultName,
  type ScenarioResult,
} from '../results/scenario-result.js';
import { bootsText } from './line.js';

type KnownIssue = NonNullable<ScenarioResult['knownIssue']>;

/** How much of a console goes into the XML; the rest lies in console.log. */
const CONSOLE_BYTES = 64 * 1024;

/**
 * The run as JUnit XML: an area is a testsuite, a scenario a testcase. A failed step is a `failure`; a guest
 * that crashed, hung or could not be run is an `error`, since nothing was answered. Nothing that failed is `skipped`: what the
 * gate allows, and what fails with the full module tree too, says so in its text and stays what it is.
 * @param consoles the (last) console text by scenario, as raw as it came.
 */
export async function junitXml(result: RunResult, consoles: ReadonlyMap<string, string>): Promise<string> {
  const { Builder } = await import('xml2js');
  const areas = new Map<string, ScenarioResult[]>();
  for (const one of result.results) areas.set(one.area, [...(areas.get(one.area) ?? []), one]);

  const document = {
    testsuites: {
      $: { name: 'bootgate', ...totals(result.results, result.seconds) },
      testsuite: [...areas].map(([area, results]) => ({
        $: {
          name: xmlSafe(area),
          timestamp: result.started.replace(/(\.\d+)?Z$/, ''),
          hostname: xmlSafe(result.image.kernel.release),
          ...totals(
            results,
            results.reduce((sum, one) => sum + one.seconds, 0),
          ),
        },
        properties: { property: properties(result) },
        testcase: results.map((one) => testcase(one, consoles.get(resultName(one)) ?? '')),
      })),
    },
  };
  // The Builder throws on what XML forbids, and every text here was cleaned of it.
  return `${new Builder({ xmldec: { version: '1.0', encoding: 'UTF-8' } }).buildObject(document)}\n`;
}

/** The XML with the last part of each console that says why, read from the run's folder. */
export async function junitText(folder: string, result: RunResult): Promise<string> {
  const consoles = new Map<string, string>();
  for (const one of result.results) {
    if (!isUnsettled(one) || !one.files.console) continue;
    const tail = await readTail(join(folder, one.files.console), CONSOLE_BYTES);
    if (tail !== undefined) consoles.set(resultName(one), tail);
  }
  return junitXml(result, consoles);
}

function totals(results: readonly ScenarioResult[], seconds: number) {
  const count = (...verdicts: ScenarioResult['verdict'][]) =>
    results.filter((one) => verdicts.includes(one.verdict)).length;
  return {
    tests: results.length,
    failures: count('fail'),
    errors: count('crash', 'hang', 'infra'),
    skipped: count('skip'),
    time: seconds.toFixed(3),
  };
}

function properties({ image, accelerator }: RunResult) {
  const values = {
    image: image.name,
    kernel: `${image.kernel.release} (${image.kernel.source})`,
    modules: `${image.modules.count} of ${image.modules.ofCount}`,
    initramfs: image.initramfs.digest,
    accelerator: accelerator.used,
  };
  return Object.entries(values).map(([name, value]) => ({ $: { name, value: xmlSafe(value) } }));
}

function testcase(one: ScenarioResult, console: string) {
  const $ = { name: xmlSafe(resultName(one)), classname: xmlSafe(one.area), time: one.seconds.toFixed(3) };
  const message = xmlSafe(one.reason);
  if (one.verdict === 'pass')
    return one.knownIssue ? { $, 'system-out': xmlSafe(knownText(one.knownIssue)) } : { $ };
  if (one.verdict === 'skip') return { $, skipped: { $: { message } } };
  const said = { $: { message, type: one.verdict }, _: xmlSafe(explanation(one)) };
  const output = xmlSafe(console || one.consoleTail.join('\n'));
  return {
    $,
    ...(one.verdict === 'fail' ? { failure: said } : { error: said }),
    ...(output ? { 'system-out': output } : {}),
  };
}

function knownText({ was, wasReason, reason, owner, link, expires }: KnownIssue): string {
  return `known issue until ${expires}: ${reason} (${owner}, ${link})\nwithout it: ${was}, ${wasReason}`;
}

/** What a person who opens the failed case in CI should read first. */
function explanation(one: ScenarioResult): string {
  const boots = bootsText(one);
  const lines = [`${one.verdict} in phase ${one.phase}${boots ? ` (${boots})` : ''}: ${one.reason}`];
  if (isKernelsOwn(one)) lines.push(`the kernel, not the set: it fails with ${referenceName(one)} too`);
  for (const step of one.steps) {
    if (!step.ok) lines.push('', `step "${step.name}": ${step.message || 'failed'}`);
  }
  for (const finding of one.findings) {
    lines.push('', `${finding.kind}${finding.module ? ` ${finding.module}` : ''}: ${finding.evidence}`);
    if (finding.package) lines.push(`  package: ${finding.package}`);
    if (finding.rule) lines.push(`  rule: ${finding.rule}`);
    lines.push(`  ${finding.hint}`);
  }
  if (one.files.console) lines.push('', `whole console: ${one.files.console}`);
  return lines.join('\n');
}

/** The last bytes of a file from a line's beginning, as text; undefined where there is no such file. */
async function readTail(path: string, bytes: number): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const text = buffer.toString('utf8', 0, bytesRead);
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}
