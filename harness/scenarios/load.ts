import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, readDocument } from '../document.js';
import { BootgateError, type Problem, userError } from '../errors.js';
import { readUserlandTable } from '../initramfs/userland-table.js';
import { library } from '../library.js';
import { SCENARIO } from '../limits.js';
import { shownFile } from '../paths.js';
import { didYouMean } from '../suggest.js';
import { misfitsOf, sizeProblem } from '../vm/devices/fit.js';
import { DISK_BUSES, NIC_MODELS, OTHER_DEVICES } from '../vm/devices/index.js';
import { knownHelpers, lintStep, projectHelpers, syntaxErrors } from './lint.js';
import { type Expanded, expandMatrix } from './matrix.js';
import type { Scenario } from './scenario.js';
import { BOARDS, type ScenarioFile, scenarioFileSchema } from './schema.js';

/**
 * Reads every scenario file below some folders (the user's first), expands its matrix and checks it: in order of name. Of two
 * scenarios with one name in two folders, the first folder's counts.
 * @throws BootgateError blame `user`, E_SCENARIOS: all problems of all files at once, each as file:line:col.
 */
export async function loadScenarios(
  dirs: string | readonly string[] = library().folders('scenarios'),
): Promise<Scenario[]> {
  const files = await scenarioFiles([dirs].flat());
  const helpers = projectHelpers();
  const [table, known] = await Promise.all([readUserlandTable(), knownHelpers()]);
  const tools = [...table.base, ...table.tools].map((tool) => tool.name);
  const problems: Problem[] = [];
  const scenarios: Scenario[] = [];
  const steps: { document: Document<ScenarioFile>; scenario: Scenario }[] = [];
  const placeOf = new Map<string, string>();
  for (const { dir, file } of files) {
    const document = await readDocument(shownFile(join(dir, file)), scenarioFileSchema).catch(
      (error: unknown) => {
        if (!(error instanceof BootgateError) || error.blame !== 'user') throw error;
        problems.push(...(error.problems.length > 0 ? error.problems : [{ message: error.message }]));
      },
    );
    if (!document) continue;
    for (const expanded of expandMatrix(document, problems)) {
      const scenario = toScenario(document, expanded, file, tools, problems);
      const winner = placeOf.get(scenario.name);
      if (winner !== undefined && winner !== dir) {
        const { file } = scenarios.find(({ name }) => name === scenario.name) ?? scenario;
        library().sayWins(`scenario ${scenario.name}`, file);
        continue;
      }
      placeOf.set(scenario.name, dir);
      if (helpers.length > 0) scenario.helpers = helpers.map(({ text }) => text.trimEnd()).join('\n');
      scenarios.push(scenario);
      steps.push({ document, scenario });
    }
  }
  const unreadable = await syntaxErrors([
    ...scenarios.flatMap(({ steps }) => steps.map(({ run }) => run)),
    ...helpers.map(({ text }) => text),
  ]);
  for (const { file, text } of helpers) {
    const syntax = unreadable.get(text);
    if (syntax) problems.push({ file: shownFile(file), message: `sh cannot read this: ${syntax}` });
  }
  for (const { document, scenario } of steps) {
    scenario.steps.forEach(({ run }, index) => {
      const lints = lintStep(run, known);
      const syntax = unreadable.get(run);
      if (syntax) lints.push({ message: `sh cannot read this: ${syntax}` });
      for (const { message, hint } of lints)
        problems.push(document.problem(['steps', index, 'run'], message, hint));
    });
  }
  problems.push(...sameNames(scenarios));
  if (problems.length > 0) {
    const where = [dirs].flat().map(shownFile).join(' and ');
    throw new BootgateError(
      `${problems.length > 1 ? `${problems.length} problems` : 'one problem'} in ${where}`,
      {
        code: 'E_SCENARIOS',
        blame: 'user',
        problems: unique(problems),
      },
    );
  }
  return scenarios.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function scenarioFiles(dirs: readonly string[]): Promise<{ dir: string; file: string }[]> {
  const all: { dir: string; file: string }[] = [];
  for (const dir of dirs) {
    const names = await readdir(dir, { recursive: true }).catch((cause: Error) => {
      throw userError('E_SCENARIOS', `cannot read the scenarios in ${dir}: ${cause.message}`, { cause });
    });
    const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
    all.push(...files.map((file) => ({ dir, file })));
  }
  if (all.length === 0)
    throw userError('E_SCENARIOS', `there is no scenario in ${dirs.join(', ')}`, {
      hint: 'scenarios are files AREA/NAME.yaml; scenarios/schema.json describes them',
    });
  return all;
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
      'scenarios are in a folder for their area',
    );
  const { machine, devices } = value;
  if (machine !== undefined) known(['machine'], machine, BOARDS, 'machine');
  for (const [index, device] of devices.entries()) known(['devices', index], device, OTHER_DEVICES, 'device');
  for (const { name: device, message } of misfitsOf(value, machine)) wrong(placeOf(value, device), message);
  value.needs.forEach((need, index) => {
    if (!need.split('|').every((one) => /^(?:CONFIG_[A-Z0-9_]+|[a-z0-9][\w-]*)$/.test(one)))
      wrong(['needs', index], `expected CONFIG_SYMBOL or the name of a module, not ${need}`);
  });
  const serials = new Set<string>();
  return {
    name,
    area: name.split('/')[0] ?? '',
    description: value.description,
    file: document.file,
    line: document.locate(['name']).line,
    ...(machine === undefined ? {} : { machine }),
    tags: value.tags,
    ...(value.needs.length > 0 ? { needs: value.needs } : {}),
    cpus: value.cpus,
    memoryMiB: mebibytes(['memory'], value.memory, SCENARIO.leastMemoryMiB, SCENARIO.memoryMiB),
    boot: value.boot,
    disks: value.disks.map((disk, index) => {
      if (!/^[A-Za-z0-9-]{1,20}$/.test(disk.serial))
        wrong(['disks', index, 'serial'], `expected 1 to 20 letters, digits and dashes, not ${disk.serial}`);
      if (serials.has(disk.serial))
        wrong(['disks', index, 'serial'], `two disks have the serial ${disk.serial}`);
      serials.add(disk.serial);
      known(['disks', index, 'bus'], disk.bus, DISK_BUSES, 'bus');
      const sizeMiB = mebibytes(['disks', index, 'size'], disk.size, 1, SCENARIO.diskMiB);
      const size = sizeProblem(disk.bus, sizeMiB);
      if (size) wrong(['disks', index, 'size'], size);
      return { serial: disk.serial, bus: disk.bus, sizeMiB, verifyPattern: disk.verify === 'pattern' };
    }),
    nics: value.nics.map((nic, index) => {
      known(['nics', index, 'model'], nic.model, NIC_MODELS, 'network card');
      const mac = nic.mac ?? `52:54:00:62:67:${index.toString(16).padStart(2, '0')}`;
      return { model: nic.model, mac, farEnd: nic['far-end'] };
    }),
    ...(value.shares.length > 0 ? { shares: value.shares } : {}),
    ...(devices.length > 0 ? { devices } : {}),
    tools: value.tools.map((tool, index) => {
      known(['tools', index], tool, tools, 'tool');
      return tool;
    }),
    cmdline: value.cmdline,
    steps: value.steps.map((step, index) => {
      if (value.steps.findIndex((other) => other.name === step.name) !== index)
        wrong(['steps', index, 'name'], `two steps are named ${step.name}`);
      if (step.run.includes('\0')) wrong(['steps', index, 'run'], 'a script cannot contain a NUL byte');
      // The matrix has been filled in: what was short in the file may be long now.
      if (Buffer.byteLength(step.run) > SCENARIO.stepBytes)
        wrong(['steps', index, 'run'], `expected at most ${SCENARIO.stepBytes} bytes`);
      return { name: step.name, run: step.run, timeout: step.timeout ?? value.timeout };
    }),
  };
}

/** Where a device of the table is declared first. */
function placeOf({ disks, nics, devices }: ScenarioFile, name: string): PropertyKey[] {
  const disk = disks.findIndex(({ bus }) => bus === name);
  if (disk >= 0) return ['disks', disk, 'bus'];
  const nic = nics.findIndex(({ model }) => model === name);
  return nic >= 0 ? ['nics', nic, 'model'] : ['devices', devices.indexOf(name)];
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
