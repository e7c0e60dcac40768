import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BootOptions, bootScenario } from '../boot/boot.js';
import { Executor } from '../boot/executor.js';
import { Forks } from '../boot/forks.js';
import { referenceFor } from '../boot/reference.js';
import { Templates } from '../boot/templates.js';
import { Cache } from '../cache.js';
import { entriesOf } from '../cacheentries.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { exactSet } from '../modules/set.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { loadScenarios } from '../scenarios/load.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { atMost, type Bench, figure } from './figure.js';

/** One of each area. */
const SCENARIOS = ['storage/virtio-blk', 'filesystems/ext4', 'netfilter/nft-nat', 'network/virtio-net-tcp'];
const ROUNDS = 3;
const RATIO = 0.35;

/**
 * What a trial of a search costs as a clone, against the same boot cold: a scenario with the modules that it loads. CPU seconds
 * of QEMU, because the clock is noisy; they take turns.
 */
export const trialsBench: Bench = {
  name: 'trials',
  about: 'one trial of a search, as a clone of a template and cold, with the modules that the scenario loads',
  async measure() {
    const scratch = mkdtempSync(join(tmpdir(), 'bootgate-bench-'));
    try {
      const cache = new Cache();
      const image = await prepareImage(await loadImage('debian'), { cache });
      const accelerator = await chooseAccelerator('auto', { ...image, cache });
      const executor = new Executor({ accelerator, cache, jobs: 1 });
      const own = new Cache(join(scratch, 'cache'));
      const forks = new Forks(new Templates(own));
      const figures = [];
      const made: number[] = [];
      for (const name of SCENARIOS) {
        const scenario = (await loadScenarios()).find((one) => one.name === name);
        if (!scenario) throw new Error(`${name} is gone`);
        const folder = join(scratch, name);
        const { reference } = await referenceFor({ prepared: image, scenario, executor, folder });
        const loaded = reference.modulesLoaded.filter((module) => image.index.modules.has(module));
        const set = exactSet(image.index, new Set(closure(image.index, loaded)), 'what it loads');
        const boot = async (how: (options: BootOptions) => Promise<ScenarioResult>, to: string) => {
          const before = performance.now();
          const result = await how({
            prepared: { ...image, set },
            scenario,
            accelerator,
            cache,
            folder: join(folder, to),
            relativeFolder: '',
            attempt: 1,
          });
          if (result.verdict !== 'pass') throw new Error(`${name}, ${to}: ${result.reason}`);
          return {
            cpu: result.cpuSeconds,
            seconds: (performance.now() - before) / 1000,
            forked: result.forked,
          };
        };
        const first = await boot(forks.boot, 'first');
        const taken = { cold: [] as number[], clone: [] as number[], wall: [] as number[] };
        for (let round = 0; round < ROUNDS; round++) {
          taken.cold.push((await boot(bootScenario, `cold-${round}`)).cpu);
          const clone = await boot(forks.boot, `clone-${round}`);
          if (!clone.forked) throw new Error(`${name} was not cloned`);
          taken.clone.push(clone.cpu);
          taken.wall.push(clone.seconds);
        }
        const [cold, clone, wall] = [median(taken.cold), median(taken.clone), median(taken.wall)];
        made.push(first.seconds - wall);
        const note = `${clone.toFixed(2)} of ${cold.toFixed(2)} s; ${wall.toFixed(1)} s wall time, ${set.names.length} modules`;
        figures.push(atMost(`${name}: clone / cold`, clone / cold, 'ratio', RATIO, note));
      }
      const templates = await entriesOf(own.root, 'templates');
      const bytes = templates.reduce((sum, one) => sum + one.bytes, 0);
      figures.push(
        figure('a template, made and kept', median(made), 's', 'wall time, once for each userland'),
      );
      figures.push(figure('a template on the disk', bytes / templates.length / 2 ** 20, 'MiB'));
      return figures;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
