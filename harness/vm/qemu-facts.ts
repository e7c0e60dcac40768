import { hostError } from '../errors.js';
import { SANDBOX } from './argv.js';
import { type BriefRun, runBriefly } from './brief.js';
import { hostFactor } from './hostfactor.js';
import { callersRights, droppedRights, isRoot } from './privileges.js';

/** What this host's QEMU can do, asked once for a process. */
export interface QemuFacts {
  /** Null where it does not say. */
  version: { major: number; minor: number } | null;
  /** It was built with seccomp. */
  sandbox: boolean;
  /** It starts as an unprivileged user. False where the caller has none to give away. */
  drops: boolean;
  /** For people: what it lacks, one sentence each. */
  notes: string[];
}

/** QEMU prints its version within 50 ms; multiplied by the host factor. */
const VERSION_MS = 10_000;

const known = new Map<string, Promise<QemuFacts>>();

/** @throws BootgateError blame `host`: E_SETPRIV without setpriv, E_QEMU when QEMU does not even print its version. */
export function qemuFacts(program: string): Promise<QemuFacts> {
  const key = `${program}\0${process.env.PATH}`;
  const asked = known.get(key) ?? askQemu(program);
  known.set(key, asked);
  // A host that was short of memory may not be the next time.
  asked.catch(() => known.delete(key));
  return asked;
}

/**
 * Options are read in order (softmmu/vl.c, qemu_init): `-sandbox ... -version` fails where seccomp was not built in, and
 * prints the version where it was.
 */
async function askQemu(program: string): Promise<QemuFacts> {
  const limit = VERSION_MS * hostFactor();
  const ask = async (rights: string[], sandbox: boolean): Promise<BriefRun> => {
    const args = [...(sandbox ? ['-sandbox', SANDBOX] : []), '-version'];
    const run = await runBriefly('setpriv', [...rights, program, ...args], limit);
    if (run.failed === 'ENOENT')
      throw hostError('E_SETPRIV', 'setpriv is not installed, and QEMU is started with it', {
        hint: 'install util-linux; see `bootgate doctor`',
      });
    if (run.late)
      throw hostError('E_QEMU', `${program} did not print its version within ${Math.round(limit / 1000)} s`, {
        hint: `try \`${program} -version\``,
      });
    return run;
  };
  const dropped = isRoot() ? droppedRights().setpriv : null;
  let refused = '';
  for (const rights of dropped ? [dropped, callersRights.setpriv] : [callersRights.setpriv])
    for (const sandbox of [true, false]) {
      const run = await ask(rights, sandbox);
      if (run.status === 0)
        return factsOf(program, run.stdout, { sandbox, drops: rights === dropped }, refused);
      refused = wordsOf(run);
    }
  throw hostError('E_QEMU', `${program} cannot be started: ${refused}`, { hint: 'see `bootgate doctor`' });
}

function factsOf(
  program: string,
  printed: string,
  can: Pick<QemuFacts, 'sandbox' | 'drops'>,
  refused: string,
): QemuFacts {
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(printed) ?? [];
  const notes: string[] = [];
  if (!can.sandbox) notes.push(`${program} was built without seccomp, so guests run without its sandbox`);
  if (!can.drops && isRoot())
    notes.push(`QEMU runs as root, because it does not start as an unprivileged user (${refused})`);
  return { version: major && minor ? { major: Number(major), minor: Number(minor) } : null, ...can, notes };
}

function wordsOf({ status, stderr }: BriefRun): string {
  const last = stderr
    .replace(/[^\x20-\x7e\n]/g, '?')
    .trim()
    .split('\n')
    .at(-1)
    ?.slice(0, 300);
  return last || `status ${status ?? 'unknown'}`;
}

/** How the window's file is opened: never for writing where QEMU can do without. */
export function windowAccess({ version }: QemuFacts): Record<string, string> {
  if (!version || version.major < 6) return {};
  // Before 8.2 the mapping is read-only too, and what the guest writes there is lost: nobody in it does.
  return mapsPrivately({ version }) ? PRIVATE : { readonly: 'on' };
}

/** How a clone opens its template's memory: for writing, although none of what it writes reaches the file, where QEMU cannot else. */
export function ramAccess(facts: Pick<QemuFacts, 'version'>): Record<string, string> {
  return mapsPrivately(facts) ? PRIVATE : {};
}

const PRIVATE = { readonly: 'on', rom: 'off' };

/** 8.2: a private, writable mapping of a file that is opened for reading. */
export function mapsPrivately({ version }: Pick<QemuFacts, 'version'>): boolean {
  return version !== null && (version.major > 8 || (version.major === 8 && version.minor >= 2));
}
