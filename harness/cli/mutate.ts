import { Command, Option } from 'commander';
import type { MutationReport } from '../search/mutate.js';
import { type SharedFlags, share, wholeNumber } from './options.js';

interface MutateFlags extends SharedFlags {
  limit?: number;
}

/** For developers, by `make mutate`: hidden in the help. */
export function mutateCommand(): Command {
  const command = new Command('mutate')
    .description(
      'remove each module that a scenario needs, one at a time, and check that the scenario fails and names it',
    )
    .argument('[pattern...]', 'scenarios (default: those tagged quick)');
  share(command, 'image', 'tag', 'kernel', 'accel', 'jobs', 'cold', 'queue', 'store').addOption(
    new Option('--limit <n>', 'at most n mutations, spread evenly').argParser(wholeNumber),
  );
  return share(command, 'results', 'json').action(run);
}

async function run(patterns: string[], flags: MutateFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { EXIT } = await import('../errors.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { hostCapacity } = await import('../boot/capacity.js');
  const { withoutUnmet } = await import('../run/unmet.js');
  const { judgeSuite, mutate } = await import('../search/mutate.js');
  const { printJson, write } = await import('./output.js');

  await withSession(flags, async (session) => {
    const image = await session.image('debian');
    const plan = await session.plan(image, patterns);
    const prepared = await session.prepareOne(image);
    const { cache, signal, say } = session;
    const { boots, skips } = await withoutUnmet(plan, prepared);
    for (const { scenario, reason } of skips) say(`skipped ${scenario.name}: ${reason}`);
    const report = await mutate({
      prepared,
      scenarios: boots,
      ...(await session.bootsWith(prepared)),
      cache,
      folder: (await makeRunFolder(session.results, 'mutate')).path,
      cold: flags.cold,
      jobs: flags.jobs ?? hostCapacity(undefined, 1).cpus,
      limit: flags.limit,
      signal,
      onNote: say,
      onMutation: ({ scenario, modules, verdict, named, reason }) =>
        say(
          `${scenario} without ${modules.join(', ')}: ${verdict}${named ? ', named' : ''}${reason ? ` (${reason})` : ''}`,
        ),
    });
    if (flags.json) printJson(report);
    else write(reportText(report));
    process.exitCode = { yes: EXIT.ok, no: EXIT.no, unknown: EXIT.undecided }[judgeSuite(report)];
  });
}

const portion = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((part / whole) * 100).toFixed(1)} %`;

function reportText(report: MutationReport): string {
  const { mutations, without, failed, bystanders, possible } = report;
  const red = mutations.filter((one) => one.red);
  const named = red.filter((one) => one.named);
  const due = mutations.filter((one) => one.red || !one.soft).length;
  const lines = [
    `${mutations.length} of ${possible} mutations; ${bystanders} modules that no declared device or step requested were kept`,
    `failed              ${red.length} of ${due} (${portion(red.length, due)}; target: all); ${mutations.length - due} named only by a softdep are not needed`,
    `named at the top    ${named.length} of ${red.length} (${portion(named.length, red.length)}; target: 95 %)`,
  ];
  for (const { scenario, reason } of without)
    lines.push(`not tried: ${scenario} fails with the full module tree (${reason})`);
  for (const { scenario, modules, reason } of failed)
    lines.push(`not tried: ${[scenario, modules.join(', ')].filter(Boolean).join(' without ')}: ${reason}`);
  if (mutations.length === 0) lines.push('no module was removed, so the suite is unproven');
  for (const { scenario, modules, verdict, reason } of mutations.filter((one) => one.reason !== ''))
    lines.push(`  ${verdict.padEnd(5)} ${scenario} without ${modules.join(', ')}: ${reason}`);
  return `${lines.join('\n')}\n`;
}
