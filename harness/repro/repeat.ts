import { readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Executor } from '../boot/executor.js';
import type { StoredImage } from '../image/stored.js';
import { forJson } from '../printable.js';
import { resultName, type ScenarioResult } from '../results/scenario-result.js';
import { isSameOutcome, outcomeOf } from './outcome.js';
import type { StoredBoot } from './stored-boot.js';

/** One boot of the same bytes. */
export interface Repeat {
  verdict: ScenarioResult['verdict'];
  phase: ScenarioResult['phase'];
  reason: string;
  seconds: number;
  /** It ended as the recorded boot did. Null where the host was at fault, which says nothing. */
  same: boolean | null;
  /** Where its logs are, absolute. */
  folder: string;
}

/** The answer of `bootgate repro`. */
export interface Repetition {
  schema: 'bootgate/repro@1';
  run: string;
  scenario: string;
  recorded: Pick<Repeat, 'verdict' | 'phase' | 'reason' | 'seconds'> & { accelerator: string };
  accelerator: string;
  initramfs: string;
  boots: Repeat[];
  /** Boots that ended as the recorded one did; of those that the host let end. */
  same: number;
  decided: number;
}

export interface RepeatOptions {
  boot: StoredBoot;
  image: StoredImage;
  executor: Executor;
  times: number;
  onBoot?: (repeat: Repeat, number: number) => void;
}

/**
 * Boots the recorded bytes again, each time into a folder of its own beside the first: `storage/nvme.repro-1`.
 * @throws BootgateError blame `user`, E_OTHER_BYTES: they would not be the same bytes now.
 */
export async function repeatBoot(options: RepeatOptions): Promise<Repetition> {
  const { boot, image, executor, times, onBoot } = options;
  const { request, result } = boot;
  const recorded = outcomeOf(result);
  const boots: Repeat[] = [];
  const first = await nextNumber(boot.folder);
  for (let at = 0; at < times && !executor.signal.aborted; at++) {
    let folder = '';
    const done = await executor.boot({
      prepared: image,
      scenario: request.scenario,
      again: request,
      folder: (attempt) => {
        const name = `${boot.relative}.repro-${first + at}${attempt > 1 ? `.attempt-${attempt}` : ''}`;
        folder = join(boot.run.folder, name);
        return { path: folder, relative: name };
      },
    });
    if (!done) break;
    await writeFile(join(folder, 'result.json'), forJson(done));
    const { verdict, phase, reason, seconds } = done;
    const same = verdict === 'infra' ? null : isSameOutcome(recorded, outcomeOf(done));
    const repeat: Repeat = { verdict, phase, reason, seconds, same, folder };
    boots.push(repeat);
    onBoot?.(repeat, boots.length);
  }
  const { verdict, phase, reason, seconds } = result;
  return {
    schema: 'bootgate/repro@1',
    run: boot.run.result.id,
    scenario: resultName(result),
    recorded: { verdict, phase, reason, seconds, accelerator: boot.run.result.accelerator.used },
    accelerator: executor.accelerator.used,
    initramfs: request.initramfs.digest,
    boots,
    same: boots.filter(({ same }) => same).length,
    decided: boots.filter(({ same }) => same !== null).length,
  };
}

async function nextNumber(folder: string): Promise<number> {
  const mark = `${basename(folder)}.repro-`;
  const numbers = (await readdir(dirname(folder)))
    .filter((name) => name.startsWith(mark))
    .map((name) => Number.parseInt(name.slice(mark.length), 10))
    .filter((number) => number > 0);
  return Math.max(0, ...numbers) + 1;
}
