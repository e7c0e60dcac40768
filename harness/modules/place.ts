import { relative } from 'node:path';

/** A file as it is shown in messages and results: relative to the working directory when it lies below it. */
export function shownFile(file: string): string {
  const below = relative(process.cwd(), file);
  return below === '' || below.startsWith('..') ? file : below;
}
