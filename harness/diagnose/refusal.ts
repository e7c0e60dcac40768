import type { ModuleDetail } from '../modules/details.js';
import type { ModuleIndex } from '../modules/module.js';
import { normaliseName } from '../modules/names.js';
import { cleanLine } from '../printable.js';
import type { Finding } from '../results/scenario-result.js';
import type { GuestReport } from '../vm/records.js';
import { type Ban, type Blacklist, banOf } from './blacklist.js';
import type { ConsoleReport } from './console.js';
import type { Need } from './needs.js';

/** What may be known of a module that is in the set and was not loaded. */
export interface RefusalFacts {
  tree: ModuleIndex;
  report: GuestReport;
  reports: readonly ConsoleReport[];
  blacklist?: Blacklist | undefined;
  /** What the modules' own files say; see modules/details.ts. */
  detailOf?: ((module: string) => ModuleDetail | undefined) | undefined;
}

/** modprobe's words for a module that found nothing to drive: true of many on any machine. */
const NOTHING_TO_DRIVE = /No such device|Operation not supported|Device or resource busy/;

/** Modules of the set that modprobe could not insert, in order, and not for want of a device. */
export function refusedModules(report: GuestReport): Need[] {
  const seen = new Set<string>();
  return report.loadErrors.flatMap((line): Need[] => {
    const name = /could not insert '(\S+?)'/.exec(line)?.[1];
    if (!name || NOTHING_TO_DRIVE.test(line) || seen.has(name)) return [];
    seen.add(name);
    return [{ request: normaliseName(name), evidence: line, whose: 'modprobe', close: true }];
  });
}

/** Why modules that are in the set, with all that they need, were not loaded when something asked for them. */
export function refusedFinding(need: Need, modules: readonly string[], facts: RefusalFacts): Finding {
  const { report, reports, blacklist } = facts;
  const banned = modules.flatMap((name): [string, Ban][] => {
    const ban = banOf(need.request, name, blacklist);
    return ban ? [[name, ban]] : [];
  });
  const [first] = banned;
  if (first && banned.length === modules.length) return bannedFinding(need, ...first);

  const complaint = report.loadErrors.find((line) => modules.some((name) => mentions(line, name)));
  const named = modules.find((name) => complaint && mentions(complaint, name)) ?? modules[0] ?? need.request;
  const said = reports.find((one) => REFUSALS.has(one.kind) && speaksOf(one, modules, complaint));
  const words = [
    need.evidence,
    ...(complaint && complaint !== need.evidence ? [complaint] : []),
    ...(said ? [said.text.split('\n')[0] ?? ''] : []),
  ];
  return {
    kind: 'module-refused',
    evidence: cleanLine(words.join(': ')),
    module: named,
    chain: cleanLine(`${need.whose}'s \`${need.request}\` → ${named} → in the set, refused by the kernel`),
    hint: cleanLine(why(named, complaint, said, facts)),
  };
}

/** Kinds of console reports that say why a module was refused. */
const REFUSALS = new Set([
  'module-format',
  'symbol-version',
  'unknown-symbol',
  'unsigned',
  'lockdown',
  'duplicate-symbol',
  'module-parameter',
  'symbol-namespace',
  'module-licence',
]);
/** Those that do not name the module: they are believed only of one that modprobe complained of. */
const NAMELESS = /^Loading of|^(?:Module has )?[Ii]nvalid ELF|^Lockdown:|decompression failed/;

function speaksOf(report: ConsoleReport, modules: readonly string[], complaint?: string): boolean {
  if (report.severity === 'info') return false;
  if (NAMELESS.test(report.text)) return complaint !== undefined;
  return modules.includes(normaliseName(report.groups[0] ?? ''));
}

function why(
  module: string,
  complaint: string | undefined,
  said: ConsoleReport | undefined,
  { tree, detailOf }: RefusalFacts,
): string {
  const detail = detailOf?.(module);
  if (detail?.broken) return `its file is damaged (${detail.broken}): build or copy it again`;
  const release = detail?.vermagic?.split(' ')[0];
  if (release && release !== tree.release)
    return `its file was built for ${release}, but this kernel is ${tree.release}: use the same packages for both`;
  if (said?.kind === 'unsigned' || /Key (?:was )?rejected|Required key/.test(complaint ?? ''))
    return detail && !detail.signed
      ? 'its file carries no signature, and this kernel takes only signed modules: do not strip them'
      : 'its signature is invalid, or was made with a key that this kernel does not know: the file was changed after it was signed, or belongs to another build';
  if (said) return `${said.title}: ${said.hint}`;
  if (!complaint) return 'it and its dependencies are in the set, but it was not loaded: see the console';
  if (/Exec format error|nvalid module format/.test(complaint))
    return 'it was built for another kernel, or its file is damaged';
  if (/Unknown symbol/.test(complaint))
    return 'a module that it needs is not loaded, or a parameter is unknown: see the console';
  if (/Invalid argument/.test(complaint))
    return 'it does not take a parameter that it was given, or was built against other symbols: see the console';
  if (/Cannot allocate memory/.test(complaint)) return 'there was not enough memory for it';
  if (NOTHING_TO_DRIVE.test(complaint)) return 'it is there, but found no device to drive on this machine';
  return 'it is in the set, but the kernel refused it: see the console';
}

function bannedFinding(need: Need, module: string, { where, text, by }: Ban): Finding {
  const much = by === 'blacklist' ? 'for an alias, though not by its own name' : 'by any name';
  return {
    kind: 'blacklisted',
    evidence: cleanLine(`${need.evidence}; ${where}: ${text}`),
    module,
    rule: where,
    chain: cleanLine(`${need.whose}'s \`${need.request}\` → ${module} → in the set, forbidden by ${where}`),
    hint: cleanLine(`${module} is there and "${text}" keeps it from being loaded ${much}: remove that line`),
  };
}

/** modprobe names a module with either dash. */
const mentions = (line: string, name: string): boolean => line.replaceAll('-', '_').includes(`'${name}'`);
