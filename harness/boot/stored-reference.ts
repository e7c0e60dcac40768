import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forJson } from '../printable.js';
import { writeWhole } from '../write-whole.js';
import type { Reference } from './reference.js';

/** A result's reference as the result's folder keeps it (reference.json), wherever it was booted: for judging it again. */
export interface StoredReference {
  schema: 'bootgate/reference@1';
  /** It was not booted for this run, but remembered. */
  cached: boolean;
  /** The image that was booted instead of the full module tree. */
  image?: string;
  reference: Reference;
}

const FILE = 'reference.json';

export async function writeReference(folder: string, stored: StoredReference): Promise<void> {
  await writeWhole(join(folder, FILE), forJson(stored));
}

/** Undefined where the result has none, or is of an older version, which kept only what run.json says of it. */
export async function readReference(folder: string): Promise<StoredReference | undefined> {
  try {
    const stored = JSON.parse(await readFile(join(folder, FILE), 'utf8')) as StoredReference;
    return stored.schema === 'bootgate/reference@1' ? stored : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is stored where the reference could not be booted: the host was at fault, which says nothing of the kernel. */
export function noReference(scenario: string, reason: string): Reference {
  return {
    version: 1,
    scenario,
    verdict: 'infra',
    reason,
    answered: [],
    unanswered: [],
    askedBySteps: [],
    unbound: [],
    modulesLoaded: [],
    bound: {},
  };
}
