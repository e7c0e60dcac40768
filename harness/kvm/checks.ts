/** What is tried where KVM works: by the program itself, as a user starts it. */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../exec.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { bootgate } from './as-user.js';

export interface Check {
  name: string;
  ok: boolean;
  /** What was seen. */
  seen: string;
}

const last = (text: string): string => text.split('\n').slice(-3).join(' / ');

/** `--accel auto` takes KVM, and all that is booted passes. */
export async function passes(patterns: readonly string[], out: string): Promise<Check> {
  const { status, run, text } = await bootgate(['run', ...patterns, '--accel', 'auto'], join(out, 'kvm'));
  return {
    name: '--accel auto takes KVM, and what is booted passes',
    ok: status === 0 && run?.accelerator.used === 'kvm' && run.verdict === 'pass',
    seen: run ? `${run.accelerator.used}: ${run.accelerator.reason}; ${run.counts.pass} pass` : last(text),
  };
}

/** A guest that hangs is a hang, and what its processor did is kept. */
export async function postMortem(out: string): Promise<Check> {
  const folder = join(out, 'project');
  await mkdir(join(folder, 'scenarios', 'lab'), { recursive: true });
  await writeFile(join(folder, 'bootgate.yaml'), 'version: 1\n');
  await writeFile(
    join(folder, 'scenarios', 'lab', 'hang.yaml'),
    `description: An init that does nothing.\ncmdline: rdinit=/bin/busybox -- sleep 10000\nsteps:\n  - name: never\n    run: 'true'\n`,
  );
  const args = ['run', 'lab/hang', '--project', folder, '--accel', 'kvm', '--reference', 'never'];
  const { run, text } = await bootgate(args, join(out, 'hang'));
  const one = run?.results[0];
  const registers = join(out, 'hang', 'latest', 'lab', 'hang', 'registers.txt');
  const kept = existsSync(registers) ? readFileSync(registers, 'utf8') : '';
  return {
    name: 'a guest that hangs under KVM is a hang, its registers kept',
    ok: one?.verdict === 'hang' && /RIP=/.test(kept),
    seen: one ? `${one.verdict}: ${one.reason}; ${kept.length} bytes of registers` : last(text),
  };
}

/**
 * KVM that goes away in the middle of a run is the host's fault. Takes /dev/kvm away for good: only for a machine that is thrown away.
 */
export async function losesKvm(patterns: readonly string[], out: string): Promise<Check> {
  const results = join(out, 'lost');
  const running = bootgate(
    ['run', ...patterns, '--accel', 'kvm', '-j', '1', '--reference', 'never'],
    results,
  );
  await booting(results);
  renameSync('/dev/kvm', '/dev/kvm.away');
  const { status, run, text } = await running;
  const blamed = run?.results.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'infra') ?? [];
  const infra = run?.results.filter(({ verdict }) => verdict === 'infra') ?? [];
  return {
    name: 'KVM that goes away in mid-run is never a failed kernel',
    ok: status === 3 && blamed.length === 0 && infra.length > 0,
    seen: run
      ? `exit ${status}; ${run.counts.pass} pass, ${infra.length} infra: ${infra[0]?.reason ?? ''}`
      : last(text),
  };
}

/** Until a guest of that run has said something. */
async function booting(results: string): Promise<void> {
  const begun = () =>
    exec('find', [results, '-name', 'console.log', '-size', '+0'], { okCodes: [0, 1] }).then(
      ({ stdout }) => stdout !== '',
    );
  for (let tries = 0; tries < 600 && !(await begun()); tries++)
    await new Promise((resolve) => setTimeout(resolve, 500));
}

/** What a result says of the kernel: the same under every accelerator. */
export function answerOf(one: ScenarioResult): string {
  const failed = one.steps.find((step) => !step.ok);
  const finding = one.findings[0];
  return [one.verdict, failed?.name, finding?.kind, finding?.module].filter(Boolean).join(' · ');
}
