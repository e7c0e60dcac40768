import { cleanLine } from '../printable.js';
import type { Capsule } from './capsule.js';

/** The README of a capsule, for someone who does not have bootgate. */
export function capsuleReadme({ request, recorded, expectation, window }: Capsule): string {
  const { scenario, kernel, set, memoryMiB } = request;
  const count = set.modules === 'all' ? 'its full module tree' : `${set.modules.length} of its modules`;
  const files = [
    [
      'run.sh',
      'boots the guest; exit status 0: it ended as recorded, 1: it did not, 3: this machine could not tell',
    ],
    [
      'domain.xml',
      'the same machine for libvirt: ./run.sh --domain > here.xml (make the disks first, see below)',
    ],
    ['vmlinux, vmlinuz', 'the kernel as it was booted, and as it was packaged'],
    ['initramfs.cpio', 'tools, indexes and steps'],
    ...(window ? [['modules.bin', 'the modules, which run.sh puts into the memory of the guest']] : []),
    ['recorded/', 'console and records of the boot that this repeats'],
    ['capsule.json', 'all of it as data: bootgate repro FILE.tar.zst'],
  ];
  const steps = scenario.steps.map(({ name, run }, at) => `  ${at + 1}. ${cleanLine(name)}\n${indent(run)}`);
  const disks = scenario.disks.map(({ serial, sizeMiB }) => `  truncate -s ${sizeMiB}M ${serial}.img`);
  return [
    `${recorded.scenario}: ${recorded.verdict} in the phase ${recorded.phase}`,
    ...(recorded.reason ? [cleanLine(recorded.reason)] : []),
    '',
    `Linux ${kernel.release} (${kernel.arch}) with ${count}; ${scenario.cpus} CPU, ${memoryMiB} MiB.`,
    `Recorded under ${recorded.accelerator} in ${recorded.seconds.toFixed(1)} s.`,
    ...(expectation.kind === 'outside'
      ? ['What failed was found on the disk once the guest was gone: run.sh boots it and cannot check that.']
      : []),
    '',
    'Needed: QEMU, sh and the usual small tools (dd, grep, sed). Try: ./run.sh, or ./run.sh --console',
    '',
    ...files.map(([name = '', what = '']) => `${name.padEnd(18)}${what}`),
    '',
    ...(disks.length > 0 ? ['Empty disks for libvirt:', ...disks, ''] : []),
    'Steps of the guest:',
    ...steps,
    '',
  ].join('\n');
}

const indent = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `     ${line}`)
    .join('\n');
