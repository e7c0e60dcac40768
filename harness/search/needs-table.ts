import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Executor } from '../boot/executor.js';
import { keyOf, type Reference, referenceFor } from '../boot/reference.js';
import { readDocument } from '../document.js';
import type { PreparedImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import { wholeTree } from '../modules/set.js';
import { imagesDir } from '../paths.js';
import type { Scenario } from '../scenarios/scenario.js';
import { aliasesOf, rowsOf } from '../vm/devices/index.js';
import { whoAsked } from './guess.js';
import { scenarioNeeds } from './needs.js';

/** What one scenario asks the kernel for, and the modules that answered on one kernel. */
export interface RecordedNeeds {
  /** Aliases of its devices and what its steps requested, of the answered: they mean the same on every kernel. */
  requests: string[];
  /** Module -> what it is needed for: `device virtio:d00000002v00001AF4`, `step fs-ext4`, `needed by ext4`. */
  modules: Record<string, string>;
}

const tableSchema = z.strictObject({
  version: z.literal(1),
  kernel: z.string(),
  scenarios: z.record(
    z.string(),
    z.strictObject({ requests: z.array(z.string()), modules: z.record(z.string(), z.string()) }),
  ),
});

/** Scenario -> what it needs, as seen on one kernel. */
export type NeedsTable = z.infer<typeof tableSchema>;

export function needsOf(scenario: Scenario, reference: Reference, index: ModuleIndex): RecordedNeeds {
  const { needed } = scenarioNeeds(scenario, reference, index);
  const names = [...new Set(needed.flatMap(({ modules }) => modules))].sort();
  const words = { device: 'device', step: 'step', softdep: 'softdep', module: 'needed by', unknown: '' };
  const say = (module: string) => {
    const { by, request } = whoAsked(module, { scenario, needs: needed, kept: names, index });
    return `${words[by]} ${request}`.trim();
  };
  return {
    requests: [...new Set([...rowsOf(scenario).flatMap(aliasesOf), ...reference.askedBySteps])].sort(),
    modules: Object.fromEntries(names.map((name) => [name, say(name)])),
  };
}

/**
 * Records what scenarios need, from their boots with the full module tree: those that are remembered, and the others booted now unless
 * `boot` is false. A scenario that does not pass there is left out.
 * @throws the reason when aborted.
 */
export async function recordNeeds(options: {
  prepared: PreparedImage;
  scenarios: readonly Scenario[];
  executor: Executor;
  folder: string;
  boot: boolean;
}): Promise<NeedsTable> {
  const { scenarios, executor, folder, boot } = options;
  const { accelerator, cache } = executor;
  const { index, kernel } = options.prepared;
  const prepared = { ...options.prepared, set: wholeTree(index), split: null, installSet: null };
  const found = new Map<string, RecordedNeeds>();
  await Promise.all(
    scenarios.map(async (scenario) => {
      let reference: Reference | undefined;
      if (boot) {
        const where = join(folder, scenario.name);
        await mkdir(where, { recursive: true });
        reference = (await referenceFor({ prepared, scenario, executor, folder: where })).reference;
      } else {
        const known = await cache.recall(
          'reference',
          await keyOf(prepared, { scenario, accelerator, cache }),
        );
        if (known !== null) reference = JSON.parse(known) as Reference;
      }
      if (reference?.verdict === 'pass') found.set(scenario.name, needsOf(scenario, reference, index));
    }),
  );
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return { version: 1, kernel: kernel.release, scenarios: Object.fromEntries(sorted) };
}

/** The modules that requests come to on a kernel, with what these need; built-ins answer without one. */
export function answersTo(requests: readonly string[], index: ModuleIndex): Set<string> {
  const found = requests.flatMap((request) => {
    const answer = index.resolve(request);
    return answer.kind === 'modules' ? answer.names : [];
  });
  return new Set(closure(index, found));
}

export function needsText(table: NeedsTable): string {
  const head =
    '# What each scenario needs, from its boot with the full module tree: written by `bootgate scenarios needs -o FILE`.\n';
  return head + stringify(table, { lineWidth: 0 });
}

/** @throws BootgateError blame `user`, E_DOCUMENT. */
export async function readNeeds(file: string): Promise<NeedsTable> {
  return (await readDocument(file, tableSchema)).value;
}

/** The shipped table of a release's family (`6.1`), else of the nearest older one, else of the oldest; null where none is shipped. */
export async function shippedNeeds(
  release: string,
  folder = join(imagesDir, 'needs'),
): Promise<NeedsTable | null> {
  const families = existsSync(folder)
    ? readdirSync(folder).flatMap((name) => /^(\d+\.\d+)\.yaml$/.exec(name)?.[1] ?? [])
    : [];
  const wanted = numberOf(/^\d+\.\d+/.exec(release)?.[0] ?? '0.0');
  const sorted = families.sort((a, b) => numberOf(b) - numberOf(a));
  const family = sorted.find((one) => numberOf(one) <= wanted) ?? sorted.at(-1);
  return family === undefined ? null : readNeeds(join(folder, `${family}.yaml`));
}

/** 6.12 comes after 6.2. */
function numberOf(family: string): number {
  const [major = 0, minor = 0] = family.split('.').map(Number);
  return major * 10_000 + minor;
}
