import type { Logger } from 'pino';
import { Executor } from '../boot/executor.js';
import { bootOf, notBooted } from '../boot/job.js';
import { writeContents } from '../image/contents.js';
import type { PreparedImage } from '../image/prepare.js';
import { writeRules } from '../image/rules-file.js';
import { safely } from '../report/reporter.js';
import { writeReports } from '../report/reports.js';
import { makeRunFolder, pointLatest, type RunFolder } from '../results/folder.js';
import type { RunResult } from '../results/run-result.js';
import { countVerdicts, isFailure, resultName, type ScenarioResult } from '../results/scenario-result.js';
import { writeTree } from '../results/tree-file.js';
import { verdictOf } from '../results/verdict.js';
import { bootAll } from './boots.js';
import { describeImage, describeInstallSets } from './describe.js';
import { compareWithReferences } from './difference.js';
import { historyIn } from './history.js';
import { withoutUntouched } from './matching.js';
import type { RunOptions } from './options.js';
import type { Plan } from './plan.js';
import { keepFinished, sameShard, withdrawVerdict, writePlan } from './resume.js';
import { withoutUnmet } from './unmet.js';
import { wholePlan } from './whole-plan.js';
import { lockRun } from './writer-lock.js';

export interface FinishedRun {
  result: RunResult;
  folder: RunFolder;
}

/**
 * Boots every scenario of a plan, each judged by itself, and writes the run's folder, which nobody else may write meanwhile.
 * @throws BootgateError blame `user`, E_RUN_BUSY: the run to resume has not ended.
 */
export async function runPlan(options: RunOptions): Promise<FinishedRun> {
  const variants = [options.prepared].flat() as [PreparedImage, ...PreparedImage[]];
  const { resume, shard } = options;
  if (resume) sameShard(resume, shard);
  const started = resume?.started ?? new Date();
  const nameOf = () => `${variants[0].image.name}${shard ? `-${shard.index}-of-${shard.count}` : ''}`;
  const folder = resume?.folder ?? (await makeRunFolder(options.results, nameOf(), started));
  const lock = lockRun(folder.path);
  try {
    const whole = wholePlan(variants, options.plan);
    const plan = await bootable(options.plan, variants, options);
    return await runInFolder({ ...options, plan }, variants, folder, started, whole);
  } finally {
    lock.release();
  }
}

/** What of a plan is booted with these module sets; the rest is skipped, each with its reason. */
export async function bootable(
  plan: Plan,
  variants: readonly [PreparedImage, ...PreparedImage[]],
  { matching = false }: Pick<RunOptions, 'matching'>,
): Promise<Plan> {
  const met = await withoutUnmet(plan, variants[0]);
  return matching ? withoutUntouched(met, variants) : met;
}

