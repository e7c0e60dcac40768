import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { buildInitramfs } from '../initramfs/build.js';
import { setFromNames } from '../modules/set.js';
import { atLeast, atMost, type Bench, type Figure, figure } from './figure.js';

export const initramfsBench: Bench = {
  name: 'initramfs',
  about: 'from a changed module list to a bootable image, against dracut with an equal list',
  async measure() {
    const scratch = mkdtempSync(join(tmpdir(), 'bootgate-bench-'));
    try {
      const cache = new Cache(join(scratch, 'cache'));
      const { set, index, kernel } = await prepareImage(await loadImage('debian-2014'), {
        cache: new Cache(),
      });
      const build = (names: readonly string[], delivery: 'window' | 'archive') =>
        buildInitramfs({
          set: setFromNames(index, names, 'bench'),
          tools: [],
          scenarioEntries: [],
          delivery,
          cache,
        });
      const cold = await build(set.names, 'window');
      // Each time another list, so that nothing but userland and window can come from the cache.
      const times: number[] = [];
      const leaves = set.names.filter(
        (name) => !set.names.some((other) => index.modules.get(other)?.depends.includes(name)),
      );
      for (let round = 0; round < 5; round++) {
        const without = leaves[round * 7];
        times.push(
          (
            await build(
              set.names.filter((name) => name !== without),
              'window',
            )
          ).buildMs,
        );
      }
      times.sort((a, b) => a - b);
      const changed = times[2] ?? 0;
      const archive = await build(set.names.slice(0, -1), 'archive');
      const figures: Figure[] = [
        figure('2014 set, everything cold', cold.buildMs, 'ms', 'userland, window of the tree, indexes'),
        atMost(
          '2014 set, changed list, warm',
          changed,
          'ms',
          100,
          `${set.names.length} modules, new indexes`,
        ),
        figure('the same with module files in the archive', archive.buildMs, 'ms'),
        figure('peak memory so far', process.resourceUsage().maxRSS / 1024, 'MiB'),
      ];
      const dracut = dracutSeconds(kernel.modulesDir, kernel.release, set.names, scratch);
      if (dracut === undefined) figures.push(figure('dracut is not installed', 0, 's', 'no comparison'));
      else
        figures.push(
          atLeast(
            'times faster than dracut',
            (dracut * 1000) / changed,
            'x',
            30,
            `dracut: ${dracut.toFixed(1)} s`,
          ),
        );
      return figures;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/** `dracut --no-hostonly` with the same modules, its own best settings for speed: no compression, no stripping. */
function dracutSeconds(
  modulesDir: string,
  release: string,
  names: readonly string[],
  scratch: string,
): number | undefined {
  const dracut = ['/usr/bin/dracut', '/usr/sbin/dracut'].find((path) => existsSync(path));
  if (!dracut) return undefined;
  // dracut wants depmod's files in the tree: give it links to the modules and indexes of their own
  const tree = join(scratch, 'dracut', 'lib', 'modules', release);
  mkdirSync(tree, { recursive: true });
  for (const name of readdirSync(modulesDir)) symlinkSync(join(modulesDir, name), join(tree, name));
  spawnSync('/sbin/depmod', ['-b', join(scratch, 'dracut'), release]);
  const output = join(scratch, 'dracut.img');
  const before = performance.now();
  const done = spawnSync(
    dracut,
    [
      '--no-hostonly',
      '--no-compress',
      '--nostrip',
      '--force',
      '--kmoddir',
      tree,
      '--drivers',
      names.join(' '),
      output,
      release,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const seconds = (performance.now() - before) / 1000;
  if (done.status !== 0 || !existsSync(output) || statSync(output).size < 1 << 20)
    throw new Error(`dracut failed, so there is nothing to compare with: ${done.stderr.slice(-500)}`);
  return seconds;
}
