import type { PreparedImage } from '../image/prepare.js';
import type { Plan } from '../run/plan.js';
import type { Scenario } from '../scenarios/scenario.js';
import { formatBytes } from '../units.js';
import type { SharedFlags } from './options.js';
import { print, printJson, printTable } from './output.js';
import { resultsOf } from './session.js';

/** `run --dry-run`: the image as it came out of flags, files and defaults, and every boot that would be made. */
export function tellDryRun(
  plan: Plan,
  prepared: readonly [PreparedImage, ...PreparedImage[]],
  flags: SharedFlags,
): void {
  const { image, kernel, index, delivery } = prepared[0];
  const answer = {
    image: { name: image.name, file: image.file },
    kernel: { release: kernel.release, arch: kernel.arch, source: kernel.source, resolved: kernel.resolved },
    sets: prepared.map(({ set, installSet }) => ({
      ...(installSet ? { installSet: installSet.name, packages: installSet.packages } : {}),
      source: set.source,
      modules: set.names.length,
      bytes: set.bytes,
      added: set.additions.length,
    })),
    of: { modules: index.modules.size, bytes: index.bytes },
    delivery,
    accelerator: flags.accel ?? 'auto',
    jobs: flags.jobs ?? 'as many as fit',
    results: resultsOf(flags),
    boots: plan.boots.flatMap((scenario) =>
      prepared.map(({ installSet }) => ({
        scenario: scenario.name,
        ...(installSet ? { installSet: installSet.name } : {}),
        machine: machineOf(scenario),
        steps: scenario.steps.map(({ name }) => name),
      })),
    ),
    skips: plan.skips.map(({ scenario, reason }) => ({ scenario: scenario.name, reason })),
  };
  if (flags.json) {
    printJson(answer);
    return;
  }
  printTable([
    ['image', `${image.name} (${image.file})`],
    ['kernel', `${kernel.release} ${kernel.arch} from ${kernel.source}`],
    ...answer.sets.map(({ installSet, source, modules, bytes, added }) => [
      installSet ?? 'modules',
      `${modules} of ${index.modules.size}, ${formatBytes(bytes)}, ${added} added as dependencies (${source})`,
    ]),
    ['delivery', delivery],
    ['accel', answer.accelerator],
    ['jobs', String(answer.jobs)],
    ['results', answer.results],
  ]);
  print('');
  printTable([
    ...plan.boots.map((scenario) => ['boot', scenario.name, machineOf(scenario)]),
    ...plan.skips.map(({ scenario, reason }) => ['skip', scenario.name, reason]),
  ]);
  print(`\n${answer.boots.length} guests would be booted`);
}

function machineOf({ cpus, memoryMiB, boot, disks, nics, shares = [], devices = [] }: Scenario): string {
  const parts = [
    `${cpus} CPU${cpus === 1 ? '' : 's'}`,
    `${memoryMiB} MiB`,
    boot === 'packaged' && 'packaged vmlinuz',
    ...disks.map(({ bus, sizeMiB }) => `${bus} disk of ${sizeMiB} MiB`),
    ...nics.map(({ model }) => `${model} NIC`),
    ...shares.map(({ tag }) => `9p share ${tag}`),
    ...devices,
  ];
  return parts.filter(Boolean).join(', ');
}
