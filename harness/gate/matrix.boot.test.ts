import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { KernelMatrix } from './matrix.js';

/** Two real kernels, of which one has the driver built in: BOOTGATE_ALL=1. */
const skip = process.env.BOOTGATE_ALL === '1' ? false : 'BOOTGATE_ALL=1';

t.test(
  'a gate over two kernels: one table, and the driver that is built in',
  { skip, timeout: 600_000 },
  async (t) => {
    const main = join(packageRoot, 'dist', 'cli', 'main.js');
    const results = mkdtempSync(join(tmpdir(), 'bootgate-matrix-'));
    const gate = (...more: string[]) =>
      spawnSync(
        process.execPath,
        [
          main,
          'gate',
          'storage/nvme',
          '--image',
          'debian',
          '--split',
          'fedora-2014',
          '--install',
          'core',
          ...more,
          '--results',
          results,
        ],
        { encoding: 'utf8' },
      );
    const { status, stdout, stderr } = gate('--kernel-matrix', 'apt:linux-image-cloud-amd64', '--json');
    t.equal(status, 1, stderr);
    const matrix = JSON.parse(stdout) as KernelMatrix;
    t.same(matrix.rows, [{ result: 'storage/nvme [kernel-core]', verdicts: ['pass', 'pass'] }]);
    t.match(
      matrix.changes[0]?.changes.map(({ message }) => message),
      [/^nvme is built in from .*cloud-amd64 on$/],
    );

    const [first] = matrix.kernels;
    const again = gate('--kernel', 'apt:linux-image-cloud-amd64', '--baseline', first?.run ?? '');
    t.match(again.stdout, /nvme is built in from/, 'a baseline of another kernel is explained');
  },
);
