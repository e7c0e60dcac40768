#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { EXIT } from '../errors.js';
import type { ChildOutcome } from './child.js';
import { TARGETS } from './targets.js';

interface Flags {
  seconds: string;
  inputs?: string;
  seed: string;
  only?: string;
  keep: string;
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
/** A target that goes on for this much longer than it may hangs in one input. */
const GRACE_SECONDS = 60;

const program = new Command('fuzz')
  .description(`feeds changed inputs to every reader; targets: ${Object.keys(TARGETS).join(', ')}`)
  .argument('[target...]', 'default: all')
  .option('--seconds <n>', 'for all targets together', '600')
  .option('--inputs <n>', 'most inputs for each target')
  .option('--seed <n>', 'the same seed gives the same inputs', String(Date.now() % 1_000_000))
  .option('--only <number>', 'just this input of the target')
  .option('--keep <folder>', 'where inputs that failed are written', 'results/fuzz')
  .action(async (names: string[], flags: Flags) => {
    const wanted = names.length > 0 ? names : Object.keys(TARGETS);
    for (const name of wanted)
      if (!TARGETS[name]) program.error(`unknown target ${name}`, { exitCode: EXIT.usage });
    const seconds = Number(flags.seconds) / wanted.length;
    const limits = {
      seed: Number(flags.seed),
      seconds,
      inputs: flags.inputs ? Number(flags.inputs) : Number.MAX_SAFE_INTEGER,
      ...(flags.only ? { only: Number(flags.only) } : {}),
    };
    process.stdout.write(`seed ${limits.seed}, ${seconds.toFixed(1)} s for each target\n`);
    let [inputs, failures] = [0, 0];
    for (const name of wanted) {
      const outcome = await runTarget(name, JSON.stringify(limits), seconds);
      inputs += outcome.inputs;
      failures += outcome.failures.length;
      process.stdout.write(`${lineOf(name, outcome)}\n`);
      for (const { number, what, input } of outcome.failures) {
        const file = join(flags.keep, `${name}-${limits.seed}-${number}`);
        keep(file, Buffer.from(input, 'base64'));
        process.stdout.write(`  input ${number} (${file}): ${what}\n`);
      }
    }
    process.stdout.write(`${inputs} inputs, ${failures} failures\n`);
    if (failures > 0) process.exitCode = EXIT.no;
  });

async function runTarget(name: string, limits: string, seconds: number): Promise<ChildOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-fuzz-'));
  try {
    const child = spawn(process.execPath, [CHILD, name, limits, folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk).slice(-4000);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), (seconds + GRACE_SECONDS) * 1000);
    const status = await new Promise((resolve) =>
      child.once('close', (code, signal) => resolve(signal ?? code)),
    );
    clearTimeout(timer);
    if (status === 0) return JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8')) as ChildOutcome;
    const number = Number(readFileSync(join(folder, 'number'), 'utf8'));
    const what = status === 'SIGKILL' ? 'it hangs' : `the process ended with ${status}: ${complaint}`;
    const none = { target: name, inputs: number, refused: 0, slowestMs: 0, peakMiB: 0 };
    return { ...none, failures: [{ number, what, input: '' }] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lineOf(name: string, { inputs, refused, slowestMs, peakMiB, failures }: ChildOutcome): string {
  const share = inputs > 0 ? Math.round((refused / inputs) * 100) : 0;
  const cells = [
    name.padEnd(22),
    `${inputs} inputs`.padStart(16),
    `${share} % refused`.padStart(14),
    `slowest ${Math.round(slowestMs)} ms`.padStart(18),
    `peak ${peakMiB} MiB`.padStart(15),
  ];
  return `${cells.join('')}  ${failures.length === 0 ? 'ok' : `${failures.length} FAILED`}`;
}

function keep(file: string, input: Buffer): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, input);
}

await program.parseAsync();
