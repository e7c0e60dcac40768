import { Command, Option } from 'commander';
import { type SharedFlags, share, wholeNumber } from './options.js';

interface WorkerFlags extends SharedFlags {
  arch?: string[];
  memory?: number;
}

export function workerCommand(): Command {
  const command = new Command('worker').description(
    'boot guests for `run|gate --queue` on other hosts, until it is stopped; runs nothing but QEMU',
  );
  share(command, 'queue', 'store', 'jobs', 'accel');
  return command
    .addOption(
      new Option('--arch <arch...>', 'architectures to take (default: those whose QEMU is installed)'),
    )
    .addOption(
      new Option(
        '--memory <MiB>',
        'memory for all guests together (default: four fifths of what is free)',
      ).argParser(wholeNumber),
    )
    .action(work);
}

async function work(flags: WorkerFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { userError } = await import('../errors.js');
  const { architectureOf, findArchitecture } = await import('../arch/index.js');
  const { hostCapacity } = await import('../boot/capacity.js');
  const { poolsOfHost } = await import('../fleet/queue/host.js');
  const { storeOf } = await import('../fleet/queue/open.js');
  const { Link } = await import('../fleet/queue/link.js');
  const { FetchedBlobs } = await import('../fleet/queue/fetched.js');
  const { runWorker } = await import('../fleet/queue/worker.js');

  await withSession(flags, async ({ cache, signal, say, undo }) => {
    if (!flags.queue)
      throw userError('E_USAGE', 'a worker needs a queue', { hint: 'give --queue redis://HOST:6379' });
    const store = storeOf(flags.store);
    const archs = flags.arch?.map((name) => (findArchitecture(name) ?? architectureOf(name as never)).arch);
    const pools = await poolsOfHost(archs, flags.accel ?? 'auto');
    const { cpus, memoryMiB } = hostCapacity(flags.jobs, 1);
    const link = await Link.open(flags.queue);
    undo.push(async () => link.close());
    const what = pools
      .map(({ arch, accelerator, qemu }) => `${arch} ${accelerator} (QEMU ${qemu})`)
      .join(', ');
    const memory = flags.memory ?? memoryMiB;
    say(`worker for ${link.name}: ${what}; ${cpus} at once, ${memory} MiB`);
    await runWorker({
      link,
      store,
      blobs: new FetchedBlobs(store, cache),
      cache,
      pools,
      slots: cpus,
      memoryMiB: memory,
      signal,
      say,
    });
  });
}
