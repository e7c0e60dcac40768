import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { cpuSeconds } from './boot.js';
import { atMost, type Bench, figure } from './figure.js';

/** The default run, warm: what of it is ours and not QEMU's, and how long it takes in all. */
export const runBench: Bench = {
  name: 'run',
  about: 'the default run on the default image, kernel already there',
  async measure() {
    const scratch = mkdtempSync(join(tmpdir(), 'bootgate-bench-'));
    try {
      const main = join(packageRoot, 'dist', 'cli', 'main.js');
      const before = performance.now();
      // The peak is read from inside the process at its end: /proc/PID/status would have to be caught alive.
      const peakFile = join(scratch, 'maxrss');
      const probe = `import { writeFileSync } from 'node:fs';
        process.on('exit', () => writeFileSync(${JSON.stringify(peakFile)}, String(process.resourceUsage().maxRSS)));`;
      const total = cpuSeconds(process.execPath, [
        '--import',
        `data:text/javascript,${encodeURIComponent(probe)}`,
        main,
        'run',
        '--image',
        'debian-2014',
        '--results',
        scratch,
      ]);
      const wall = (performance.now() - before) / 1000;
      const run = JSON.parse(readFileSync(join(scratch, 'latest', 'run.json'), 'utf8')) as RunResult;
      // All that is not QEMU's is ours: Node's start, the modules, the tools that were called. run.json counts less.
      const { qemu } = run.cpuSeconds;
      const harness = total - qemu;
      const peak = Number(readFileSync(peakFile, 'utf8')) / 1024;
      return [
        figure('scenarios', run.results.length, 'boots', `${run.counts.pass} pass`),
        figure('QEMU', qemu, 's CPU'),
        atMost("bootgate's own share of the CPU", (harness / total) * 100, '%', 5, `${harness.toFixed(1)} s`),
        atMost("bootgate's own peak memory", peak, 'MiB', 200),
        atMost(
          'the default run, wall time',
          wall,
          's',
          240,
          `${run.accelerator.used}, ${run.results.length} guests`,
        ),
      ];
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
