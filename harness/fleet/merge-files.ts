import { appendFile, cp, lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { userError } from '../errors.js';
import { REPORT_FILES } from '../report/reports.js';
import { scenarioFolder } from '../results/folder.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { PLAN_FILE } from '../run/resume.js';
import type { Sourced } from './overlap.js';
import type { Part } from './parts.js';

/** Written anew for the merged run, or of no use in it. */
const NOT_COPIED = new Set([...REPORT_FILES, PLAN_FILE, 'gate-input.json', 'run.log']);

/**
 * Copies the folders of one result, all of its attempts, into the merged run; `suffix` keeps a further result of one name apart. Links
 * are left out: what comes from other machines points nowhere here. Returns the result with its paths there.
 */
export async function copyResult(
  { part, result }: Sourced,
  target: string,
  suffix: string,
): Promise<ScenarioResult> {
  const first = scenarioFolder(result.scenario, result.installSet, 1);
  if (first.startsWith('/') || first.split('/').includes('..'))
    throw userError('E_MERGE', `${part.name} has a result with an invalid name: ${first}`);
  for (const folder of await attemptsOf(part.folder, first))
    await copyPlain(join(part.folder, folder), join(target, `${folder}${suffix}`));
  if (suffix === '') return result;
  const moved = (path: string) => (path === '' ? '' : join(`${dirname(path)}${suffix}`, basename(path)));
  const { files, tries } = result;
  return {
    ...result,
    files: {
      console: moved(files.console),
      control: moved(files.control),
      argv: moved(files.argv),
      recording: moved(files.recording),
    },
    ...(tries ? { tries: tries.map((one) => ({ ...one, console: moved(one.console) })) } : {}),
  };
}

/** What belongs to no result: module lists, rules, logs of reference boots. What is there already stays. */
export async function copyRest(part: Part, target: string, results: readonly Sourced[]): Promise<void> {
  const taken = new Set<string>();
  for (const { result } of results)
    for (const folder of await attemptsOf(part.folder, scenarioFolder(result.scenario, result.installSet, 1)))
      taken.add(folder);
  await copyPlain(part.folder, target, (path) => {
    const inside = relative(part.folder, path);
    const name = basename(path);
    const own = dirname(inside) === '.' && (NOT_COPIED.has(name) || /^writer\.\d+\.lock$/.test(name));
    return !own && !taken.has(inside);
  });
  const log = await readFile(join(part.folder, 'run.log'), 'utf8').catch(() => '');
  await appendFile(join(target, 'run.log'), log);
}

async function attemptsOf(run: string, first: string): Promise<string[]> {
  const names = await readdir(join(run, dirname(first))).catch((): string[] => []);
  return names
    .filter((name) => name === basename(first) || name.startsWith(`${basename(first)}.attempt-`))
    .map((name) => join(dirname(first), name));
}

async function copyPlain(from: string, to: string, wanted = (_path: string) => true): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, {
    recursive: true,
    force: false,
    filter: async (path) => {
      const found = await lstat(path);
      return (found.isFile() || found.isDirectory()) && wanted(path);
    },
  });
}
