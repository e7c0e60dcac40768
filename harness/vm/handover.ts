import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Fork, Machine, Window } from './machine.js';

/** The first descriptor that is handed over: QMP has the one before. */
export const FIRST_FD = 4;

/** A machine whose files are open descriptors. */
export interface HandedOver {
  machine: Machine;
  /** Where QEMU writes its UARTs, in the order of `logs`. */
  logs: string[];
  /** In the order of their numbers in QEMU, from 4. */
  fds: number[];
  /** The logs are the caller's again, and all descriptors are closed. */
  giveBack(): void;
}

/**
 * Opens all files of a machine for a QEMU that runs as another user: by /proc/self/fd it opens them again with its own rights,
 * and needs none on the folders above (which may be /root's). Disks, shares and logs become its own; the kernel, the archive
 * and the window are only read.
 * @throws Error when an owner cannot be changed, or the window is not readable by others.
 */
export function handOver(machine: Machine, folder: string, logs: readonly string[], uid: number): HandedOver {
  const open = new Descriptors();
  try {
    const opened: Machine = {
      ...machine,
      kernel: machine.kernel && open.readable(machine.kernel, join(folder, 'kernel.tmp'), uid),
      initramfs: machine.initramfs && open.readable(machine.initramfs, join(folder, 'initramfs.tmp'), uid),
      window: machine.window && {
        ...machine.window,
        file: windowOf(machine.window, machine.fork, open, uid),
      },
      disks: machine.disks.map((disk) => ({ ...disk, file: open.own(disk.file, 0o600, uid) })),
    };
    if (machine.fork) opened.fork = openFork(machine.fork, open, uid);
    if (machine.shares)
      opened.shares = machine.shares.map((share) => ({
        ...share,
        folder: open.own(share.folder, 0o700, uid),
      }));
    const before = open.fds.length;
    const paths = logs.map((name) => open.own(join(folder, name), 0o644, uid));
    const logFds = open.fds.slice(before);
    const giveBack = () => {
      for (const fd of logFds) fchownSync(fd, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
      open.close();
    };
    return { machine: opened, logs: paths, fds: open.fds, giveBack };
  } catch (error) {
    open.close();
    throw error;
  }
}

/** A template's window is zeros of its own. */
function windowOf({ file }: Window, fork: Fork | undefined, open: Descriptors, uid: number): string {
  return fork?.kind === 'template' ? open.own(file, 0o600, uid) : open.shared(file);
}

/** A template's memory is its own while it is made, and belongs to nobody's guest afterwards. */
function openFork(fork: Fork, open: Descriptors, uid: number): Fork {
  const ram = (path: string) => (fork.kind === 'template' ? open.own(path, 0o600, uid) : open.shared(path));
  return {
    ...fork,
    low: ram(fork.low),
    high: ram(fork.high),
    trial: { ...fork.trial, file: open.own(fork.trial.file, 0o600, uid) },
    ...(fork.kind === 'template' ? { state: open.own(fork.state, 0o700, uid) } : {}),
  };
}

/** Open files, and the paths by which QEMU knows them. */
class Descriptors {
  readonly fds: number[] = [];

  /** Something of this guest's alone: QEMU's user owns it from now on. */
  own(path: string, mode: number, uid: number): string {
    // Never through a link: what is given away is what lies here.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const known = this.#add(fd);
    fchmodSync(fd, mode);
    fchownSync(fd, uid, uid);
    return known;
  }

  /** Something that others use as well: it stays as it is. */
  shared(path: string): string {
    const fd = openSync(path, constants.O_RDONLY);
    const known = this.#add(fd);
    if (!isReadable(fd)) throw new Error(`${path} is not readable by other users`);
    return known;
  }

  /** The same, or a copy without a name: distributions ship vmlinuz for root alone. */
  readable(path: string, copy: string, uid: number): string {
    const fd = openSync(path, constants.O_RDONLY);
    if (isReadable(fd)) return this.#add(fd);
    closeSync(fd);
    copyFileSync(path, copy, constants.COPYFILE_FICLONE);
    try {
      return this.own(copy, 0o400, uid);
    } finally {
      unlinkSync(copy);
    }
  }

  close(): void {
    for (const fd of this.fds.splice(0)) closeSync(fd);
  }

  #add(fd: number): string {
    this.fds.push(fd);
    return `/proc/self/fd/${FIRST_FD + this.fds.length - 1}`;
  }
}

function isReadable(fd: number): boolean {
  return (fstatSync(fd).mode & 0o004) !== 0;
}
