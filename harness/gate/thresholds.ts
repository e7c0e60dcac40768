import { type GateSection, type Growth, type GrowthOf, parseGrowth } from '../image/gate-section.js';

export function isOver({ percent, amount }: Growth, before: number, after: number): boolean {
  const more = after - before;
  if (more <= 0) return false;
  return more > (amount ?? 0) && more > (before * (percent ?? 0)) / 100;
}

/** The gate's settings, with every default filled in. */
export interface GateSettings {
  /** Null: not looked at. */
  growth: Record<GrowthOf, Growth | null>;
  /** Too much CPU time fails the gate only where somebody has set the limit: hosts of CI differ. */
  cpuIsNote: boolean;
  check: 'error' | 'warning' | 'off';
  retries: number;
  allowFlaky: boolean;
  allowKnown: boolean;
}

/**
 * Measured between runs of one kernel and set on one host: sizes do not differ at all, memory after boot by up to 0.5 MiB of
 * 18 (3 %), the CPU time of one boot by up to 25 % when others work on the host, the middle of sixteen by 12 %.
 */
const DEFAULTS: Record<GrowthOf, Growth> = {
  size: { percent: 1, amount: 512 * 1024 },
  memory: { percent: 5, amount: 2 * 1024 ** 2 },
  cpu: { percent: 25 },
};

/** Precedence: flag, image file, default. */
export function gateSettings(
  flags: Partial<Omit<GateSettings, 'growth' | 'cpuIsNote'>> & { growth?: Partial<GateSettings['growth']> },
  image: GateSection,
): GateSettings {
  const limit = (what: GrowthOf): Growth | null => {
    const flag = flags.growth?.[what];
    if (flag !== undefined) return flag;
    const text = image.growth[what];
    return text === undefined ? DEFAULTS[what] : (parseGrowth(text) ?? null);
  };
  return {
    growth: { size: limit('size'), memory: limit('memory'), cpu: limit('cpu') },
    cpuIsNote: flags.growth?.cpu === undefined && image.growth.cpu === undefined,
    check: flags.check ?? image.check ?? 'error',
    retries: flags.retries ?? image.retries ?? 0,
    allowFlaky: flags.allowFlaky ?? image.allowFlaky ?? false,
    allowKnown: flags.allowKnown ?? image.allowKnown ?? false,
  };
}
