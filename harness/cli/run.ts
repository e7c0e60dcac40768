import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import {
  deliveryOption,
  imageOption,
  kernelOption,
  modulesOption,
  strictOption,
  wholeNumber,
} from './options.js';

interface RunFlags {
  image?: string;
  kernel?: string[];
  modules?: string;
  split?: string;
  install?: string[];
  strict?: boolean;
  accel?: 'auto' | 'kvm' | 'tcg';
  jobs?: number;
  reporter?: 'terminal' | 'tap' | 'json';
  results?: string;
  delivery?: ModuleDelivery;
  reference?: 'always' | 'failures' | 'never';
  referenceImage?: string;
  verbose?: boolean;
}

export function runCommand(): Command {
  return new Command('run')
    .description('boot an image, one guest per scenario, and say what works')
    .argument(
      '[pattern...]',
      'scenarios to run: storage/virtio-blk, storage, "network/*"; all of the image unless given',
    )
    .addOption(imageOption())
    .addOption(kernelOption())
    .addOption(modulesOption())
    .addOption(
      new Option(
        '-s, --split <file>',
        'a package split in any known format, or `packages` for the files of --kernel',
      ),
    )
    .addOption(new Option('--install <set...>', 'install sets to boot: core, core,extra, or each'))
    .addOption(strictOption())
    .addOption(new Option('--accel <which>', 'accelerator').choices(['auto', 'kvm', 'tcg']))
    .addOption(new Option('-j, --jobs <n>', 'guests at once').argParser(wholeNumber))
    .addOption(
      new Option('--reporter <which>', 'what standard output gets').choices(['terminal', 'tap', 'json']),
    )
    .addOption(new Option('--results <dir>', 'where the run folder goes (BOOTGATE_RESULTS, else results)'))
    .addOption(deliveryOption())
    .addOption(
      new Option(
        '--reference <when>',
        'boot the whole module tree too, to compare: for failures unless given',
      ).choices(['always', 'failures', 'never']),
    )
    .addOption(
      new Option('--reference-image <file>', 'compare with this image instead of the full module tree'),
    )
    .addOption(new Option('-v, --verbose', 'the log on standard error as well'))
    .action(run);
}

/** Precedence: flag, environment, file, default. */
async function run(patterns: string[], flags: RunFlags): Promise<void> {
  const { Cache } = await import('../cache.js');
  const { scenariosDir } = await import('../paths.js');
  const { loadImage } = await import('../image/image-file.js');
  const { prepareImage, prepareImages } = await import('../image/prepare.js');
  const { planRun } = await import('../run/plan.js');
  const { runPlan } = await import('../run/run.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { onInterrupt } = await import('./interrupt.js');
  const { openRunLog } = await import('../run/log.js');
  const { loadScenarios } = await import('../scenarios/load.js');
  const { chooseAccelerator } = await import('../vm/accelerator.js');
  const { makeReporters } = await import('../report/reporters.js');

  const cache = new Cache();
  const say = (sentence: string) => process.stderr.write(`bootgate: ${sentence}\n`);
  const interrupt = onInterrupt(() => say('stopping the guests; once more to end at once'));
  const { signal } = interrupt;
  try {
    const image = await loadImage(flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian-2014', {
      ...(flags.kernel ? { kernel: flags.kernel } : {}),
      ...(flags.modules ? { modules: flags.modules } : {}),
      ...(flags.split ? { split: flags.split } : {}),
      ...(flags.install ? { install: flags.install } : {}),
    });
    const plan = planRun(image, await loadScenarios(scenariosDir), patterns);
    const prepared = await prepareImages(image, {
      cache,
      strict: flags.strict ?? false,
      log: say,
      signal,
      ...(flags.delivery ? { delivery: flags.delivery } : {}),
    });
    const accelerator = await chooseAccelerator(flags.accel ?? 'auto', {
      kernel: prepared[0].kernel,
      vmlinux: prepared[0].vmlinux,
      cache,
      signal,
    });
    const { result } = await runPlan({
      prepared,
      plan,
      accelerator,
      cache,
      results: resolve(flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results'),
      reporters: makeReporters(flags.reporter ?? 'terminal'),
      signal,
      warn: say,
      log: (folder) => openRunLog(folder, flags.verbose ?? false),
      ...(flags.jobs ? { jobs: flags.jobs } : {}),
      ...(flags.reference ? { reference: flags.reference } : {}),
      ...(flags.referenceImage
        ? { referenceImage: await prepareImage(await loadImage(flags.referenceImage), { cache, signal }) }
        : {}),
    });
    process.exitCode = exitCodeOfVerdict(result.verdict, signal.aborted);
  } finally {
    interrupt.release();
  }
}
