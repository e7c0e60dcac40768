import { z } from 'zod';
import { parseBytes } from '../units.js';

/** How much something may grow from the baseline: over every part that is given, it is too much. */
export interface Growth {
  percent?: number;
  /** Bytes. */
  amount?: number;
}

export const GROWTHS = ['size', 'memory', 'cpu'] as const;
export type GrowthOf = (typeof GROWTHS)[number];

/**
 * `5 %`, `1 MiB`, `5 % and 1 MiB` (over both is too much), `off`.
 * @returns null for off, undefined for what is none of these.
 */
export function parseGrowth(text: string): Growth | null | undefined {
  if (text.trim() === 'off') return null;
  const growth: Growth = {};
  for (const part of text.split(/\band\b|,/)) {
    const percent = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(part)?.[1];
    const amount = percent === undefined ? parseBytes(part) : undefined;
    if (percent !== undefined && growth.percent === undefined) growth.percent = Number(percent);
    else if (amount !== undefined && growth.amount === undefined) growth.amount = amount;
    else return undefined;
  }
  return growth;
}

const growth = z
  .string()
  .refine(
    (text) => parseGrowth(text) !== undefined,
    'expected a limit such as 5 %, 1 MiB, 5 % and 1 MiB, or off',
  );

/** The `gate:` section of an image file. */
export const gateSchema = z
  .strictObject({
    growth: z
      .strictObject({
        size: growth
          .optional()
          .describe('of vmlinuz, initramfs and modules together (default: 1 % and 512 KiB)'),
        memory: growth
          .optional()
          .describe('of guest memory after boot, in any scenario (default: 5 % and 2 MiB)'),
        cpu: growth
          .optional()
          .describe(
            'of the CPU time of a boot, median of all scenarios, in % (default: over 25 % is only noted)',
          ),
      })
      .default({})
      .describe('most growth over the baseline'),
    check: z
      .enum(['error', 'warning', 'off'])
      .optional()
      .describe("the least severity of the split's static check that fails the gate (default: error)"),
    retries: z
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe('boots of a failure beyond the first, to tell flaky from broken'),
    allowFlaky: z.boolean().optional().describe('a flaky scenario is reported and does not fail the gate'),
    allowKnown: z
      .boolean()
      .optional()
      .describe('what fails in the baseline too is reported and does not fail the gate'),
  })
  .describe('limits of `bootgate gate` for this image, besides verdicts and budgets');

export type GateSection = z.infer<typeof gateSchema>;
