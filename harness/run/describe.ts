import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { buildInitramfs } from '../initramfs/build.js';
import type { InstallSetResult, RunResult } from '../results/run-result.js';
import { countVerdicts, type ScenarioResult } from '../results/scenario-result.js';

/**
 * The image's part of run.json: what all its guests have in common, without a scenario's own tools and steps. Of
 * several install sets it is the largest; `installSets` has them all.
 */
export async function describeImage(
  variants: readonly [PreparedImage, ...PreparedImage[]],
  cache: Cache,
): Promise<RunResult['image']> {
  const prepared = variants.reduce((most, one) => (one.set.bytes > most.set.bytes ? one : most));
  const { kernel, set, index, delivery, userland } = prepared;
  const initramfs = await commonInitramfs(prepared, cache);
  return {
    name: prepared.image.name,
    kernel: {
      release: kernel.release,
      source: kernel.source,
      resolved: kernel.resolved,
      digest: kernel.digest,
    },
    vmlinuz: { bytes: (await stat(kernel.vmlinuz)).size },
    modules: {
      source: set.source,
      count: set.names.length,
      bytes: set.bytes,
      ofCount: index.modules.size,
      ofBytes: index.bytes,
    },
    initramfs: { bytes: initramfs.bytes, digest: initramfs.digest, buildMs: initramfs.buildMs },
    recipe: {
      file: prepared.image.file,
      kernel: prepared.image.kernel.map((source) => (existsSync(source) ? resolve(source) : source)),
      modules: prepared.image.modules,
      delivery,
      userland,
    },
  };
}

export async function describeInstallSets(
  variants: readonly PreparedImage[],
  results: readonly ScenarioResult[],
  cache: Cache,
): Promise<InstallSetResult[]> {
  const described: InstallSetResult[] = [];
  for (const prepared of variants) {
    const { installSet, set } = prepared;
    if (!installSet) continue;
    const { name, packages } = installSet;
    const initramfs = await commonInitramfs(prepared, cache);
    described.push({
      name,
      packages,
      modules: { count: set.names.length, bytes: set.bytes },
      initramfs: { bytes: initramfs.bytes },
      counts: countVerdicts(results.filter((one) => one.installSet === name)),
    });
  }
  return described;
}

/** What all guests of an image boot with: no tool beyond the base, nothing of a scenario. */
function commonInitramfs(
  { set, delivery, kernel, userland }: PreparedImage,
  cache: Cache,
): ReturnType<typeof buildInitramfs> {
  const { arch } = kernel;
  return buildInitramfs({ set, tools: [], scenarioEntries: [], delivery, cache, arch, userland });
}
