import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Executor } from '../boot/executor.js';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { scenariosDir } from '../paths.js';
import { withoutUnmet } from '../run/unmet.js';
import { loadScenarios } from '../scenarios/load.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { rowsOf } from '../vm/devices/index.js';
import { judgeMutation } from './mutate.js';
import { Trials, withoutModules } from './trial.js';

/**
 * Every device of the table, on a real kernel: its scenario passes with the full module tree, and without the modules of one
 * of its levels it fails and names one of them. BOOTGATE_ALL=1 does that for all (some 70 boots); BOOTGATE_CASE=storage for those
 * whose name begins so.
 */
t.setTimeout(3_600_000);
const SAMPLE = ['network/usb-net-tcp', 'platform/pvpanic', 'storage/ide', 'storage/sdhci'];
const only = process.env.BOOTGATE_CASE;
const chosen = (name: string) =>
  only ? name.startsWith(only) : process.env.BOOTGATE_ALL === '1' || SAMPLE.includes(name);

const cache = new Cache();
const prepared = await prepareImage(await loadImage('debian'), { cache });
const wide = (await loadScenarios(scenariosDir)).filter(
  ({ name, tags }) => tags?.includes('wide') && chosen(name),
);
const { boots, skips } = await withoutUnmet({ boots: wide, skips: [] }, prepared);
const accelerator = await chooseAccelerator('auto', { ...prepared, cache });
const executor = new Executor({ accelerator, cache, jobs: 2 });
const folder = mkdtempSync(join(tmpdir(), 'bootgate-devices-'));
const trials = new Trials(executor, folder);
t.comment(`logs in ${folder}`);
for (const { scenario, reason } of skips) t.comment(`${scenario.name}: skipped, ${reason}`);
t.ok(boots.length > 0, `${boots.length} scenarios`);

const tried = boots.flatMap((scenario) => [
  { scenario, modules: [] as string[] },
  ...rowsOf(scenario)
    .flatMap(({ levels }) => levels)
    // Whatever else of the tree answers could stand in: it is taken away with them.
    .map(({ aliases, modules }) => {
      const names = aliases.flatMap((alias) => {
        const found = prepared.index.resolve(alias);
        return found.kind === 'modules' ? found.names : [];
      });
      return {
        scenario,
        modules: [...new Set([...modules, ...names])].filter((name) => prepared.index.modules.has(name)),
      };
    }),
]);
await Promise.all(
  tried.map(async ({ scenario, modules }) => {
    const result = await trials.boot(withoutModules(prepared, modules), scenario);
    if (modules.length === 0) {
      t.equal(result.verdict, 'pass', `${scenario.name} with the full module tree ${result.reason}`);
      return;
    }
    const judged = judgeMutation({ modules, request: null, soft: false }, result, prepared.index);
    const what = `${scenario.name} without ${modules.join(', ')}: ${judged.verdict}, names ${judged.top ?? 'nothing'}`;
    t.ok(judged.red && judged.named, `${what} ${judged.reason}`);
  }),
);
