import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootSupport } from '../arch/index.js';
import { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { assemble, buildInitramfs } from '../initramfs/build.js';
import { packageRoot, scenariosDir } from '../paths.js';
import { loadScenarios } from '../scenarios/load.js';
import { scenarioEntries } from '../scenarios/payload.js';
import { commandLine, qemuArgv } from '../vm/argv.js';
import { createDisk } from '../vm/disks.js';
import type { Machine } from '../vm/machine.js';
import { atMost, type Bench, figure } from './figure.js';

const SCENARIO = 'storage/virtio-blk';
const IMAGE = 'debian';

/**
 * The whole cost of one verdict, from the command's start to its end, against QEMU alone with the packaged vmlinuz, the same
 * initramfs, disk and memory, run to power-off. CPU seconds of all processes, because the clock is noisy.
 */
export const bootBench: Bench = {
  name: 'boot',
  about: 'CPU from start to verdict, against plain qemu -kernel vmlinuz -initrd SAME (TCG)',
  async measure() {
    const scratch = mkdtempSync(join(tmpdir(), 'bootgate-bench-'));
    try {
      const { qemu, plain, same } = await plainBoot(scratch);
      const main = join(packageRoot, 'dist', 'cli', 'main.js');
      const args = ['run', SCENARIO, '--image', IMAGE, '--accel', 'tcg', '--reporter', 'json'];
      const taken = { plain: [] as number[], same: [] as number[], ours: [] as number[] };
      // Warm all once, then take turns, so that a noisy neighbour meets each of them.
      for (let round = -1; round < 3; round++) {
        const plainSeconds = cpuSeconds(qemu, plain(round));
        const sameSeconds = cpuSeconds(qemu, same(round));
        const ourSeconds = cpuSeconds(process.execPath, [
          main,
          ...args,
          '--results',
          join(scratch, 'results'),
        ]);
        if (round < 0) continue;
        taken.plain.push(plainSeconds);
        taken.same.push(sameSeconds);
        taken.ours.push(ourSeconds);
      }
      const [plainCpu, sameCpu, ourCpu] = [median(taken.plain), median(taken.same), median(taken.ours)];
      return [
        figure('qemu -kernel vmlinuz -initrd SAME, to power-off', plainCpu, 's CPU', SCENARIO),
        figure('the same without default devices', sameCpu, 's CPU', "bootgate's own machine"),
        figure('bootgate and its qemu, to the verdict', ourCpu, 's CPU', SCENARIO),
        atMost('bootgate / plain qemu', ourCpu / plainCpu, 'ratio', 0.6),
        figure('bootgate / qemu without default devices', ourCpu / sameCpu, 'ratio'),
      ];
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/**
 * The command that a person would type: QEMU's own defaults for machine and firmware, `-kernel vmlinuz -initrd SAME`, and of
 * bootgate's machine only what the guest cannot do without: memory with the window in it, disk, two serial ports.
 */
async function plainBoot(scratch: string): Promise<{ qemu: string; plain: Argv; same: Argv }> {
  const cache = new Cache();
  const prepared = await prepareImage(await loadImage(IMAGE), { cache });
  const scenario = (await loadScenarios(scenariosDir)).find(({ name }) => name === SCENARIO);
  if (!scenario) throw new Error(`${SCENARIO} is gone`);
  const initramfs = await buildInitramfs({
    set: prepared.set,
    tools: scenario.tools,
    scenarioEntries: scenarioEntries(scenario, { nonce: '0123456789abcdef', seed: 'fedcba9876543210' }),
    delivery: prepared.delivery,
    cache,
    scenarioPath: join(scratch, 'scenario.cpio'),
  });
  const archive = join(scratch, 'initramfs.cpio');
  await assemble(initramfs.segments, archive);
  const disk = join(scratch, 'disk.img');
  await createDisk(disk, scenario.disks[0]?.sizeMiB ?? 64);
  const machine: Machine = {
    arch: prepared.kernel.arch,
    cpus: scenario.cpus,
    memoryMiB: scenario.memoryMiB,
    boot: 'packaged',
    kernel: prepared.kernel.vmlinuz,
    initramfs: archive,
    cmdline: scenario.cmdline,
    window: initramfs.window,
    disks: [{ serial: 'data', bus: 'virtio-blk', file: disk }],
    nics: [],
  };
  const same: Argv = (round) =>
    qemuArgv(machine, {
      accelerator: 'tcg',
      firmware: null,
      console: { backend: 'file', path: join(scratch, `console${round}`) },
      control: { backend: 'file', path: join(scratch, `control${round}`) },
      qmp: null,
    });
  const plain: Argv = (round) => {
    const ours = same(round);
    // every `-m`, `-object` and `-numa` of ours, with its value: the memory
    const memory = ours.flatMap((word, at) =>
      /^-(m|object|numa)$/.test(word) ? [word, ours[at + 1] ?? ''] : [],
    );
    return [
      ...['-accel', 'tcg', '-cpu', 'max', '-display', 'none', '-no-reboot', ...memory],
      ...['-kernel', machine.kernel, '-initrd', archive, '-append', commandLine(machine)],
      ...[
        '-serial',
        `file:${join(scratch, `console${round}`)}`,
        '-serial',
        `file:${join(scratch, `control${round}`)}`,
      ],
      ...[
        '-drive',
        `file=${disk},format=raw,if=none,id=data`,
        '-device',
        'virtio-blk-pci,drive=data,serial=data',
      ],
    ];
  };
  return { qemu: bootSupport(prepared.kernel.arch).qemu, plain, same };
}

/** QEMU's arguments; each round has files of its own. */
type Argv = (round: number) => string[];

/** User and system seconds of a program and of everything that it started and waited for, by the shell's `times`. */
export function cpuSeconds(file: string, args: readonly string[]): number {
  const { stdout, stderr, status } = spawnSync(
    'sh',
    ['-c', '"$@" >&2; status=$?; times; exit $status', 'sh', file, ...args],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw hostError('E_BENCH', `${file} ended with ${status}: ${stderr.slice(-800)}`);
  const children = stdout.trim().split('\n').at(-1) ?? '';
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
