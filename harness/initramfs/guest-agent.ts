import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootgateError } from '../errors.js';
import { USR_MERGED } from './host-files.js';
import type { Entry } from './initramfs.js';

/** The scripts of harness/guest: init and modprobe where the kernel looks for them, the rest below /bootgate. */
export function agentEntries(folder: string): Entry[] {
  const places = new Map([
    ['init.sh', 'init'],
    ['modprobe.sh', 'usr/sbin/modprobe'],
  ]);
  const tools = ['insmod', 'modinfo', 'depmod'].map(
    (name): Entry => ({ path: `usr/sbin/${name}`, type: 'symlink', target: '/bootgate/module-tools.sh' }),
  );
  const scripts = readdirSync(folder).filter((name) => /\.(sh|awk)$/.test(name));
  if (!scripts.includes('init.sh'))
    throw new BootgateError(`${folder} holds no init.sh: the installation is incomplete`, {
      code: 'E_GUEST_AGENT',
      blame: 'bug',
    });
  const files = scripts.sort().map((name): Entry => {
    const data = readFileSync(join(folder, name));
    return { path: places.get(name) ?? `bootgate/${name}`, type: 'file', mode: 0o755, data };
  });
  return [...files, ...(scripts.includes('module-tools.sh') ? tools : [])];
}

const text = (path: string, data: string): Entry => ({ path, type: 'file', data: Buffer.from(data) });
const folder = (path: string, mode = 0o755): Entry => ({ path, type: 'directory', mode });

/** A usr-merged root. /dev/console must be there before anything is mounted: init's own output goes to it. */
export const skeleton: Entry[] = [
  ...USR_MERGED.map((name): Entry => ({ path: name, type: 'symlink', target: `usr/${name}` })),
  ...['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/lib/modules'].map((path) => folder(path)),
  ...['dev', 'proc', 'sys', 'run', 'etc', 'mnt', 'var', 'bootgate'].map((path) => folder(path)),
  folder('tmp', 0o1777),
  folder('root', 0o700),
  { path: 'var/run', type: 'symlink', target: '/run' },
  { path: 'dev/console', type: 'device', kind: 'char', major: 5, minor: 1, mode: 0o600 },
  { path: 'dev/null', type: 'device', kind: 'char', major: 1, minor: 3, mode: 0o666 },
  text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
  text('etc/group', 'root:x:0:\n'),
  text('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
];
