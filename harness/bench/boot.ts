import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import { assemble, buildInitramfs } from '../initramfs/build.js';
import { packageRoot, scenariosDir } from '../paths.js';
import { loadImage } from '../run/image.js';
import { prepareImage } from '../run/prepare.js';
import { loadScenarios } from '../scenarios/load.js';
import { scenarioEntries } from '../scenarios/payload.js';
import { architectureOf } from '../vm/arch/index.js';
import { qemuArgv } from '../vm/argv.js';
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
      const plain = await plainBoot(scratch);
      const main = join(packageRoot, 'dist', 'cli', 'main.js');
      const args = ['run', SCENARIO, '--image', IMAGE, '--accel', 'tcg', '--reporter', 'json'];
      const ours: number[] = [];
      const raw: number[] = [];
      // Warm both once, then take turns, so that a noisy neighbour meets both.
      for (let round = -1; round < 3; round++) {
        const rawSeconds = cpuSeconds(plain.qemu, plain.args(round));
        const ourSeconds = cpuSeconds(process.execPath, [
          main,
          ...args,
          '--results',
          join(scratch, 'results'),
        ]);
        if (round >= 0) raw.push(rawSeconds);
        if (round >= 0) ours.push(ourSeconds);
      }
      const [rawCpu, ourCpu] = [median(raw), median(ours)];
      return [
        figure('plain qemu, to power-off', rawCpu, 's CPU', SCENARIO),
        figure('bootgate and its qemu, to the verdict', ourCpu, 's CPU', SCENARIO),
        atMost('bootgate / plain qemu', ourCpu / rawCpu, 'ratio', 0.6),
      ];
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/** The same machine as bootgate would make, but for vmlinuz and the firmware that QEMU takes by itself. */
async function plainBoot(scratch: string): Promise<{ qemu: string; args: (round: number) => string[] }> {
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
  return {
    qemu: architectureOf(prepared.kernel.arch).qemu,
    args: (round) =>
      qemuArgv(machine, {
        accelerator: 'tcg',
        firmware: null,
        console: { backend: 'file', path: join(scratch, `console${round}`) },
        control: { backend: 'file', path: join(scratch, `control${round}`) },
        qmp: null,
      }),
  };
}

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
