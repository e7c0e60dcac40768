import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostError } from '../errors.js';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../report/result.js';
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
      const probe = `process.on('exit', () => process.stderr.write('maxrss ' + process.resourceUsage().maxRSS + '\\n'))`;
      const { status, stderr } = spawnSync(
        process.execPath,
        [
          '--import',
          `data:text/javascript,${encodeURIComponent(probe)}`,
          main,
          'run',
          '--image',
          'debian-2014',
          '--results',
          scratch,
        ],
        { encoding: 'utf8', maxBuffer: 1 << 28 },
      );
      const wall = (performance.now() - before) / 1000;
      if (status !== 0)
        throw hostError('E_BENCH', `the default run ended with ${status}: ${stderr.slice(-800)}`);
      const run = JSON.parse(readFileSync(join(scratch, 'latest', 'run.json'), 'utf8')) as RunResult;
      const { harness, qemu } = run.cpuSeconds;
      const peak = Number(/maxrss (\d+)/.exec(stderr)?.[1] ?? Number.NaN) / 1024;
      return [
        figure('scenarios', run.results.length, 'boots', `${run.counts.pass} pass`),
        figure('QEMU', qemu, 's CPU'),
        atMost(
          "bootgate's own share of the CPU",
          (harness / (harness + qemu)) * 100,
          '%',
          5,
          `${harness.toFixed(1)} s`,
        ),
        atMost("bootgate's own peak memory", peak, 'MiB', 200),
        atMost(
          'the default run, by the clock',
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
