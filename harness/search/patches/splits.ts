import type { Patcher, PatchInput } from './texts.js';

/** The formats of splits that can be changed in their own terms. */
export const PATCHERS: Readonly<Record<string, () => Promise<Patcher>>> = {
  bootgate: async () => {
    const { patchOwnSplit } = await import('./own.js');
    return alone((text, { wanted }) => patchOwnSplit(text, wanted));
  },
  'fedora-variants': async () => {
    const { patchVariants } = await import('./variants.js');
    return alone((text, { wanted, index }) => patchVariants(text, wanted, index));
  },
  ubuntu: async () => {
    const { patchInclusion } = await import('./inclusion.js');
    return alone((text, { wanted, index }) => patchInclusion(text, wanted, index));
  },
  'fedora-filters': async () => (await import('./filters.js')).patchFilters,
  'kernel-wedge': async () => (await import('./wedge.js')).patchWedge,
  'suse-supported': async () => (await import('./supported.js')).patchSupported,
  'suse-base': async () => (await import('./basespec.js')).patchBaseSpec,
};

/** A patcher of a format that is one file. */
function alone(change: (text: string, input: PatchInput) => string | undefined): Patcher {
  return (input) => {
    const before = input.texts.get(input.file);
    const after = before === undefined ? undefined : change(before, input);
    return after === undefined ? undefined : new Map(after === before ? [] : [[input.file, after]]);
  };
}