async function runInFolder(
  options: RunOptions,
  variants: readonly [PreparedImage, ...PreparedImage[]],
  folder: RunFolder,
  started: Date,
  whole: ReturnType<typeof wholePlan>,
): Promise<FinishedRun> {
  const { plan, results, resume } = options;
  const ours = options.shard?.choose(whole.boots) ?? new Set(whole.boots.map(({ name }) => name));
  const boots = variants
    .flatMap((prepared) => plan.boots.map((scenario) => bootOf(prepared, scenario)))
    .filter(({ name }) => ours.has(name));
  const skips = variants
    .flatMap((prepared) =>
      plan.skips.map(({ scenario, reason }) => notBooted(bootOf(prepared, scenario), 'skip', reason)),
    )
    .filter((one) => ours.has(resultName(one)));
  const shard = options.shard && { index: options.shard.index, count: options.shard.count };
  const cpuBefore = process.cpuUsage();
  const clock = performance.now();
  const image = await describeImage(variants, options.cache);
  if (resume) await withdrawVerdict(folder);
  await writePlan(folder, started, variants[0].image.name, {
    ...(shard ? { shard } : {}),
    whole: whole.plan,
  });
  const kept = resume ? await keepFinished(resume, boots, options) : [];
  const names = new Set(kept.map(resultName));
  const logger = await options.log?.(folder.path);
  const reporter = safely(options.reporters, (error) => {
    logger?.warn({ err: error }, 'a reporter failed');
    options.warn?.(`a reporter failed: ${(error as Error).message}`);
  });

  const history = await historyIn(results, options.accelerator.used);
  reporter.onRunStart?.({
    id: folder.id,
    folder: folder.path,
    image,
    accelerator: options.accelerator,
    scenarios: boots.map(({ name }) => name),
    ...(history ? { history } : {}),
  });
  for (const result of [...skips, ...kept]) reporter.onResult?.(result);
  logger?.info({ id: folder.id, image, accelerator: options.accelerator }, 'run started');

  for (const prepared of variants) await writeContents(folder.path, prepared);
  await writeRules(folder.path, variants[0]);
  await writeTree(folder.path, variants);
  const booted: ScenarioResult[] = [...kept];
  const rest = boots.filter(({ name }) => !names.has(name));
  const executor = options.executor ?? executorOf(options, logger);
  let failures = kept.filter(isFailure).length;
  const began = new Map<string, number>();
  await bootAll(rest, {
    executor,
    folder,
    retries: options.retries ?? 0,
    repeats: options.repeats,
    reporter: {
      ...reporter,
      onGuestStart: (name) => {
        if (!began.has(name)) began.set(name, (performance.now() - clock) / 1000);
        logger?.info({ scenario: name }, 'guest started');
        reporter.onGuestStart(name);
      },
      onGuestPhase: (name, phase) => {
        logger?.debug({ scenario: name, phase }, 'phase');
        reporter.onGuestPhase(name, phase);
      },
    },
    logger,
    onResult: (result) => {
      const since = began.get(resultName(result));
      booted.push(since === undefined ? result : { ...result, began: since });
      if (isFailure(result) && ++failures === options.maxFailures)
        executor.stop(new Error(`${failures} failed: the rest is not booted (--max-failures)`));
      reporter.onResult?.(result);
      const { verdict, seconds } = result;
      logger?.info({ scenario: resultName(result), verdict, seconds }, 'judged');
    },
  });

  // What was stopped for its failures is still told whose fault they are.
  const isFull = options.maxFailures !== undefined && failures >= options.maxFailures;
  const comparing = isFull ? executorOf(options, logger) : executor;
  const finished = [
    ...skips,
    ...(await compareWithReferences(booted, {
      variants,
      scenarios: plan.boots,
      policy: comparing.signal.aborted ? 'never' : (options.reference ?? 'failures'),
      image: options.referenceImage,
      executor: comparing,
      reporter,
      folder: folder.path,
      logger,
    })),
  ];
  const order = new Map(
    [...boots.map(({ name }) => name), ...skips.map(resultName)].map((name, at) => [name, at]),
  );
  finished.sort((a, b) => (order.get(resultName(a)) ?? 0) - (order.get(resultName(b)) ?? 0));
  const counts = countVerdicts(finished);
  const cpu = process.cpuUsage(cpuBefore);
  const done = new Set(finished.map(resultName));
  const missing = boots.map(({ name }) => name).filter((name) => !done.has(name));
  const bare: RunResult = {
    schema: 'bootgate/run@1',
    id: folder.id,
    verdict: verdictOf(finished, missing.length > 0, shard !== undefined),
    started: started.toISOString(),
    seconds: (performance.now() - clock) / 1000,
    cpuSeconds: {
      harness: (cpu.user + cpu.system) / 1e6,
      qemu: finished.reduce((sum, one) => sum + one.cpuSeconds, 0),
    },
    accelerator: options.accelerator,
    image,
    ...(variants[0].installSet
      ? { installSets: await describeInstallSets(variants, finished, options.cache) }
      : {}),
    additions: variants[0].set.additions,
    counts,
    ...(options.forks ? { fast: options.forks.summary } : {}),
    ...(missing.length > 0 ? { missing } : {}),
    ...(resume ? { resumed: { kept: kept.length } } : {}),
    ...(shard ? { shard } : {}),
    results: finished,
  };
  const result = (await options.finish?.(bare, folder)) ?? bare;
  await writeReports({ folder: folder.path, result });
  const warning = options.latest === false ? null : await pointLatest(results, folder.id);
  if (warning) {
    logger?.warn(warning);
    options.warn?.(warning);
  }
  await reporter.onRunEnd?.(result);
  logger?.info({ verdict: result.verdict, counts: result.counts }, 'run ended');
  return { result, folder };
}

function executorOf(
  { accelerator, cache, elsewhere, jobs, forks, plan, signal, timeScale, warn }: RunOptions,
  logger?: Logger,
): Executor {
  return new Executor({
    accelerator,
    cache,
    jobs,
    elsewhere,
    forks,
    guestCpus: Math.max(1, ...plan.boots.map(({ cpus }) => cpus)),
    signal,
    timeScale,
    onNote: (sentence) => {
      logger?.warn(sentence);
      warn?.(sentence);
    },
  });
}
