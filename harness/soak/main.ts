#!/usr/bin/env node
/** `make soak N=1000`: boots under faults. A verdict that is neither the right one nor infra, or anything left behind, is a failure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { print, say } from '../cli/output.js';
import { describeError, EXIT, exitCodeOf, hostError } from '../errors.js';
import { exec } from '../exec.js';
import { Random } from '../fuzz/random.js';
import { bootgate } from '../kvm/as-user.js';
import { JOBS, playRound, type Round, type Truth } from './round.js';

interface Flags {
  boots: string;
  seed: string;
  images: string[];
  scenarios: string[];
  perRound: string;
  pause: string;
  diskMib: string;
}

/** Two kernels whose scenarios pass, and a set (thin) in which some of them fail. */
const IMAGES = ['debian', 'debian-cloud'];
const THIN = {
  'thin.yaml': 'version: 1\nname: thin\nkernel: apt:linux-image-amd64\nmodules:\n  policy: policy.yaml\n',
  'policy.yaml':
    "version: 1\nrules:\n  - include: '**'\n  - exclude: [nvme, xfs, nls_ascii, nft_ct, e1000e, ahci]\n",
};

const program = new Command('soak')
  .description(
    'boots over and over while guests and bootgate are killed and stopped, disks fill and the host slows',
  )
  .option('--boots <n>', 'how many', '1000')
  .option('--seed <text>', 'of all that is random', () => '', String(Date.now()))
  .option('--images <name...>', 'images to boot', IMAGES)
  .option('--scenarios <pattern...>', 'default: those of a plain `bootgate run`', [])
  .option('--per-round <n>', 'scenarios of each run', '17')
  .option('--pause <seconds>', 'mean time between faults', '10')
  .option('--disk-mib <n>', 'size of the disk that results are written to (a tmpfs; needs root)', '3000')
  .action(async (flags: Flags) => {
    const disk = mkdtempSync(join(tmpdir(), 'bootgate-soak-'));
    await exec('mount', ['-t', 'tmpfs', '-o', `size=${flags.diskMib}m`, 'soak', disk]);
    try {
      await soak(flags, disk);
    } finally {
      await exec('umount', ['-l', disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });

async function soak(flags: Flags, disk: string): Promise<void> {
  print(`seed ${flags.seed}, ${JOBS} guests at once`);
  const truths: Truth[] = [];
  for (const [name, text] of Object.entries(THIN)) writeFileSync(join(disk, name), text);
  for (const image of [...flags.images, join(disk, 'thin.yaml')])
    truths.push(await truthOf(image, flags.scenarios, join(disk, 'truth')));
  const random = new Random(flags.seed);
  const rounds: Round[] = [];
  const booted = () => rounds.reduce((sum, { boots }) => sum + boots, 0);
  while (booted() < Number(flags.boots)) {
    const truth = random.pick(truths);
    const left = [...truth.verdicts.keys()];
    const scenarios: string[] = [];
    while (scenarios.length < Number(flags.perRound) && left.length > 0)
      scenarios.push(...left.splice(random.below(left.length), 1));
    const results = join(disk, `round-${rounds.length}`);
    const round = await playRound(truth, scenarios, results, random, Number(flags.pause));
    rounds.push(round);
    rmSync(results, { recursive: true, force: true });
    print(
      `${String(booted()).padStart(5)} boots  ${truth.image}: ${round.asTruth} right, ${round.infra} undecided, ${round.wrong.length} wrong; exit ${round.status}; ${round.peak.memoryMiB.toFixed(0)} MiB, ${round.peak.descriptors} descriptors; ${round.faults.join('; ') || 'no fault'}`,
    );
    for (const one of round.wrong) print(`      WRONG ${one}`);
    for (const one of round.left) print(`      LEFT ${one}`);
  }
  report(rounds);
}

/** What an image's scenarios come to when nothing happens. */
async function truthOf(image: string, patterns: readonly string[], results: string): Promise<Truth> {
  const { status, run, text } = await bootgate(
    ['run', ...patterns, '--image', image, '--reference', 'never'],
    results,
  );
  if (!run || status === 3)
    throw hostError('E_SOAK', `${image} cannot be booted on this host: ${text.slice(-500)}`);
  rmSync(results, { recursive: true, force: true });
  const verdicts = new Map(run.results.map(({ scenario, verdict }) => [scenario, verdict]));
  print(
    `truth  ${image}: ${[...verdicts.values()].filter((verdict) => verdict === 'pass').length} of ${verdicts.size} pass`,
  );
  return { image, verdicts };
}

function report(rounds: readonly Round[]): void {
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const wrong = sum((round) => round.wrong.length);
  const left = sum((round) => round.left.length);
  const half = Math.ceil(rounds.length / 2);
  const most = (part: readonly Round[], of: (peak: Round['peak']) => number) =>
    Math.max(0, ...part.map(({ peak }) => of(peak)));
  const halves = (of: (peak: Round['peak']) => number) =>
    `${most(rounds.slice(0, half), of).toFixed(0)} and ${most(rounds.slice(half), of).toFixed(0)}`;
  print(
    `${sum(({ boots }) => boots)} boots in ${rounds.length} runs, ${sum(({ faults }) => faults.length)} faults: ${sum(({ asTruth }) => asTruth)} verdicts right, ${sum(({ infra }) => infra)} undecided, ${wrong} wrong; ${left} left behind`,
  );
  print(
    `most memory of the first and the second half: ${halves(({ memoryMiB }) => memoryMiB)} MiB; descriptors: ${halves(({ descriptors }) => descriptors)}`,
  );
  if (wrong + left > 0) process.exitCode = EXIT.no;
}

try {
  await program.parseAsync();
} catch (error) {
  say(describeError(error));
  process.exitCode = exitCodeOf(error);
}
