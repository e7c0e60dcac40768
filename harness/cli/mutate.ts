import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { MutationReport } from '../search/mutate.js';
import { imageOption, jsonOption, kernelOption, wholeNumber } from './options.js';

interface MutateFlags {
  image?: string;
  kernel?: string[];
  accel?: 'auto' | 'kvm' | 'tcg';
  jobs?: number;
  limit?: number;
  results?: string;
  json?: boolean;
}

/** For developers, by `make mutate`: hidden in the help. */
export function mutateCommand(): Command {
  return new Command('mutate')
    .description(
      'take each module that a scenario needs away, one at a time, and see whether it turns red and names it',
    )
    .argument('[pattern...]', 'scenarios; all unless given')
    .addOption(imageOption())
    .addOption(kernelOption())
    .addOption(new Option('--accel <which>', 'accelerator').choices(['auto', 'kvm', 'tcg']))
    .addOption(
      new Option('-j, --jobs <n>', 'guests at once; one for each core unless given').argParser(wholeNumber),
    )
    .addOption(new Option('--limit <n>', 'so many mutations at most, spread evenly').argParser(wholeNumber))
    .addOption(new Option('--results <dir>', 'where the logs go (BOOTGATE_RESULTS, else results)'))
    .addOption(jsonOption())
    .action(run);
}

async function run(patterns: string[], flags: MutateFlags): Promise<void> {
  const { Cache } = await import('../cache.js');
  const { EXIT } = await import('../errors.js');
  const { scenariosDir } = await import('../paths.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { hostCapacity } = await import('../boot/capacity.js');
  const { loadImage } = await import('../image/image-file.js');
  const { onInterrupt } = await import('./interrupt.js');
  const { planRun } = await import('../run/plan.js');
  const { prepareImage } = await import('../image/prepare.js');
  const { loadScenarios } = await import('../scenarios/load.js');
  const { judgeSuite, mutate } = await import('../search/mutate.js');
  const { chooseAccelerator } = await import('../vm/accelerator.js');

  const say = (sentence: string) => process.stderr.write(`bootgate: ${sentence}\n`);
  const interrupt = onInterrupt(() => say('stopping; once more to end at once'));
  const { signal } = interrupt;
  try {
    const cache = new Cache();
    const image = await loadImage(flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian', {
      ...(flags.kernel ? { kernel: flags.kernel } : {}),
    });
    const plan = planRun(image, await loadScenarios(scenariosDir), patterns);
    const prepared = await prepareImage(image, { cache, log: say, signal });
    const { kernel, vmlinux } = prepared;
    const results = resolve(flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results');
    const report = await mutate({
      prepared,
      scenarios: plan.boots,
      accelerator: await chooseAccelerator(flags.accel ?? 'auto', { kernel, vmlinux, cache, signal }),
      cache,
      folder: (await makeRunFolder(results, 'mutate')).path,
      jobs: flags.jobs ?? hostCapacity(undefined, 1).cpus,
      limit: flags.limit,
      signal,
      onNote: say,
      onMutation: ({ scenario, modules, verdict, named, reason }) =>
        say(
          `${scenario} without ${modules.join(', ')}: ${verdict}${named ? ', named' : ''}${reason ? ` (${reason})` : ''}`,
        ),
    });
    process.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
    process.exitCode = { yes: EXIT.ok, no: EXIT.no, unknown: EXIT.undecided }[judgeSuite(report)];
  } finally {
    interrupt.release();
  }
}

const share = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((part / whole) * 100).toFixed(1)} %`;

function reportText(report: MutationReport): string {
  const { mutations, without, failed, bystanders, possible } = report;
  const red = mutations.filter((one) => one.red);
  const named = red.filter((one) => one.named);
  const due = mutations.filter((one) => one.red || !one.soft).length;
  const lines = [
    `${mutations.length} of ${possible} mutations; ${bystanders} modules that no declared device or step asked for were left in`,
    `turned red          ${red.length} of ${due} (${share(red.length, due)}; target: all); ${mutations.length - due} named by a softdep alone are not missed`,
    `named at the top    ${named.length} of ${red.length} (${share(named.length, red.length)}; target: 95 %)`,
  ];
  for (const { scenario, reason } of without)
    lines.push(`not tried: ${scenario} fails with the whole tree (${reason})`);
  for (const { scenario, modules, reason } of failed)
    lines.push(`not tried: ${[scenario, modules.join(', ')].filter(Boolean).join(' without ')}: ${reason}`);
  if (mutations.length === 0) lines.push('nothing was taken away: that says nothing of the suite');
  for (const { scenario, modules, verdict, reason } of mutations.filter((one) => one.reason !== ''))
    lines.push(`  ${verdict.padEnd(5)} ${scenario} without ${modules.join(', ')}: ${reason}`);
  return `${lines.join('\n')}\n`;
}
