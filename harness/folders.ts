import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * mkdir -p, but for one thing: where a folder is there and refuses to hold another with ENOENT, as those below /proc do,
 * Node's own recursive form tries again for ever. Safe while others make the same folders.
 */
export async function makeFolder(path: string): Promise<void> {
  const refused = await makeOne(path);
  if (refused === null) return;
  if (refused.code !== 'ENOENT' || dirname(path) === path) throw refused;
  await makeFolder(dirname(path));
  const again = await makeOne(path);
  if (again !== null) throw again;
}

/** One level; null when there is a folder now, whoever made it. */
async function makeOne(path: string): Promise<NodeJS.ErrnoException | null> {
  try {
    await mkdir(path);
    return null;
  } catch (error) {
    const refused = error as NodeJS.ErrnoException;
    if (refused.code !== 'EEXIST') return refused;
    return (await stat(path)).isDirectory() ? null : refused;
  }
}
