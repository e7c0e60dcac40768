import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Accelerator } from './machine.js';

/** Whom QEMU runs as. */
export interface Rights {
  /** setpriv's arguments. */
  setpriv: string[];
  /** The owner of what QEMU may write, or null: it runs as the caller. */
  uid: number | null;
}

/**
 * Users of no account (systemd, "Users, Groups, UIDs and GIDs": 61184 to 65519 are for services that come and go). Each guest
 * gets one of its own, so that one QEMU cannot trace another or read its files.
 */
const FIRST_UID = 61_184;
const LAST_UID = 65_519;

/** The parent-death signal survives exec: QEMU is killed by the kernel when this process is, even by SIGKILL. */
const WITH_US = ['--pdeathsig', 'KILL'];

/** As the caller. No program that QEMU could start gets more rights than it. */
export const callersRights: Rights = { setpriv: [...WITH_US, '--no-new-privs'], uid: null };

export const isRoot = (): boolean => process.geteuid?.() === 0;

/** As a user of no account, without groups and capabilities; the caller is root. */
export function droppedRights(groups: readonly number[] = []): Rights {
  const uid = randomInt(FIRST_UID, LAST_UID + 1);
  return {
    setpriv: [
      ...WITH_US,
      ...['--reuid', `${uid}`, '--regid', `${uid}`],
      ...(groups.length > 0 ? ['--groups', groups.join(',')] : ['--clear-groups']),
      ...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'],
    ],
    uid,
  };
}

/** The groups that an unprivileged user needs for an accelerator, or the reason why none will do. */
export function groupsFor(accelerator: Accelerator, device = '/dev/kvm'): number[] | string {
  if (accelerator !== 'kvm') return [];
  const { mode, gid } = statSync(device);
  if ((mode & 0o006) === 0o006) return [];
  if ((mode & 0o060) === 0o060 && gid !== 0) return [gid];
  return `${device} is accessible only to root`;
}
