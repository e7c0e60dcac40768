import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { hostError } from '../errors.js';
import type { Entry } from './initramfs.js';

/** What a busybox can do. */
export interface AppletFacts {
  names: readonly string[];
  /** Its sh runs its applets before it looks at PATH (FEATURE_SH_STANDALONE). */
  standalone: boolean;
}

/**
 * What programs other than busybox may want to run by name (ip netns exec, system(3), xargs). Only these get a link where
 * the shell finds its applets without: the kernel takes more than a millisecond of a TCG boot for each.
 */
const LINKED_APPLETS = new Set(
  (
    'ash sh awk cat chmod cp cut date dd df dirname dmesg echo env expr false find free grep gzip head hostname id ' +
    'ifconfig kill killall ln ls lsmod mkdir mkfifo mknod mount mv nc netstat pidof ping ping6 ps readlink rm rmdir route ' +
    'sed seq setsid sleep sort stat stty sync sysctl tail tar tee test timeout touch tr true udhcpc umount uname uniq wc ' +
    'wget xargs yes zcat'
  ).split(' '),
);

/**
 * A symbolic link for each applet, except where a real program has that name. busybox's sh may be built to run its
 * applets before it looks at PATH (Debian's is). Then few links are needed, and
 * /bootgate/programs.sh makes a function of each real program that an applet would hide; steps source it.
 * @param place of busybox in the guest
 * @param taken paths that something else has
 */
export function appletLinks(
  { names, standalone }: AppletFacts,
  place: string,
  taken: readonly string[],
): Entry[] {
  const programs = new Map<string, string>();
  for (const path of taken) if (/^usr\/s?bin\//.test(path)) programs.set(basename(path), path);
  const applets = names.filter((name) => name !== '' && !name.includes('/'));
  const hidden = applets.filter(
    (name) => programs.has(name) && /^[a-z_]\w*$/i.test(name) && name !== 'busybox',
  );
  const functions = hidden.map((name) => `${name}() { /${programs.get(name)} "$@"; }\n`);
  return [
    ...applets
      .filter((name) => !programs.has(name) && (!standalone || LINKED_APPLETS.has(name)))
      .map((name): Entry => ({ path: `usr/bin/${name}`, type: 'symlink', target: `/${place}` })),
    { path: 'bootgate/programs.sh', type: 'file', data: Buffer.from(functions.join('')) },
  ];
}

/**
 * The applets of a busybox that cannot be run here, from its own table of names (libbb/appletlib.c, applet_names): sorted, each
 * with a NUL behind it, `[` and `[[` first.
 * @throws BootgateError blame `host`, E_USERLAND_BUSYBOX, when there is no such table.
 */
export async function appletNamesIn(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const first = '[\0[[\0';
  for (let start = bytes.indexOf(first); start >= 0; start = bytes.indexOf(first, start + 1)) {
    const names = bytes.toString('latin1', start, bytes.indexOf('\0\0', start)).split('\0');
    if (names.length > 50 && names.every((name) => /^[\w.[-]+$/.test(name)) && names.includes('sh'))
      return names;
  }
  throw hostError('E_USERLAND_BUSYBOX', `${path} has no table of applet names`, {
    hint: "use Debian's busybox-static",
  });
}
