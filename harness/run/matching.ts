import type { PreparedImage } from '../image/prepare.js';
import type { Plan } from './plan.js';

/** Where the modules of an area lie in a tree. An area that is not here is never left out. */
const FOLDERS: Readonly<Record<string, RegExp>> = {
  storage:
    /^kernel\/drivers\/(?:ata|block|cdrom|md|message|mmc|mtd|nvdimm|nvme|scsi|target|ufs|usb\/storage)\//,
  filesystems: /^kernel\/fs\/(?!nls\/)/,
  network: /^kernel\/(?:drivers\/(?:net|vhost)|net)\/(?!(?:.*\/)?netfilter\/|9p\/)/,
  netfilter: /^kernel\/net\/(?:.*\/)?netfilter\//,
};

/**
 * `--matching`: moves the scenarios of areas that the set never touches to the skipped ones. What counts is what the set names:
 * a module that came in as a dependency of another claims nothing.
 */
export function withoutUntouched(
  plan: Plan,
  variants: readonly Pick<PreparedImage, 'set' | 'index'>[],
): Plan {
  const paths = variants.flatMap(({ set, index }) => {
    const added = new Set(set.additions.map(({ module }) => module));
    return set.names.flatMap((name) => (added.has(name) ? [] : [index.modules.get(name)?.path ?? '']));
  });
  const isTouched = (area: string) => {
    const folder = FOLDERS[area];
    return folder === undefined || paths.some((path) => folder.test(path));
  };
  const reason = (area: string) => `the set names no module of ${area} (--matching)`;
  return {
    boots: plan.boots.filter(({ area }) => isTouched(area)),
    skips: [
      ...plan.skips,
      ...plan.boots
        .filter(({ area }) => !isTouched(area))
        .map((scenario) => ({ scenario, reason: reason(scenario.area) })),
    ],
  };
}
