import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Problem, userError } from './errors.js';

/** What makes a folder a project of the user's own. */
export const PROJECT_FILE = 'bootgate.yaml';

/** Folders of things that have a name each. */
export const SHELVES = ['scenarios', 'images', 'splits', 'policies', 'helpers'] as const;
export type Shelf = (typeof SHELVES)[number];
/** Things of which there is one file. */
export const SINGLE_FILES = ['userland', 'clouds', 'known-issues', 'profiles', 'keep'] as const;
export type SingleFile = (typeof SINGLE_FILES)[number];

/** A project as its bootgate.yaml says; all paths absolute, not all of them there. */
export interface Project {
  file: string;
  folder: string;
  shelves: Record<Shelf, string>;
  files: Record<SingleFile, string>;
}

/**
 * Reads a bootgate.yaml. What it names has to be there; what it leaves out has its usual name, there or not.
 * @throws BootgateError blame `user`, E_DOCUMENT or E_PROJECT: every problem at once, each as file:line:col.
 */
export async function readProject(file: string): Promise<Project> {
  // zod takes 94 ms to load: only where there is a project.
  const { readDocument } = await import('./document.js');
  const { projectSchema } = await import('./project-schema.js');
  const { value, problem } = await readDocument(file, projectSchema);
  const folder = dirname(resolve(file));
  const problems: Problem[] = [];
  const placed = (key: Shelf | SingleFile, usual: string, isFolder: boolean): string => {
    const given = value[key];
    const path = resolve(folder, given ?? usual);
    const there = statSync(path, { throwIfNoEntry: false });
    const kind = isFolder ? 'directory' : 'file';
    if (given !== undefined && !there) problems.push(problem([key], `no such ${kind}: ${given}`));
    else if (given !== undefined && there?.isDirectory() !== isFolder)
      problems.push(problem([key], `${given} is not a ${kind}`));
    return path;
  };
  const entries = <T extends string>(keys: readonly T[], place: (key: T) => string) =>
    Object.fromEntries(keys.map((key) => [key, place(key)])) as Record<T, string>;
  const project: Project = {
    file: resolve(file),
    folder,
    shelves: entries(SHELVES, (key) => placed(key, key, true)),
    files: entries(SINGLE_FILES, (key) => placed(key, `${key}.yaml`, false)),
  };
  if (problems.length > 0) throw userError('E_PROJECT', `${file} is invalid`, { problems });
  return project;
}
