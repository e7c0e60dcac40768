import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backgroundOf } from '../boot/background.js';
import type { Cache } from '../cache.js';
import { judge } from '../diagnose/judge.js';
import { userError } from '../errors.js';
import { readContents } from '../image/contents.js';
import type { ModuleSource } from '../image/image-file.js';
import { type PreparedImage, prepareImages } from '../image/prepare.js';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { exactSet } from '../modules/set.js';
import type { StoredRun } from '../results/read.js';
import type { ImageRecipe, RunResult } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { countVerdicts } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { readRecording } from '../vm/recording.js';
import { readReport } from '../vm/records.js';
import { verdictOf } from './run.js';

/**
 * An old run judged anew from its recordings, by today's rules. Nothing is booted, and the run's folder stays as it is.
 * The gate's word is left out, and so are the known issues that it knew of: they were about the old verdicts.
 * @throws BootgateError blame `user`, E_REJUDGE: the kernel is no longer the one that was booted.
 */
export async function rejudge({ folder, result }: StoredRun, cache: Cache): Promise<RunResult> {
  const prepared = await prepareAgain(result, cache);
  const { gate: _gate, ...rest } = result;
  const results: ScenarioResult[] = [];
  for (const one of result.results) results.push(await judgeAgain(one, folder, prepared, cache));
  const counts = countVerdicts(results);
  const unfinished = result.verdict === 'incomplete' && result.counts.infra === 0;
  return { ...rest, results, counts, verdict: verdictOf(results, unfinished) };
}

async function judgeAgain(
  one: ScenarioResult,
  run: string,
  prepared: PreparedImage,
  cache: Cache,
): Promise<ScenarioResult> {
  if (!one.files.recording) return one; // never booted
  const folder = join(run, dirname(one.files.recording));
  const recording = await readRecording(folder);
  const { scenario } = JSON.parse(await readFile(join(folder, 'recipe.json'), 'utf8')) as {
    scenario: Scenario;
  };
  const report = readReport(recording.nonce, recording.control, recording.console);
  const judged = judge({
    scenario,
    recording,
    report,
    outside: one.steps.filter(({ where }) => where === 'outside'),
    set: await setOf(one, run, prepared),
    tree: prepared.index,
    ...(await backgroundOf(prepared, report, cache)),
  });
  const { knownIssue: _known, ...rest } = one;
  return { ...rest, ...judged };
}

/** The modules that were booted; why one was left out is what the policy says now. */
async function setOf(
  { installSet }: ScenarioResult,
  run: string,
  { index, set }: { index: ModuleIndex; set: ModuleSet },
): Promise<ModuleSet> {
  const names = (await readContents(run, installSet)).map(({ name }) => name);
  return { ...exactSet(index, names, set.source), excludedBy: set.excludedBy };
}

async function prepareAgain({ image }: RunResult, cache: Cache): Promise<PreparedImage> {
  const { recipe } = image;
  if (!recipe)
    throw userError('E_REJUDGE', 'this run does not say what it was made of', {
      hint: 'it is of an older version of bootgate: run it again',
    });
  const [prepared] = await prepareImages(
    {
      name: image.name,
      description: '',
      file: recipe.file,
      kernel: recipe.kernel,
      modules: sourceOf(recipe),
      scenarios: [],
      skip: [],
      budgets: {},
      gate: { growth: {} },
    },
    { cache, delivery: recipe.delivery },
  );
  if (prepared.kernel.digest !== image.kernel.digest)
    throw userError(
      'E_REJUDGE',
      `${image.kernel.source} is another kernel now than the one that was booted`,
      {
        hint: `it was ${image.kernel.resolved.join(', ') || image.kernel.release}: give it as files in the image`,
      },
    );
  return prepared;
}

/** Names come from the run itself; only a policy or a split knows why a module is where it is, while it is still there. */
function sourceOf({ modules }: ImageRecipe): ModuleSource {
  if (modules.kind === 'all' || modules.kind === 'list') return { kind: 'all' };
  return modules.file === 'packages' || existsSync(modules.file) ? modules : { kind: 'all' };
}
