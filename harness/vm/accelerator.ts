import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bootSupport, canBootDirectly, findArchitecture } from '../arch/index.js';
import type { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import type { Kernel, Vmlinux } from '../kernel/kernel.js';
import { Follower } from './follow.js';
import { hostFactor } from './hostfactor.js';
import { readyMachine } from './launch.js';
import type { Accelerator, AcceleratorChoice, Machine } from './machine.js';

const KVM = '/dev/kvm';
/** Where KVM works the first line is there within a second. */
const PROBE_SECONDS = 10;
/** A busy host gets so many times longer at most. */
const MOST_PATIENCE = 3;
const POLL_MS = 25;

export interface AcceleratorContext {
  kernel: Kernel;
  vmlinux: Vmlinux;
  cache: Cache;
  signal?: AbortSignal;
}

interface Probe {
  works: boolean;
  /** A sentence's end: `this kernel's first line came after 0.3 s`. */
  seen: string;
}

/**
 * KVM only when this very kernel is seen to boot under it: there are hosts where /dev/kvm opens, firmware prints, and
 * a distribution kernel then hangs for ever. The answer is remembered per host, QEMU and kernel.
 * @throws BootgateError blame `user` E_ARCH for a kernel of an architecture that cannot be booted yet, blame `host` E_KVM when
 * `kvm` is asked for and does not work.
 */
export async function chooseAccelerator(
  requested: 'auto' | Accelerator,
  context: AcceleratorContext,
): Promise<AcceleratorChoice> {
  bootSupport(context.kernel.arch);
  if (requested === 'tcg') return { requested, used: 'tcg', reason: 'emulation was requested' };
  const { works, seen } = await kvmWorks(context);
  if (works) return { requested, used: 'kvm', reason: `KVM works: ${seen}` };
  if (requested === 'kvm')
    throw hostError('E_KVM', `KVM does not work here: ${seen}`, {
      hint: 'use `--accel auto` or `--accel tcg` to emulate, which is slower and as good a test',
    });
  return { requested, used: 'tcg', reason: `emulating, since KVM does not work here: ${seen}` };
}

async function kvmWorks(context: AcceleratorContext): Promise<Probe> {
  const { kernel, cache, signal } = context;
  if (kernel.arch !== findArchitecture(process.arch)?.arch)
    return { works: false, seen: `the host is not ${kernel.arch}` };
  if (!existsSync(KVM)) return { works: false, seen: `there is no ${KVM}` };
  try {
    accessSync(KVM, constants.R_OK | constants.W_OK);
  } catch {
    return { works: false, seen: `${KVM} cannot be opened by this user` };
  }
  const key = probeKey(kernel);
  const known = knownProbe(await cache.recall('kvm-probe', key));
  if (known) return known;
  const found = await probe(context);
  signal?.throwIfAborted();
  const { works, seen } = found;
  if (found.lasts)
    await cache.keep('kvm-probe', key, JSON.stringify({ works, seen, at: Date.now() } satisfies StoredProbe));
  return found;
}

/** What is remembered: as long as the host is the same, and for a while. */
interface StoredProbe extends Probe {
  /** Milliseconds since 1970. */
  at: number;
}

const REMEMBERED_MS = 6 * 60 * 60 * 1000;

/** Undefined if there is none, or it is too old. */
export function knownProbe(text: string | null, now = Date.now()): Probe | undefined {
  if (text === null) return undefined;
  const { works, seen, at } = JSON.parse(text) as StoredProbe;
  return at <= now && now - at < REMEMBERED_MS ? { works, seen } : undefined;
}

/** The host as it was started, its kernel and processor, the QEMU binary and the kernel under test. */
function probeKey(kernel: Kernel): string {
  const program = bootSupport(kernel.arch).qemu;
  return [
    readOr('/proc/sys/kernel/random/boot_id'),
    readOr('/proc/sys/kernel/osrelease'),
    cpus()[0]?.model ?? '',
    binaryIdentity(program),
    kernel.digest,
  ].join('\n');
}

/**
 * Boots the kernel with nothing else, until its first line or until the time is up. `lasts`: the answer will be the same next
 * time. What QEMU says when it gives up at once may be a moment's (no memory, /dev/kvm busy), and costs nothing to ask again.
 */
async function probe({ kernel, vmlinux, signal }: AcceleratorContext): Promise<Probe & { lasts: boolean }> {
  signal?.throwIfAborted();
  const direct = canBootDirectly(kernel.arch, vmlinux).ok;
  const machine: Machine = {
    arch: kernel.arch,
    cpus: 1,
    memoryMiB: 256,
    boot: direct ? 'direct' : 'packaged',
    kernel: direct ? vmlinux.path : kernel.vmlinuz,
    initramfs: '',
    cmdline: '',
    window: null,
    disks: [],
    nics: [],
  };
  const folder = await mkdtemp(join(tmpdir(), 'bootgate-kvm-'));
  const undo: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const console = new Follower(join(folder, 'console.log'));
    undo.push(() => console.close());
    const logs = { console: 'console.log', control: null };
    const ready = await readyMachine({ machine, accelerator: 'kvm', folder, logs });
    undo.push(() => ready.giveBack());
    const limit = PROBE_SECONDS * Math.min(MOST_PATIENCE, hostFactor());
    const start = performance.now();
    const qemu = ready.start(() => {});
    undo.push(() => qemu.stop());
    qemu.begin(1000 * limit).catch(() => {}); // Its exit says why, or the time runs out.
    let exit: string | null = null;
    void qemu.exited.then(({ stderr }) => {
      exit = stderr.trim().split('\n').at(-1) || 'QEMU ended at once';
    });
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      signal?.throwIfAborted();
      console.read();
      const seconds = (performance.now() - start) / 1000;
      if (console.kept.toBuffer().includes('Linux version'))
        return {
          works: true,
          lasts: true,
          seen: `this kernel's first line came after ${seconds.toFixed(1)} s`,
        };
      if (exit !== null) return { works: false, lasts: false, seen: exit };
      if (seconds > limit)
        return {
          works: false,
          lasts: true,
          seen: `${KVM} opens, but this kernel printed nothing for ${Math.round(limit)} s under it`,
        };
    }
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

/** Path, size and time of a program in PATH: a new QEMU is a new answer, and asking it for its version takes longer. */
function binaryIdentity(program: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    if (!existsSync(path)) continue;
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  }
  return program;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
