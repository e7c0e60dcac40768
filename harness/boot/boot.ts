import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { judge } from '../diagnose/judge.js';
import type { PreparedImage } from '../image/prepare.js';
import { assemble, buildInitramfs } from '../initramfs/build.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { createDisk } from '../vm/disks.js';
import { startFarEnd } from '../vm/farend.js';
import { runGuest } from '../vm/guest.js';
import type { AcceleratorChoice, Disk, DiskBus, Machine, Nic, NicModel, Phase } from '../vm/machine.js';
import { readReport } from '../vm/records.js';
import { backgroundOf } from './background.js';
import { checkOutside, type Outside, writeOutside } from './outside.js';
import { makeShares } from './shares.js';

export interface BootOptions {
  prepared: PreparedImage;
  scenario: Scenario;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** The scenario's folder, absolute, and relative to the run's folder. */
  folder: string;
  relativeFolder: string;
  attempt: number;
  signal?: AbortSignal;
  onPhase?: (phase: Phase) => void;
}

/** `initramfs -> guest -> records -> verdict`: one scenario booted once. Scratch files are gone afterwards. */
export async function bootScenario(options: BootOptions): Promise<ScenarioResult> {
  const { prepared, scenario, folder, cache } = options;
  const nonce = randomBytes(8).toString('hex');
  const seed = randomBytes(8).toString('hex');
  const scratch = join(folder, 'scratch');
  const undo: (() => Promise<unknown>)[] = [() => rm(scratch, { recursive: true, force: true })];
  try {
    await mkdir(scratch, { recursive: true });
    const initramfs = await buildInitramfs({
      set: prepared.set,
      tools: scenario.tools,
      scenarioEntries: scenarioEntries(scenario, { nonce, seed }),
      delivery: prepared.delivery,
      cache,
      arch: prepared.kernel.arch,
      scenarioPath: join(scratch, 'scenario.cpio'),
    });
    const archive = join(scratch, 'initramfs.cpio');
    await assemble(initramfs.segments, archive);

    const disks: Disk[] = [];
    for (const disk of scenario.disks) {
      const file = join(scratch, `${disk.serial}.img`);
      await createDisk(file, disk.sizeMiB);
      disks.push({ serial: disk.serial, bus: disk.bus as DiskBus, file });
    }
    const nics: Nic[] = [];
    for (const nic of scenario.nics) {
      let farEndPort: number | null = null;
      if (nic.farEnd) {
        const farEnd = await startFarEnd();
        undo.push(() => farEnd.close());
        farEndPort = farEnd.port;
      }
      nics.push({ model: nic.model as NicModel, mac: nic.mac, farEndPort });
    }

    const shares = await makeShares(scenario, scratch, seed);
    const direct = scenario.boot === 'direct' && prepared.vmlinux.pvhEntry !== null;
    const machine: Machine = {
      arch: prepared.kernel.arch,
      cpus: scenario.cpus,
      memoryMiB: scenario.memoryMiB,
      boot: direct ? 'direct' : 'packaged',
      kernel: direct ? prepared.vmlinux.path : prepared.kernel.vmlinuz,
      initramfs: archive,
      cmdline: scenario.cmdline,
      window: initramfs.window,
      disks,
      nics,
      shares,
    };
    await writeJson(join(folder, 'recipe.json'), {
      scenario,
      machine,
      initramfs,
      kernel: prepared.kernel.digest,
      nonce,
      seed,
    });

    const recording = await runGuest({
      machine,
      accelerator: options.accelerator.used,
      folder,
      nonce,
      stepSeconds: scenario.steps.reduce((sum, step) => sum + step.timeout, 0),
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onPhase ? { onPhase: options.onPhase } : {}),
    });

    const outside: Outside =
      recording.ending.kind === 'infra' ? { checks: [] } : await checkOutside(scenario, disks, shares, seed);
    await writeOutside(folder, outside);
    const report = readReport(nonce, recording.control, recording.console);
    const judged = judge({
      scenario,
      recording,
      report,
      outside: outside.checks,
      trouble: outside.trouble,
      set: prepared.set,
      tree: prepared.index,
      ...(await backgroundOf(prepared, report, cache)),
    });
    const at = (name: string) => join(options.relativeFolder, name);
    return {
      scenario: scenario.name,
      ...(prepared.installSet ? { installSet: prepared.installSet.name } : {}),
      area: scenario.area,
      ...judged,
      seconds: recording.seconds,
      cpuSeconds: recording.cpuSeconds,
      attempts: options.attempt,
      files: {
        console: at('console.log'),
        control: at('control.log'),
        argv: at('qemu.sh'),
        recording: at('recording.json'),
      },
      phases: recording.phases,
    };
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
