import type { ModuleIndex } from '../modules/module.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Rebase } from '../search/rebase.js';
import type { Touched } from '../search/touched.js';
import type { RebaseFlags } from './splitdata.js';

/** What `split rebase --boot` has booted. */
export interface RebaseBoots {
  touched: Touched[];
  /** Scenarios that no change can touch. */
  untouched: number;
  /** Null where there was nothing to boot. */
  run: {
    folder: string;
    passed: number;
    failed: Pick<ScenarioResult, 'scenario' | 'installSet' | 'verdict' | 'reason'>[];
  } | null;
}

/** Boots what the changes can touch with the split's install sets on the newer kernel; the exit code follows from what fails. */
export async function bootRebase(
  source: string,
  flags: RebaseFlags,
  answer: Rebase,
  to: ModuleIndex,
): Promise<RebaseBoots> {
  const { withSession } = await import('./session.js');
  const { runPlan } = await import('../run/run.js');
  const { imageOfKernel } = await import('../image/image-file.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { changedModules, touchedBy } = await import('../search/touched.js');
  let boots: RebaseBoots = { touched: [], untouched: 0, run: null };
  await withSession({ split: source, kernel: flags.to }, async (session) => {
    const image = await imageOfKernel(flags.to, { split: source, install: flags.install ?? ['each'] });
    const plan = await session.plan(image, flags.scenario ?? []);
    const touched = touchedBy(changedModules(answer), plan.boots, await recordedNeeds(flags), to);
    const names = new Set(touched.map(({ scenario }) => scenario));
    boots = { touched, untouched: plan.boots.length - touched.length, run: null };
    if (touched.length === 0) return;
    const wanted = { ...plan, boots: plan.boots.filter(({ name }) => names.has(name)) };
    const prepared = await session.prepare(image);
    const options = await session.runOptions(wanted, prepared);
    const { result, folder } = await runPlan({ ...options, reporters: [] });
    const failed = result.results.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip');
    const passed = result.results.filter(({ verdict }) => verdict === 'pass').length;
    boots = { ...boots, run: { folder: folder.path, passed, failed } };
    const code = exitCodeOfVerdict(result.verdict, session.signal.aborted);
    if (code !== 0) process.exitCode = code;
  });
  return boots;

  /** The shipped table, and over it what boots of this very kernel have shown. */
  async function recordedNeeds({ from }: RebaseFlags) {
    const { recordNeeds, shippedNeeds } = await import('../search/needs-table.js');
    const { Executor } = await import('../boot/executor.js');
    const shipped = await shippedNeeds(answer.from);
    let seen = {};
    await withSession({ kernel: from }, async (session) => {
      const prepared = await session.prepareOne(await imageOfKernel(from, {}));
      const { cache } = session;
      const executor = new Executor({ accelerator: await session.accelerator(prepared), cache });
      const scenarios = await session.scenarios();
      seen = (await recordNeeds({ prepared, scenarios, executor, folder: '', boot: false })).scenarios;
    });
    const scenarios = { ...shipped?.scenarios, ...seen };
    return { version: 1 as const, kernel: answer.from, scenarios };
  }
}
