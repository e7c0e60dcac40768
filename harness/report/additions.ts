import type { Addition } from '../modules/module.js';
import { formatBytes } from '../units.js';

/**
 * `virtio_scsi needs scsi_mod, scsi_common (+312 KiB)`: modules that the same listed ones need on one line, the
 * heaviest first; past `most` lines one that counts the rest.
 */
export function additionLines(additions: readonly Addition[], most: number): string[] {
  const groups = new Map<string, { neededBy: string[]; modules: string[]; bytes: number }>();
  for (const { module, neededBy, bytes } of additions) {
    const key = neededBy.join(' ');
    const group = groups.get(key) ?? { neededBy, modules: [], bytes: 0 };
    group.modules.push(module);
    group.bytes += bytes;
    groups.set(key, group);
  }
  const sorted = [...groups.values()].sort(
    (a, b) => b.bytes - a.bytes || (a.modules[0] ?? '').localeCompare(b.modules[0] ?? ''),
  );
  const lines = sorted.slice(0, most).map(({ neededBy, modules, bytes }) => {
    const verb = neededBy.length === 1 ? 'needs' : 'need';
    return `${some(neededBy, 3)} ${verb} ${some(modules, 6)} (+${formatBytes(bytes)})`;
  });
  const rest = sorted.slice(most);
  if (rest.length > 0) {
    const count = rest.reduce((sum, group) => sum + group.modules.length, 0);
    const bytes = rest.reduce((sum, group) => sum + group.bytes, 0);
    lines.push(`and ${count} more (+${formatBytes(bytes)}), listed in run.json`);
  }
  return lines;
}

/** `a, b and 12 more` */
function some(names: readonly string[], most: number): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
}
