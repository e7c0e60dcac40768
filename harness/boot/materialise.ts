import { join } from 'node:path';
import { hostError } from '../errors.js';
import { assemble } from '../initramfs/build.js';
import { writeCpio } from '../initramfs/cpio.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { DiskBus, NicModel, OtherDevice } from '../vm/devices/index.js';
import { createDisk } from '../vm/disks.js';
import { startFarEnd } from '../vm/farend.js';
import type { Machine } from '../vm/machine.js';
import type { LocalFiles } from './local-files.js';
import type { BootRequest } from './request.js';
import { makeShares } from './shares.js';

/** Where the files of one machine lie, and what answers its NICs. */
export interface Places {
  kernel: string;
  initramfs: string;
  window: string | null;
  /** By the disk's serial. */
  disks: ReadonlyMap<string, string>;
  /** By the NIC's address; a NIC without a far end is not in it. */
  farEnds: ReadonlyMap<string, number>;
  shares: NonNullable<Machine['shares']>;
}

/** The machine of a request. Pure: the same request and places, the same machine. */
export function machineOf(request: BootRequest, places: Places): Machine {
  const { scenario, kernel, window } = request;
  return {
    arch: kernel.arch,
    board: scenario.machine,
    cpus: scenario.cpus,
    memoryMiB: request.memoryMiB,
    boot: kernel.boot,
    kernel: places.kernel,
    initramfs: places.initramfs,
    cmdline: scenario.cmdline,
    window: window && places.window ? { file: places.window, bytes: window.bytes } : null,
    disks: scenario.disks.map(({ serial, bus }) => ({
      serial,
      bus: bus as DiskBus,
      file: places.disks.get(serial) ?? '',
    })),
    nics: scenario.nics.map(({ model, mac }) => ({
      model: model as NicModel,
      mac,
      farEndPort: places.farEnds.get(mac) ?? null,
    })),
    shares: places.shares,
    devices: scenario.devices as OtherDevice[] | undefined,
  };
}

/**
 * `request -> machine`: makes in `scratch` what this boot alone needs (the archive, disks, shares) and starts the far ends.
 * `undo` gets what must be done once the guest is gone.
 */
export async function materialise(
  request: BootRequest,
  files: LocalFiles,
  scratch: string,
  undo: (() => Promise<unknown>)[],
): Promise<Machine> {
  const initramfs = join(scratch, 'initramfs.cpio');
  await assemble(await segmentsOf(request, files, scratch), initramfs);
  return machineWith(
    request,
    { initramfs, kernel: files.path(request.kernel.content) },
    files,
    scratch,
    undo,
  );
}

/** The same with what it boots given: disks, shares and far ends are made. */
export async function machineWith(
  request: BootRequest,
  booted: Pick<Places, 'kernel' | 'initramfs'>,
  files: LocalFiles,
  scratch: string,
  undo: (() => Promise<unknown>)[],
): Promise<Machine> {
  const { scenario, seed, window } = request;
  const disks = new Map<string, string>();
  for (const { serial, sizeMiB } of scenario.disks) {
    const file = join(scratch, `${serial}.img`);
    await createDisk(file, sizeMiB);
    disks.set(serial, file);
  }
  const farEnds = new Map<string, number>();
  for (const { mac, farEnd } of scenario.nics) {
    if (!farEnd) continue;
    const started = await startFarEnd();
    undo.push(() => started.close());
    farEnds.set(mac, started.port);
  }
  return machineOf(request, {
    ...booted,
    window: window && files.path(window.content),
    disks,
    farEnds,
    shares: await makeShares(scenario, scratch, seed),
  });
}

/** The archive's segments; the scenario's own is written again where it is missing. */
export async function segmentsOf(request: BootRequest, files: LocalFiles, scratch: string) {
  const { scenario, nonce, seed } = request;
  const segments = [];
  for (const { kind, digest, bytes } of request.initramfs.segments) {
    let path: string;
    if (kind === 'scenario' && !files.has(digest)) {
      path = join(scratch, 'scenario.cpio');
      const written = await writeCpio(scenarioEntries(scenario, { nonce, seed }), path);
      if (written.digest !== digest)
        throw hostError('E_CONTENT', `this version of bootgate boots ${scenario.name} with other contents`, {
          hint: 'run the scenario from its image',
        });
    } else path = files.path(digest);
    segments.push({ kind, digest, bytes, path });
  }
  return segments;
}
