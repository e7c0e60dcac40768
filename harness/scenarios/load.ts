import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type Document, readDocument } from '../document.js';
import { BootgateError, type Problem, userError } from '../errors.js';
import { readUserlandTable } from '../initramfs/userland-table.js';
import { SCENARIO } from '../limits.js';
import { didYouMean } from '../suggest.js';
import { DISK_BUSES, NIC_MODELS } from '../vm/machine.js';
import { knownHelpers, lintStep, syntaxErrors } from './lint.js';
import { type Expanded, expandMatrix } from './matrix.js';
import type { Scenario } from './scenario.js';
import { type ScenarioFile, scenarioFileSchema } from './schema.js';

/**
 * Reads every scenario file below a folder, expands its matrix and checks it: in order of name.
 * @throws BootgateError blame `user`, E_SCENARIOS: all problems of all files at once, each as file:line:col.
 */
export async function loadScenarios(dir: string): Promise<Scenario[]> {
  const files = await scenarioFiles(dir);
  const [table, helpers] = await Promise.all([readUserlandTable(), knownHelpers()]);
  const tools = [...table.base, ...table.tools].map((tool) => tool.name);
  const problems: Problem[] = [];
  const scenarios: Scenario[] = [];
  const steps: { document: Document<ScenarioFile>; scenario: Scenario }[] = [];
  for (const file of files) {
    const document = await readDocument(shown(join(dir, file)), scenarioFileSchema).catch(
      (error: unknown) => {
        if (!(error instanceof BootgateError) || error.blame !== 'user') throw error;
        problems.push(...(error.problems.length > 0 ? error.problems : [{ message: error.message }]));
      },
    );
    if (!document) continue;
    for (const expanded of expandMatrix(document, problems)) {
      const scenario = toScenario(document, expanded, file, tools, problems);
      scenarios.push(scenario);
      steps.push({ document, scenario });
    }
  }
  const unreadable = await syntaxErrors(scenarios.flatMap(({ steps }) => steps.map(({ run }) => run)));
  for (const { document, scenario } of steps) {
    scenario.steps.forEach(({ run }, index) => {
      const lints = lintStep(run, helpers);
      const syntax = unreadable.get(run);
      if (syntax) lints.push({ message: `sh cannot read this: ${syntax}` });
      for (const { message, hint } of lints)
        problems.push(document.problem(['steps', index, 'run'], message, hint));
    });
  }
  problems.push(...sameNames(scenarios));
  if (problems.length > 0) {
    throw new BootgateError(`${problems.length > 1 ? 'some things are' : 'one thing is'} wrong in ${dir}`, {
      code: 'E_SCENARIOS',
      blame: 'user',
      problems: unique(problems),
    });
  }
  return scenarios.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As people like to read it, and editors to open it: relative where it lies below the working directory. */
function shown(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below;
}

async function scenarioFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true }).catch((cause: Error) => {
    throw userError('E_SCENARIOS', `cannot read the scenarios in ${dir}: ${cause.message}`, { cause });
  });
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
  if (files.length === 0) {
    throw userError('E_SCENARIOS', `there is no scenario in ${dir}`, {
      hint: 'scenarios are files AREA/NAME.yaml; scenarios/schema.json describes them',
    });
  }
  return files;
}

function toScenario(
  document: Document<ScenarioFile>,
  { value }: Expanded,
  file: string,
  tools: readonly string[],
  problems: Problem[],
): Scenario {
  const wrong = (path: PropertyKey[], message: string, hint?: string) =>
    problems.push(document.problem(path, message, hint));
  const known = (path: PropertyKey[], word: string, words: readonly string[], what: string) => {
    if (words.includes(word)) return;
    wrong(path, `unknown ${what} ${word}${didYouMean(word, words)}`, `known: ${words.join(', ')}`);
  };
  const mebibytes = (path: PropertyKey[], text: string | number, least: number, most: number) => {
    const match = /^([1-9]\d{0,6}) ?(MiB|GiB)$/.exec(String(text));
    const size = Number(match?.[1]) * (match?.[2] === 'GiB' ? 1024 : 1);
    if (match && size >= least && size <= most) return size;
    const shown = String(text).slice(0, 40);
    wrong(path, `expected a size from ${least}MiB to ${most / 1024}GiB such as 64MiB or 2GiB, not ${shown}`);
    return least;
  };

  const name = value.name ?? file.replace(/\.ya?ml$/, '');
  if (!/^[a-z0-9][a-z0-9-]*\/[a-z0-9][a-z0-9.-]*$/.test(name))
    wrong(
      ['name'],
      `expected AREA/NAME in lower case, not ${name}`,
      'scenarios lie in a folder for their area',
    );
  const serials = new Set<string>();
  return {
    name,
    area: name.split('/')[0] ?? '',
    description: value.description,
    file: document.file,
    line: document.locate(['name']).line,
    cpus: value.cpus,
    memoryMiB: mebibytes(['memory'], value.memory, 128, SCENARIO.memoryMiB),
    boot: value.boot,
    disks: value.disks.map((disk, index) => {
      if (!/^[A-Za-z0-9-]{1,20}$/.test(disk.serial))
        wrong(['disks', index, 'serial'], `expected 1 to 20 letters, digits and dashes, not ${disk.serial}`);
      if (serials.has(disk.serial))
        wrong(['disks', index, 'serial'], `two disks have the serial ${disk.serial}`);
      serials.add(disk.serial);
      known(['disks', index, 'bus'], disk.bus, DISK_BUSES, 'bus');
      const sizeMiB = mebibytes(['disks', index, 'size'], disk.size, 1, SCENARIO.diskMiB);
      return { serial: disk.serial, bus: disk.bus, sizeMiB, verifyPattern: disk.verify === 'pattern' };
    }),
    nics: value.nics.map((nic, index) => {
      known(['nics', index, 'model'], nic.model, NIC_MODELS, 'network card');
      const mac = nic.mac ?? `52:54:00:62:67:${index.toString(16).padStart(2, '0')}`;
      return { model: nic.model, mac, farEnd: nic['far-end'] };
    }),
    ...(value.shares.length > 0 ? { shares: value.shares } : {}),
    tools: value.tools.map((tool, index) => {
      known(['tools', index], tool, tools, 'tool');
      return tool;
    }),
    cmdline: value.cmdline,
    steps: value.steps.map((step, index) => {
      if (value.steps.findIndex((other) => other.name === step.name) !== index)
        wrong(['steps', index, 'name'], `two steps are named ${step.name}`);
      if (step.run.includes('\0')) wrong(['steps', index, 'run'], 'a NUL byte cannot stand in a script');
      // The matrix has been filled in: what was short in the file may be long now.
      if (Buffer.byteLength(step.run) > SCENARIO.stepBytes)
        wrong(['steps', index, 'run'], `expected at most ${SCENARIO.stepBytes} bytes`);
      return { name: step.name, run: step.run, timeout: step.timeout ?? value.timeout };
    }),
  };
}

function sameNames(scenarios: readonly Scenario[]): Problem[] {
  const first = new Map<string, Scenario>();
  return scenarios.flatMap((scenario): Problem[] => {
    const other = first.get(scenario.name);
    if (!other) first.set(scenario.name, scenario);
    if (!other) return [];
    const message = `a second scenario is named ${scenario.name}; the first is in ${other.file}`;
    return [{ file: scenario.file, line: scenario.line, message }];
  });
}

/** The rows of a matrix say the same thing once each. */
function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...seen.values()];
}
