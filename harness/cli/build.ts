import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { BuildAnswer } from '../image/built.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Initramfs } from '../initramfs/initramfs.js';
import { type SharedFlags, share } from './options.js';

interface BuildFlags extends SharedFlags {
  tools?: string[];
  output?: string;
}

export function buildCommand(): Command {
  const command = new Command('build').description(
    'build an image without booting it: vmlinuz, vmlinux, initramfs.cpio and their sizes',
  );
  share(
    command,
    'image',
    'kernel',
    'modules',
    'split',
    'install',
    'strict',
    'allowMissing',
    'delivery',
    'userland',
  )
    .addOption(new Option('--tools <name...>', 'userland tools beyond the base, from userland.yaml'))
    .addOption(
      new Option(
        '-o, --output <dir>',
        'where to write the files, for `bootgate run --built DIR` (default: only print sizes)',
      ),
    );
  return share(command, 'json').action(build);
}

/** Modules travel in the archive unless asked otherwise: what is built here boots with any QEMU. */
async function build(flags: BuildFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { makeFolder } = await import('../folders.js');
  const { writeBuilt } = await import('../image/built.js');
  const { buildInitramfs } = await import('../initramfs/build.js');
  const { loadDangling, refuseDangling } = await import('../modules/dangling.js');
  const { printJson, write } = await import('./output.js');

  await withSession({ ...flags, delivery: flags.delivery ?? 'archive' }, async (session) => {
    const prepared = await session.prepareOne(await session.image());
    const { kernel, set, index, delivery, userland } = prepared;
    // A run logs it and shows what fails; what is built here goes elsewhere, so it is refused.
    refuseDangling(index, await loadDangling(index, session.cache), set.names);
    const initramfs = await buildInitramfs({
      set,
      tools: flags.tools ?? [],
      scenarioEntries: [],
      delivery,
      cache: session.cache,
      arch: kernel.arch,
      userland,
    });
    const answer = await answerOf(prepared, initramfs);
    if (flags.output) {
      const folder = resolve(flags.output);
      await makeFolder(folder);
      await writeBuilt(folder, prepared, initramfs, answer);
    }
    if (flags.json) printJson(answer);
    else write(await buildText(prepared, answer, flags.output));
  });
}

async function answerOf(
  { image, kernel, set, index, delivery, userland }: PreparedImage,
  initramfs: Initramfs,
): Promise<BuildAnswer> {
  const { digestOfFile } = await import('../cache.js');
  const { digestOfAssembled } = await import('../image/built.js');
  const { bytes, buildMs, segments } = initramfs;
  return {
    schema: 'bootgate/build@1',
    release: kernel.release,
    image: { name: image.name, file: image.file },
    kernel: {
      source: kernel.source,
      resolved: kernel.resolved,
      digest: kernel.digest,
      vmlinuz: { bytes: (await stat(kernel.vmlinuz)).size, digest: await digestOfFile(kernel.vmlinuz) },
    },
    modules: { count: set.names.length, bytes: set.bytes, ofCount: index.modules.size, ofBytes: index.bytes },
    additions: set.additions,
    initramfs: {
      bytes,
      digest: await digestOfAssembled(initramfs),
      buildMs,
      delivery,
      userland,
      segments: segments.map((segment) => ({
        kind: segment.kind,
        bytes: segment.bytes,
        digest: segment.digest,
      })),
    },
  };
}

async function buildText(
  { image, kernel, set, index }: PreparedImage,
  { initramfs }: BuildAnswer,
  output: string | undefined,
): Promise<string> {
  const { formatAdditions } = await import('../modules/set.js');
  const { formatBytes, formatPercent } = await import('../units.js');
  const lines = [
    `${image.name}: ${kernel.release} from ${kernel.resolved.length > 3 ? `${kernel.resolved.length} packages` : kernel.resolved.join(', ')}`,
    ...formatAdditions(set).map((line) => `  ${line}`),
    `modules    ${set.names.length} of ${index.modules.size}, ${formatBytes(set.bytes)} of ${formatBytes(index.bytes)} (${formatPercent(set.bytes, index.bytes)})`,
    `initramfs  ${formatBytes(initramfs.bytes)} in ${Math.round(initramfs.buildMs)} ms, ${initramfs.digest}`,
  ];
  if (output) lines.push(`written to ${output}`);
  return `${lines.join('\n')}\n`;
}
