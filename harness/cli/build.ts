import { copyFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  deliveryOption,
  imageOption,
  jsonOption,
  kernelOption,
  modulesOption,
  strictOption,
} from './options.js';

interface BuildFlags {
  image?: string;
  kernel?: string[];
  modules?: string;
  strict?: boolean;
  delivery?: 'window' | 'archive';
  tools?: string[];
  output?: string;
  json?: boolean;
}

export function buildCommand(): Command {
  return new Command('build')
    .description('build an image without booting it: vmlinuz, vmlinux, initramfs.cpio and what they weigh')
    .addOption(imageOption())
    .addOption(kernelOption())
    .addOption(modulesOption())
    .addOption(strictOption())
    .addOption(deliveryOption())
    .addOption(new Option('--tools <name...>', 'userland tools beyond the base, from images/userland.yaml'))
    .addOption(new Option('-o, --output <dir>', 'where the files go; only weighed unless given'))
    .addOption(jsonOption())
    .action(build);
}

/** Modules travel in the archive unless asked otherwise: what is built here boots with any QEMU. */
async function build(flags: BuildFlags): Promise<void> {
  const { Cache } = await import('../cache.js');
  const { makeFolder } = await import('../folders.js');
  const { loadImage } = await import('../image/image-file.js');
  const { prepareImage } = await import('../image/prepare.js');
  const { assemble, buildInitramfs } = await import('../initramfs/build.js');
  const { loadDangling, refuseDangling } = await import('../modules/dangling.js');
  const { formatAdditions } = await import('../modules/set.js');
  const { formatBytes, formatPercent } = await import('../units.js');

  const cache = new Cache();
  const image = await loadImage(flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian-2014', {
    ...(flags.kernel ? { kernel: flags.kernel } : {}),
    ...(flags.modules ? { modules: flags.modules } : {}),
  });
  const { kernel, vmlinux, set, index, delivery } = await prepareImage(image, {
    cache,
    strict: flags.strict ?? false,
    delivery: flags.delivery ?? 'archive',
    log: (sentence) => process.stderr.write(`bootgate: ${sentence}\n`),
  });
  // A run logs it and shows what fails; what is built here goes elsewhere, so it is refused.
  refuseDangling(index, await loadDangling(index, cache), set.names);
  const initramfs = await buildInitramfs({
    set,
    tools: flags.tools ?? [],
    scenarioEntries: [],
    delivery,
    cache,
  });

  const answer = {
    release: kernel.release,
    kernel: { source: kernel.source, resolved: kernel.resolved, digest: kernel.digest },
    modules: { count: set.names.length, bytes: set.bytes, ofCount: index.modules.size, ofBytes: index.bytes },
    additions: set.additions,
    initramfs: {
      bytes: initramfs.bytes,
      digest: initramfs.digest,
      buildMs: initramfs.buildMs,
      delivery,
      segments: initramfs.segments,
    },
  };
  if (flags.output) {
    const folder = resolve(flags.output);
    await makeFolder(folder);
    await copyFile(kernel.vmlinuz, join(folder, 'vmlinuz'));
    await copyFile(vmlinux.path, join(folder, 'vmlinux'));
    await assemble(initramfs.segments, join(folder, 'initramfs.cpio'));
    await writeFile(join(folder, 'modules.txt'), `${set.names.join('\n')}\n`);
    await writeFile(join(folder, 'build.json'), `${JSON.stringify(answer, null, 2)}\n`);
  }
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const lines = [
    `${image.name}: ${kernel.release} from ${kernel.resolved.join(', ')}`,
    ...formatAdditions(set).map((line) => `  ${line}`),
    `modules    ${set.names.length} of ${index.modules.size}, ${formatBytes(set.bytes)} of ${formatBytes(index.bytes)} (${formatPercent(set.bytes, index.bytes)})`,
    `initramfs  ${formatBytes(initramfs.bytes)} in ${Math.round(initramfs.buildMs)} ms, ${initramfs.digest}`,
  ];
  if (flags.output) lines.push(`written to ${flags.output}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
