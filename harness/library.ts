import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { userError } from './errors.js';
import { imagesDir, scenariosDir, shownFile } from './paths.js';
import {
  PROJECT_FILE,
  type Project,
  readProject,
  type Shelf,
  SINGLE_FILES,
  type SingleFile,
} from './project.js';

/** What the package brings. Its helpers are part of the guest's agent and need no place here. */
const PACKAGE: { shelves: Partial<Record<Shelf, string>>; files: Record<SingleFile, string> } = {
  shelves: {
    scenarios: scenariosDir,
    images: imagesDir,
    splits: join(imagesDir, 'splits'),
    policies: join(imagesDir, 'policies'),
  },
  files: {
    userland: join(imagesDir, 'userland.yaml'),
    clouds: join(imagesDir, 'clouds.yaml'),
    'known-issues': join(imagesDir, 'known-issues.yaml'),
    profiles: join(imagesDir, 'profiles.yaml'),
    keep: join(imagesDir, 'keep.yaml'),
  },
};
/** Files of the folder images/ that are no image. */
const NOT_IMAGES = new Set([...SINGLE_FILES.map((name) => `${name}.yaml`), PROJECT_FILE]);

/**
 * One search path for everything that has a name: the user's project first, then the package. A file of the project's wins over
 * one of the same name in the package, and that is said.
 */
export class Library {
  readonly project: Project | null;
  readonly #log: (sentence: string) => void;
  readonly #said = new Set<string>();

  constructor(project: Project | null = null, log: (sentence: string) => void = () => undefined) {
    this.project = project;
    this.#log = log;
  }

  /** The folders of a shelf that are there, the user's first. */
  folders(shelf: Shelf): string[] {
    const both = [this.project?.shelves[shelf], PACKAGE.shelves[shelf]];
    return both.filter((folder): folder is string => folder !== undefined && isFolder(folder));
  }

  /** The files of one kind that are there, the user's first. */
  files(which: SingleFile): string[] {
    const both = [this.project?.files[which], PACKAGE.files[which]];
    return both.filter((file): file is string => file !== undefined && existsSync(file));
  }

  /** Every name on a shelf of YAML files, sorted. */
  names(shelf: Shelf): string[] {
    const files = this.folders(shelf).flatMap((folder) => readdirSync(folder));
    const names = files.filter((file) => file.endsWith('.yaml') && !NOT_IMAGES.has(file));
    return [...new Set(names.map((file) => file.slice(0, -'.yaml'.length)))].sort();
  }

  /** The file of that name, with or without `.yaml`; undefined if there is none, and for a path. */
  find(shelf: Shelf, name: string): string | undefined {
    if (name.includes('/')) return undefined;
    const found = this.folders(shelf).flatMap((folder) =>
      [`${name}.yaml`, name]
        .map((file) => join(folder, file))
        .filter(isPlainFile)
        .slice(0, 1),
    );
    const [first, other] = found;
    if (first && other) this.sayWins(`${shelf.slice(0, -1)} ${name}`, first);
    return first;
  }

  /** Says once that a file of the project's is used in the place of the package's. */
  sayWins(what: string, file: string): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#log(`${what}: ${shownFile(file)} is used; the package has one of the same name`);
  }
}

/** Of this process, as its working folder and environment are: who reads a file by its name asks here. */
let current = new Library();

export const library = (): Library => current;

/**
 * Opens the library of a command: of the project in that folder (`--project`), else in BOOTGATE_PROJECT, else in the nearest folder
 * upwards from the working folder that has a bootgate.yaml; of the package alone if there is none.
 * @throws BootgateError blame `user`: E_PROJECT, E_DOCUMENT.
 */
export async function openLibrary(
  given: string | undefined = process.env.BOOTGATE_PROJECT || undefined,
  { cwd = process.cwd(), log }: { cwd?: string; log?: (sentence: string) => void } = {},
): Promise<Library> {
  const file = given === undefined ? nearestProject(cwd) : givenProject(resolve(cwd, given));
  const project = file ? await readProject(file) : null;
  current = new Library(project, log);
  return current;
}

function givenProject(folder: string): string {
  const file = join(folder, PROJECT_FILE);
  if (existsSync(file)) return file;
  throw userError('E_PROJECT', `${folder} has no ${PROJECT_FILE}`, {
    hint: `a project needs a file ${PROJECT_FILE} with the line: version: 1`,
  });
}

function nearestProject(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const file = join(folder, PROJECT_FILE);
    if (isPlainFile(file)) return file;
    if (dirname(folder) === folder) return undefined;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
const isPlainFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
