import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { POSTMORTEM } from '../vm/postmortem.js';
import type { GuestReport } from '../vm/records.js';

/**
 * Puts at the head of a post-mortem what a person looks for first: the step that was open, and the module whose init function had
 * not returned. Nothing where there is no post-mortem.
 */
export async function nameLastWords(folder: string, { unfinishedStep }: GuestReport): Promise<void> {
  const file = join(folder, POSTMORTEM);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return;
  const loading = modulesBeingLoaded(text);
  const head = [
    ...(unfinishedStep === null ? [] : [`last open step: ${unfinishedStep}`]),
    ...(loading.length === 0 ? [] : [`being loaded: ${loading.join(', ')}`]),
  ];
  if (head.length > 0) await writeFile(file, `${head.join('\n')}\n\n${text}`);
}

/**
 * Modules on whose init a task waits, by the stacks of sysrq: the frame that do_one_initcall() has called is the module's own
 * (kernel/module/main.c, do_init_module). Each once, in the order of the text.
 */
export function modulesBeingLoaded(text: string): string[] {
  const found = text.matchAll(
    / [\w.]+\+0x[\da-f]+\/0x[\da-f]+ \[(\w+)\]\n(?:.* \? .*\n)*.* do_one_initcall\+/g,
  );
  return [...new Set([...found].map(([, module = '']) => module))];
}
