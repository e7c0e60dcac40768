import { type Architecture, architectureOf, type Board, firmwareFor } from '../arch/index.js';
import type { PreparedImage } from '../image/prepare.js';
import { type KernelConfig, readKernelConfig } from '../kernel/config.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import { configOf, rowsOf } from '../vm/devices/index.js';
import { qemuModels } from '../vm/models.js';
import { onChannel } from '../vm/slots.js';
import type { Plan } from './plan.js';

/** What kernel and host have to offer to a scenario. */
export interface Offer {
  arch: Architecture;
  /** Null: unknown, so nothing is held to be missing from it. */
  config: KernelConfig | null;
  index: Pick<ModuleIndex, 'resolve'>;
  /** QEMU's device models; null: unknown. */
  models: ReadonlySet<string> | null;
  /** The package of the firmware that boots a vmlinuz as packaged and is not on this host. */
  lacksFirmware?: string | undefined;
}

/**
 * Moves scenarios that cannot be booted here to the skipped ones: the kernel was never built with what they need, or this QEMU or
 * this architecture lacks a device. A module that the configuration has and the tree lacks is no reason to skip: it is lost.
 */
export async function withoutUnmet(
  plan: Plan,
  { kernel, index }: Pick<PreparedImage, 'kernel' | 'index'>,
): Promise<Plan> {
  const { boot } = architectureOf(kernel.arch);
  const offer: Offer = {
    arch: kernel.arch,
    config: kernel.config ? await readKernelConfig(kernel.config) : null,
    index,
    models: boot ? await qemuModels(boot.qemu) : null,
    lacksFirmware:
      firmwareFor(kernel.arch, 'packaged') === null ? boot?.packagedFirmware?.package : undefined,
  };
  const reasons = new Map(plan.boots.map((scenario) => [scenario, unmetNeed(scenario, offer)]));
  const skips = plan.boots.flatMap((scenario) => {
    const reason = reasons.get(scenario);
    return reason === undefined ? [] : [{ scenario, reason }];
  });
  return {
    ...plan,
    boots: plan.boots.filter((scenario) => reasons.get(scenario) === undefined),
    skips: [...plan.skips, ...skips],
  };
}

/** Why a scenario cannot be booted, as a sentence; undefined when it can. */
export function unmetNeed(scenario: Scenario, offer: Offer): string | undefined {
  const { arch, models } = offer;
  const boards = architectureOf(arch).boot?.boards ?? {};
  if (scenario.machine !== undefined && !(scenario.machine in boards))
    return `${arch} has no machine ${scenario.machine}`;
  if (scenario.boot === 'packaged' && offer.lacksFirmware)
    return `this host lacks the firmware that boots a packaged kernel of ${arch}: install ${offer.lacksFirmware}`;
  const onChannels = isOnChannels(boards, scenario.machine);
  for (const row of rowsOf(scenario)) {
    if (onChannels && !row.ccw) return `machines of ${arch} have no ${row.name}`;
    if (row.arches && !row.arches.includes(arch)) return `machines of ${arch} have no ${row.name}`;
    const lacking = row.models
      .map((model) => (onChannels ? onChannel(model) : model))
      .find((model) => models !== null && !models.has(model));
    if (lacking !== undefined) return `this QEMU has no device ${lacking}`;
    const unmet = configOf(row, onChannels).find((need) => !isBuilt(need, offer));
    if (unmet !== undefined) return notInKernel(unmet, `drivers of ${row.name}`);
  }
  const unmet = (scenario.needs ?? []).find((need) => !isBuilt(need, offer));
  return unmet === undefined ? undefined : notInKernel(unmet, 'the scenario');
}

/** Whether virtio devices are on channels, which no other device is. */
function isOnChannels(boards: Readonly<Record<string, Board>>, name: string | undefined): boolean {
  const board = name === undefined ? Object.values(boards)[0] : boards[name];
  return board?.css !== undefined;
}

/** `A|B`: one is enough. Symbols with or without CONFIG_; a word in lower case is a module. */
function isBuilt(need: string, { config, index }: Offer): boolean {
  return need.split('|').some((one) => {
    if (/[a-z]/.test(one)) return index.resolve(one).kind !== 'none';
    const symbol = one.replace(/^CONFIG_/, '');
    return config === null || config.isEnabled(symbol) || config.isModule(symbol);
  });
}

function notInKernel(need: string, whose: string): string {
  const words = need
    .split('|')
    .map((one) => (/[a-z]/.test(one) ? one : `CONFIG_${one.replace(/^CONFIG_/, '')}`));
  return `not in this kernel: ${words.join(' or ')} (needed by ${whose})`;
}
