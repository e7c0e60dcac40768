import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StoredRun } from '../results/read.js';
import { type Finding, isKernelsOwn, resultName, type ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { readRecording } from '../vm/recording.js';
import { type RequestRecord, readReport } from '../vm/records.js';

/** One name that the guest asked modprobe for. */
export interface Asked {
  request: string;
  /** During which step; empty before the first and after the last. */
  step: string;
  answered: boolean;
  times: number;
}

/** The story of one result, as `explain --json` prints it. */
export interface Story {
  result: string;
  verdict: ScenarioResult['verdict'];
  reason: string;
  tried: {
    description: string;
    image: string;
    release: string;
    modules: { source: string; count: number; ofCount: number };
    machine: { cpus: number; memoryMiB: number; disks: string[]; nics: string[] } | null;
  };
  got: Pick<ScenarioResult, 'phase' | 'phases' | 'seconds' | 'steps' | 'consoleTail'>;
  /** What steps asked for, and what nobody answered, in the order of time; empty where no recording is left. */
  asked: Asked[];
  /** Modules that the full module tree has and the set lacks, the likeliest cause first. */
  missing: (Finding & { chain: string })[];
  /** What else was found. */
  others: Finding[];
  reference: ScenarioResult['reference'] | null;
  kernelsOwn: boolean;
  /** Absolute: logs, recipe, the command to boot it again. */
  folder: string;
}

/** Tells the story of a result from what its run has written; the recording is read again, the kernel is not needed. */
export async function storyOf(run: StoredRun, result: ScenarioResult): Promise<Story> {
  const { image, installSets } = run.result;
  const folder = join(run.folder, dirname(result.files.console || join(result.scenario, 'console.log')));
  const recipe = await readRecipe(folder);
  const set = installSets?.find((one) => one.name === result.installSet);
  const missing = result.findings.filter(({ kind }) => kind === 'missing-module');
  return {
    result: resultName(result),
    verdict: result.verdict,
    reason: result.reason,
    tried: {
      description: recipe?.scenario.description ?? '',
      image: image.name,
      release: image.kernel.release,
      modules: {
        source: set ? `install set ${set.name}` : image.modules.source,
        count: set?.modules.count ?? image.modules.count,
        ofCount: image.modules.ofCount,
      },
      machine: recipe && machineOf(recipe),
    },
    got: {
      phase: result.phase,
      phases: result.phases,
      seconds: result.seconds,
      steps: result.steps,
      consoleTail: result.consoleTail,
    },
    asked: await askedOf(folder),
    missing: missing.map((finding) => ({ ...finding, chain: finding.chain ?? chainOf(finding) })),
    others: result.findings.filter(({ kind }) => kind !== 'missing-module'),
    reference: result.reference ?? null,
    kernelsOwn: isKernelsOwn(result),
    folder,
  };
}

interface Recipe {
  scenario: Scenario;
  /** Not in recipes of older versions. */
  memoryMiB?: number;
}

async function readRecipe(folder: string): Promise<Recipe | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'recipe.json'), 'utf8')) as Recipe;
  } catch {
    return null; // It was never booted, or its folder is gone: the run itself still tells most of it.
  }
}

function machineOf({ scenario, memoryMiB }: Recipe): Story['tried']['machine'] {
  return {
    cpus: scenario.cpus,
    memoryMiB: memoryMiB ?? scenario.memoryMiB,
    disks: scenario.disks.map(({ bus }) => bus),
    nics: scenario.nics.map(({ model }) => model),
  };
}

/** Every request of a step, and of the others those that nobody answered. */
async function askedOf(folder: string): Promise<Asked[]> {
  let requests: RequestRecord[];
  try {
    const { nonce, control, console } = await readRecording(folder);
    requests = readReport(nonce, control, console).requests;
  } catch {
    return [];
  }
  const asked = new Map<string, Asked>();
  const names = new Set(requests.map(({ name }) => name));
  for (const { name, status, step } of requests) {
    if (status === 0 && step === '') continue;
    // crypto/api.c asks for `crypto-X` and then, on the off chance, for `crypto-X-all`.
    if (name.endsWith('-all') && names.has(name.slice(0, -'-all'.length))) continue;
    const key = `${step}\n${name}\n${status === 0}`;
    const known = asked.get(key);
    if (known) known.times++;
    else asked.set(key, { request: name, step, answered: status === 0, times: 1 });
  }
  return [...asked.values()];
}

/** For findings of runs that did not say it yet: `scsi:t-0x00 → sd_mod → left out by images/policies/2014.yaml:31` */
function chainOf({ evidence, module = '', package: owner, rule }: Finding): string {
  const asked = /Unknown symbol (\S+)|Module (\S+) not found|(?:answer|driver): (\S+)/.exec(evidence);
  const request = asked?.slice(1).find((one) => one !== undefined);
  const parts = request && request !== module ? [request, module] : [module];
  if (owner) parts.push(`in the package ${owner}${rule ? ` by ${rule}` : ''}`);
  else if (rule) parts.push(`left out by ${rule}`);
  else parts.push('in no rule of the set');
  return parts.join(' → ');
}
