import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { GuestReport } from '../vm/records.js';
import type { ConsoleReport } from './console.js';
import { lostDevices } from './lost-devices.js';
import { compareNeed, type ReferenceFacts } from './reference-facts.js';

/** Something that the guest needed and did not get. */
export interface Need {
  /** What modprobe would be asked: `fs-xfs`, `pci:v0000...`, `symbol:jbd2_journal_start`, `veth`. */
  request: string;
  /** As a person should read it. */
  evidence: string;
  /** Whose it is, for the beginning of a chain: `the disk data`, `the step "mount"`, `ext4`. */
  whose: string;
  /** Made by, or for, the step that failed. */
  close: boolean;
  /** A device that no declared disk or NIC depends on: every machine has some that nobody misses. */
  bystander?: true;
  /** The reference boot asked for it too, and got it. */
  answeredInReference?: true;
}

/**
 * Every unmet need, likely causes first: drivers of devices that the scenario declares and the guest did not find, what
 * the failing step asked for, symbols that nobody exported, then what others asked for, then other devices. Within
 * each, what the reference boot was given comes first, then by time. What the reference lacks as well is left out.
 */
export function unmetNeeds(
  scenario: Scenario,
  report: GuestReport,
  reports: readonly ConsoleReport[],
  failingStep: string | null,
  reference?: ReferenceFacts,
): Need[] {
  const isLost = lostDevices(scenario, report);
  const devices = report.unbound.map(({ modalias, device }): Need => {
    const lost = isLost(modalias);
    return {
      request: modalias,
      evidence: `device without a driver: ${modalias} (/sys/${device.replace(/^\/?(sys\/)?/, '')})`,
      whose: `the ${lost ?? 'device'}`,
      close: lost !== undefined,
      ...(lost ? {} : { bystander: true }),
    };
  });
  // What was asked for again and then answered is no lack.
  const answered = new Set(report.requests.filter((one) => one.status === 0).map((one) => one.name));
  const requests = report.requests
    .filter((one) => one.status !== 0 && !answered.has(one.name))
    .map(({ name, step }): Need => {
      const when = step ? ` during the step "${step}"` : '';
      return {
        request: name,
        evidence: `unanswered module request: ${name}${when}`,
        whose: step ? `the step "${step}"` : 'the kernel',
        close: step !== '' && step === failingStep,
      };
    });
  const symbols = reports
    .filter((one) => one.kind === 'unknown-symbol' && one.groups[2] === '-2')
    .map(
      (one): Need => ({
        request: `symbol:${one.groups[1]}`,
        evidence: one.text,
        whose: one.groups[0] ?? 'a module',
        close: false,
      }),
    );
  const names = report.loadErrors.flatMap((line): Need[] => {
    const missing = /Module (\S+) not found/.exec(line)?.[1];
    return missing ? [{ request: missing, evidence: line, whose: 'modprobe', close: false }] : [];
  });
  const compared = (needs: Need[]): Need[] => {
    const kept = needs.flatMap((need): Need[] => {
      const how = compareNeed(need.request, reference);
      if (how === 'lacking') return [];
      return [how === 'answered' ? { ...need, answeredInReference: true } : need];
    });
    return [
      ...kept.filter((need) => need.answeredInReference),
      ...kept.filter((need) => !need.answeredInReference),
    ];
  };
  const close = (need: Need) => need.close;
  const far = (need: Need) => !need.close;
  return [
    ...compared(devices.filter(close)),
    ...compared(requests.filter(close)),
    ...compared(symbols),
    ...compared(names),
    ...compared(requests.filter(far)),
    ...compared(devices.filter(far)),
  ];
}

/** `through`: the module of the set that answers and lacks it. `brings`: what else comes with it, in load order. */
export interface Missing {
  kind: 'missing';
  module: string;
  through?: string;
  brings: string[];
  bytes: number;
  alternatives: string[];
}

/** What a need resolves to, in the full module tree and then in the set. */
export type Answer =
  /** The full module tree has it, the set does not. `bytes`: the module and all that it needs, as far as not in the set. */
  | Missing
  /** The set has it and its dependencies, and yet it did not load. */
  | { kind: 'present'; modules: string[] }
  /** The tree has nothing that answers to it. */
  | { kind: 'unknown' }
  | { kind: 'builtin'; names: string[] };

/** Resolves a name in the full module tree and within the set. */
export function answerTo(request: string, tree: ModuleIndex, set: ReadonlySet<string>): Answer {
  const whole = tree.resolve(request);
  if (whole.kind === 'none') return { kind: 'unknown' };
  if (whole.kind === 'builtin') return { kind: 'builtin', names: whole.names };
  const within = tree.resolve(request, set);
  if (within.kind === 'builtin') return { kind: 'builtin', names: within.names };
  if (within.kind === 'modules') {
    // A set may be taken as it is, without what its modules need: the first that is not there is the answer.
    const missing = closure(tree, within.names).filter((name) => tree.modules.has(name) && !set.has(name));
    const [first] = missing;
    if (first === undefined) return { kind: 'present', modules: within.names };
    const [through] = within.names;
    return {
      kind: 'missing',
      module: first,
      ...(through && through !== first ? { through } : {}),
      ...costOf(first, tree, set),
      alternatives: [],
    };
  }
  const ranked = whole.names
    .map((module) => ({ module, ...costOf(module, tree, set) }))
    .sort((a, b) => Number(isGeneric(b.module)) - Number(isGeneric(a.module)) || a.bytes - b.bytes);
  const [best, ...others] = ranked;
  if (!best) return { kind: 'unknown' };
  return { kind: 'missing', ...best, alternatives: others.map((one) => one.module) };
}

/** Crypto aliases name an implementation for each CPU and one for all: the one for all always loads. */
const isGeneric = (module: string): boolean => module.endsWith('_generic');

function costOf(
  module: string,
  tree: ModuleIndex,
  set: ReadonlySet<string>,
): { brings: string[]; bytes: number } {
  const added = closure(tree, [module]).filter((name) => !set.has(name) && tree.modules.has(name));
  return {
    brings: added.filter((name) => name !== module),
    bytes: added.reduce((sum, name) => sum + (tree.modules.get(name)?.bytes ?? 0), 0),
  };
}
