import { z } from 'zod';
import { parseBytes } from '../units.js';

const size = z
  .union([
    z.number().int().nonnegative(),
    z.string().refine((text) => parseBytes(text) !== undefined, 'expected a size such as 60 MiB'),
  ])
  .describe('bytes, or a size such as 60 MiB');

/**
 * Words that mean something else where packages are named: `--install each`, and what a budget is on. `modules` is not
 * among them, because Fedora has a package of that name; only a budget on it is refused, where both could be meant.
 */
const TAKEN: readonly string[] = ['each', 'vmlinuz', 'initramfs', 'total', 'memory'];

/** bootgate's own split. The schema is the documentation. */
export const splitSchema = z
  .strictObject({
    version: z.literal(1).describe('of this format'),
    name: z.string().min(1),
    description: z.string().default(''),
    dependencies: z
      .enum(['follow', 'keep'])
      .default('follow')
      .describe(
        'follow: a module that a lower package needs moves down into it. keep: modules stay where they are named, and `split check` reports what is missing',
      ),
    packages: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, 'expected letters, digits and . + _ -')
            .refine(
              (name) => !TAKEN.includes(name),
              'no package can have this name: --install or budgets use it',
            ),
          description: z.string().default(''),
          depends: z.array(z.string()).default([]).describe('packages of this split that it needs'),
          modules: z
            .array(z.string().min(1))
            .default([])
            .describe(
              'module names (virtio_blk, snd_*), path globs (drivers/net/**, fs/ext4/); ` ?` after one makes it optional. The most specific pattern wins: a name before a name with wildcards before a path, a longer path before a shorter one',
            ),
          rest: z.boolean().default(false).describe('it also has everything that no package names'),
          budget: size.optional().describe('at most this many bytes of modules as installed'),
        }),
      )
      .min(1),
    budgets: z
      .record(z.string(), size)
      .default({})
      .describe(
        'at most this many bytes of vmlinuz, initramfs, modules, total, memory, or an install set (`core` or `core,extra`)',
      ),
  })
  .describe('A package split: packages, their contents, dependencies and size limits');
