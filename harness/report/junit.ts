import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { xmlSafe } from '../printable.js';
import type { RunResult } from '../results/run-result.js';
import { isKernelsOwn, resultName, type ScenarioResult } from '../results/scenario-result.js';
import { writeWhole } from '../write-whole.js';
import { bootsText } from './line.js';

/** How much of a console goes into the XML; the rest lies in console.log. */
const CONSOLE_BYTES = 64 * 1024;

/**
 * The run as JUnit XML: an area is a testsuite, a scenario a testcase. A step that said no is a `failure`; a guest
 * that crashed, hung or could not be run is an `error`, since nothing was answered.
 * @param consoles the (last) console text by scenario, as raw as it came.
 */
export async function junitXml(result: RunResult, consoles: ReadonlyMap<string, string>): Promise<string> {
  const { Builder } = await import('xml2js');
  const excuses = excusesOf(result);
  const areas = new Map<string, ScenarioResult[]>();
  for (const one of result.results) areas.set(one.area, [...(areas.get(one.area) ?? []), one]);

  const document = {
    testsuites: {
      $: { name: 'bootgate', ...totals(result.results, excuses, result.seconds) },
      testsuite: [...areas].map(([area, results]) => ({
        $: {
          name: xmlSafe(area),
          timestamp: result.started.replace(/(\.\d+)?Z$/, ''),
          hostname: xmlSafe(result.image.kernel.release),
          ...totals(
            results,
            excuses,
            results.reduce((sum, one) => sum + one.seconds, 0),
          ),
        },
        properties: { property: properties(result) },
        testcase: results.map((one) => testcase(one, excuses.get(one), consoles.get(resultName(one)) ?? '')),
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
    if (one.verdict === 'pass' || one.verdict === 'skip' || !one.files.console) continue;
    const tail = await readTail(join(folder, one.files.console), CONSOLE_BYTES);
    if (tail !== undefined) consoles.set(resultName(one), tail);
  }
  return junitXml(result, consoles);
}

/** Writes results/RUN/junit.xml; returns its path. */
export async function writeJunit(folder: string, result: RunResult): Promise<string> {
  const path = join(folder, 'junit.xml');
  await writeWhole(path, await junitText(folder, result));
  return path;
}

/**
 * Failures that do not count, each with the sentence why: what the kernel cannot do with its whole tree either, and what
 * the gate only notes. They are `skipped`, since CI systems turn red at any failure whatever the exit code says.
 */
function excusesOf({ results, gate }: RunResult): Map<ScenarioResult, string> {
  const noted = new Map(
    gate?.reasons.filter(({ weight }) => weight === 'note').map((reason) => [reason.result, reason.message]),
  );
  const excuses = new Map<ScenarioResult, string>();
  for (const one of results) {
    if (one.verdict === 'pass' || one.verdict === 'skip' || one.verdict === 'infra') continue;
    const sentence = noted.get(resultName(one));
    if (sentence) excuses.set(one, sentence);
    else if (isKernelsOwn(one))
      excuses.set(one, `this kernel cannot do it with its whole tree either: ${one.reason}`);
  }
  return excuses;
}

function totals(
  results: readonly ScenarioResult[],
  excuses: ReadonlyMap<ScenarioResult, string>,
  seconds: number,
) {
  const count = (...verdicts: ScenarioResult['verdict'][]) =>
    results.filter((one) => verdicts.includes(one.verdict) && !excuses.has(one)).length;
  return {
    tests: results.length,
    failures: count('fail'),
    errors: count('crash', 'hang', 'infra'),
    skipped: count('skip') + results.filter((one) => excuses.has(one)).length,
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

function testcase(one: ScenarioResult, excuse: string | undefined, console: string) {
  const $ = { name: xmlSafe(resultName(one)), classname: xmlSafe(one.area), time: one.seconds.toFixed(3) };
  const message = xmlSafe(one.reason);
  if (one.verdict === 'pass') return { $ };
  if (one.verdict === 'skip') return { $, skipped: { $: { message } } };
  if (excuse) return { $, skipped: { $: { message: xmlSafe(excuse) } } };
  const said = { $: { message, type: one.verdict }, _: xmlSafe(explanation(one)) };
  const output = xmlSafe(console || one.consoleTail.join('\n'));
  return {
    $,
    ...(one.verdict === 'fail' ? { failure: said } : { error: said }),
    ...(output ? { 'system-out': output } : {}),
  };
}

/** What a person who opens the failed case in CI should read first. */
function explanation(one: ScenarioResult): string {
  const boots = bootsText(one);
  const lines = [`${one.verdict} in phase ${one.phase}${boots ? ` (${boots})` : ''}: ${one.reason}`];
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
