#!/usr/bin/env node
/** `make test-kvm`: whether all that is said of a kernel under emulation is said of it under a real KVM too. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { Cache } from '../cache.js';
import { print, say } from '../cli/output.js';
import { describeError, EXIT, exitCodeOf } from '../errors.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { loadModuleIndex } from '../modules/index.js';
import type { RunResult } from '../results/run-result.js';
import { formatSeconds } from '../units.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { bootgate } from './as-user.js';
import { answerOf, type Check, losesKvm, passes, postMortem } from './checks.js';
import { runInLab } from './lab.js';

interface Flags {
  out: string;
  inside?: boolean;
  disposable?: boolean;
  seconds: string;
}

const CHECKS = 'checks.json';

const program = new Command('test-kvm')
  .description('compares KVM with emulation, in a machine with an emulated processor where KVM does not work')
  .argument('[scenario...]', 'default: those of a plain `bootgate run`')
  .option('--out <folder>', 'where the runs are kept', 'results/test-kvm')
  .option('--seconds <n>', 'how long the machine may take', '3000')
  .option('--inside', 'only what is tried under KVM')
  .option('--disposable', 'the machine is thrown away afterwards')
  .action(async (patterns: string[], flags: Flags) => {
    const out = resolve(flags.out);
    mkdirSync(out, { recursive: true });
    if (flags.inside) return inside(patterns, out, flags);
    const emulated = await bootgate(['run', ...patterns, '--accel', 'tcg'], join(out, 'tcg'));
    say(`emulated: exit ${emulated.status}`);
    await underKvm(patterns, out, Number(flags.seconds));
    report(out);
  });

async function underKvm(patterns: string[], out: string, seconds: number): Promise<void> {
  const cache = new Cache();
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
  const vmlinux = await extractVmlinux(kernel, cache);
  const { used, reason } = await chooseAccelerator('auto', { kernel, vmlinux, cache });
  say(reason);
  if (used === 'kvm') return inside(patterns, out, {});
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const main = process.argv[1] ?? '';
  const command = [process.execPath, main, ...patterns, '--inside', '--disposable', '--out', '/out'];
  await runInLab(command, { kernel, index, out, cores: 2, memoryMiB: 8192, seconds });
}

async function inside(patterns: string[], out: string, { disposable }: Partial<Flags>): Promise<void> {
  for (const name of ['kvm', 'hang', 'lost', 'project', CHECKS])
    rmSync(join(out, name), { recursive: true, force: true });
  const checks = [await passes(patterns, out), await postMortem(out)];
  if (disposable) checks.push(await losesKvm(patterns, out));
  writeFileSync(join(out, CHECKS), `${JSON.stringify(checks, null, 2)}\n`);
}

function report(out: string): void {
  const read = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'));
  const checks = read(CHECKS) as Check[];
  const [tcg, kvm] = ['tcg', 'kvm'].map((name) => read(join(name, 'latest', 'run.json')) as RunResult);
  for (const one of tcg?.results ?? []) {
    const other = kvm?.results.find(({ scenario }) => scenario === one.scenario);
    const [emulated, real] = [answerOf(one), other ? answerOf(other) : 'not booted'];
    print(
      `  ${one.scenario.padEnd(40)} ${formatSeconds(one.seconds).padStart(8)} emulated ${formatSeconds(other?.seconds ?? 0).padStart(8)} KVM  ${real}`,
    );
    checks.push({
      name: `${one.scenario}: the same under both`,
      ok: emulated === real,
      seen: `${emulated}, ${real}`,
    });
  }
  for (const { name, ok, seen } of checks) print(`${ok ? 'ok' : 'not ok'} - ${name}${ok ? '' : `: ${seen}`}`);
  const failed = checks.filter(({ ok }) => !ok).length;
  print(`${checks.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = EXIT.no;
}

try {
  await program.parseAsync();
} catch (error) {
  say(describeError(error));
  process.exitCode = exitCodeOf(error);
}
