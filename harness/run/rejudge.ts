import { dirname, join } from 'node:path';
import { type JudgedImage, resultFromEvidence } from '../boot/evidence.js';
import { readReference } from '../boot/stored-reference.js';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import { readStoredSet } from '../image/rules-file.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { StoredRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { withResults } from '../results/verdict.js';

/** The kernel that a run was made with: all that is not in the run's own folder. */
export type RunKernel = Pick<JudgedImage, 'kernel' | 'index'>;

/**
 * A stored run judged again from its recordings: the same verdicts and findings unless the rules in the code have changed.
 * Nothing is booted, no list, policy, split or ledger is read, and the run's folder stays as it is. What the gate makes of it is
 * a later step (gate/rejudge.ts).
 */
export async function rejudge(
  { folder, result }: StoredRun,
  cache: Cache,
  kernel?: RunKernel,
): Promise<RunResult> {
  const booted = kernel ?? (await kernelOf(result, cache));
  const images = new Map<string | undefined, JudgedImage>();
  const results: ScenarioResult[] = [];
  for (const one of result.results) {
    const recording = one.files.recording;
    if (!recording) {
      results.push(one);
      continue;
    }
    const image =
      images.get(one.installSet) ??
      ({ ...booted, ...(await readStoredSet(folder, one.installSet, booted.index)) } satisfies JudgedImage);
    images.set(one.installSet, image);
    const reference = one.reference && (await readReference(join(folder, dirname(recording))));
    results.push(await resultFromEvidence(one, folder, image, cache, reference));
  }
  const { gate: _gate, ...rest } = result;
  return withResults(rest, results);
}

/** @throws BootgateError blame `user`, E_REJUDGE: the kernel is no longer the one that was booted. */
async function kernelOf({ image }: RunResult, cache: Cache): Promise<RunKernel> {
  const { recipe } = image;
  if (!recipe)
    throw userError('E_REJUDGE', 'this run does not record what it was made from', {
      hint: 'an older version of bootgate made it: run it again',
    });
  const kernel = await resolveKernel(recipe.kernel, { cache });
  if (kernel.digest !== image.kernel.digest)
    throw userError(
      'E_REJUDGE',
      `${image.kernel.source} is no longer the kernel that was booted (${image.kernel.release})`,
      {
        hint: `the run had ${image.kernel.resolved.join(', ') || image.kernel.release}: name these files in the image's \`kernel:\``,
      },
    );
  return { kernel, index: await loadModuleIndex(kernel.modulesDir, kernel.release, cache) };
}
