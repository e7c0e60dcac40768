import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cache } from '../cache.js';
import { lackingOf } from '../diagnose/difference.js';
import { type Judgement, judge } from '../diagnose/judge.js';
import type { PreparedImage } from '../image/prepare.js';
import { asForked, type ReferenceResult, type ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { readRecording } from '../vm/recording.js';
import { readReport } from '../vm/records.js';
import { backgroundOf, type Placing } from './background.js';
import { type Outside, readOutside } from './outside.js';
import { triedAgain } from './retries.js';
import type { StoredReference } from './stored-reference.js';

/** What a boot is judged against: its kernel's tree and the set of it that was booted, from the image or from a stored run. */
export type JudgedImage = Pick<PreparedImage, 'kernel' | 'index' | 'set'> & Placing;

/**
 * A result made from what its run has stored of it: the recording of each of its boots, the checks from outside, and its
 * reference. The same for a run that is still going and for one that is judged again. Known issues and the gate come after it.
 */
export async function resultFromEvidence(
  one: ScenarioResult,
  run: string,
  image: JudgedImage,
  cache: Cache,
  stored: StoredReference | undefined,
): Promise<ScenarioResult> {
  if (!one.files.recording) return one; // never booted
  const { knownIssue: _known, flaky: _flaky, tries = [], reference, ...rest } = one;
  const judged = await judgeStored(one, join(run, dirname(one.files.recording)), image, cache, stored);
  const booted: ScenarioResult = { ...rest, ...judged };
  const first = one.forked ? asForked(booted) : booted;
  const others = [];
  for (const { console } of tries.slice(1)) {
    const again = await judgeStored(one, join(run, dirname(console)), image, cache, undefined);
    others.push({ ...again, files: { ...one.files, console } });
  }
  const tried = triedAgain(first, [first, ...others]);
  const told = stored ? referenceResult(stored, image) : reference;
  return told ? { ...tried, reference: told } : tried;
}

async function judgeStored(
  one: ScenarioResult,
  folder: string,
  image: JudgedImage,
  cache: Cache,
  stored: StoredReference | undefined,
): Promise<Judgement> {
  const recording = await readRecording(folder);
  const { scenario } = JSON.parse(await readFile(join(folder, 'recipe.json'), 'utf8')) as {
    scenario: Scenario;
  };
  const report = readReport(recording.nonce, recording.control, recording.console);
  const outside: Outside = (await readOutside(folder)) ?? {
    checks: one.steps.filter(({ where }) => where === 'outside'),
  };
  return judge({
    scenario,
    recording,
    report,
    outside: outside.checks,
    trouble: outside.trouble,
    damaged: outside.damaged,
    set: image.set,
    tree: image.index,
    ...(stored ? { reference: stored.reference } : {}),
    ...(await backgroundOf(image, report, cache)),
  });
}

/** The reference as run.json has it. */
function referenceResult(
  { reference, cached, image }: StoredReference,
  { set, index }: JudgedImage,
): ReferenceResult {
  return {
    verdict: reference.verdict,
    reason: reference.reason,
    cached,
    lacking: lackingOf(reference, set, index),
    ...(image === undefined ? {} : { image }),
  };
}
