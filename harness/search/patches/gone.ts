import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../errors.js';
import { shownFile } from '../../modules/place.js';
import { unifiedDiff } from '../diff.js';
import type { KernelChanges } from '../rebase-changes.js';
import { Editor } from './texts.js';

/** Files that no longer stop at modules which the newer kernel does not have. */
export interface MendedLines {
  files: { file: string; after: string }[];
  diff: string;
}

/**
 * kernel-wedge stops at a required module that is gone. The line becomes optional, so that older kernels keep the module, and where the
 * module has a new name, that follows as a line of its own. Other problems are a person's.
 * @param folder The split's folder.
 */
export async function mendGone(
  folder: string,
  problems: readonly Problem[],
  renamed: KernelChanges['renamed'],
): Promise<MendedLines> {
  const missing = problems.filter(({ message }) => /^missing module \S+/.test(message));
  const texts = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && missing.some((one) => one.file === shownFile(file)))
      texts.set(file, await readFile(file, 'utf8'));
  }
  const edit = new Editor(texts);
  for (const { file: shown, line = 0 } of missing) {
    const file = [...texts.keys()].find((one) => shownFile(one) === shown);
    const name = file === undefined ? '' : edit.line(file, line).trim();
    if (file === undefined || name === '' || name.endsWith(' ?')) continue;
    const fresh = renamed.find(({ from }) => from === name.replaceAll('-', '_'));
    edit.set(file, line, fresh ? `${name} ?\n${fresh.to} ?` : `${name} ?`);
  }
  const files = [...edit.changed()].map(([file, after]) => ({ file, after }));
  const diff = files
    .map(({ file, after }) => unifiedDiff(shownFile(file).replace(/^\/+/, ''), texts.get(file) ?? '', after))
    .join('');
  return { files, diff };
}
