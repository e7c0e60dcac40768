import { normaliseName } from '../modules/names.js';

/** Where something keeps a module from being loaded although it is there. */
export interface Ban {
  /** `/etc/modprobe.d/x.conf:3`, or `the kernel command line`. */
  where: string;
  /** The line, or the word, that says so. */
  text: string;
  /** `blacklist` holds for aliases only (a device's, a request's); the others for the module's own name as well. */
  by: 'blacklist' | 'install' | 'kernel';
}

/** modprobe's configuration as far as it forbids, by module name. */
export type Blacklist = ReadonlyMap<string, Ban>;

/**
 * Reads modprobe.d files (man modprobe.d: `blacklist NAME`, `install NAME COMMAND` with a command that does nothing) and a
 * kernel command line: `modprobe.blacklist=a,b`, which kmod reads, and `module_blacklist=a,b`, which the kernel does.
 */
export function readBlacklist(
  files: readonly { file: string; text: string }[],
  commandLine: string,
): Blacklist {
  const bans = new Map<string, Ban>();
  for (const { file, text } of files) {
    for (const [at, line] of text.split('\n').entries()) {
      const [word, name, command] = line.trim().split(/\s+/);
      if (!name) continue;
      const ban = (by: Ban['by']): void => {
        bans.set(normaliseName(name), { where: `${file}:${at + 1}`, text: line.trim(), by });
      };
      if (word === 'blacklist') ban('blacklist');
      else if (word === 'install' && /^(?:\/usr)?\/bin\/(?:true|false)$|^:$/.test(command ?? ''))
        ban('install');
    }
  }
  for (const word of commandLine.split(/\s+/)) {
    const list = /^(modprobe\.blacklist|module_blacklist)=(.+)$/.exec(word);
    for (const name of list?.[2]?.split(',') ?? [])
      bans.set(normaliseName(name), {
        where: 'the kernel command line',
        text: word,
        by: list?.[1] === 'module_blacklist' ? 'kernel' : 'blacklist',
      });
  }
  return bans;
}

/** The ban that explains why a request did not load a module. libkmod's KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY. */
export function banOf(request: string, module: string, blacklist: Blacklist | undefined): Ban | undefined {
  const ban = blacklist?.get(module);
  return ban?.by === 'blacklist' && normaliseName(request) === module ? undefined : ban;
}
