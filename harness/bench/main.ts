#!/usr/bin/env node
import { Command } from 'commander';
import { describeError, EXIT, exitCodeOf } from '../errors.js';
import type { Bench, Figure } from './figure.js';

/** Named here, loaded when wanted: each measures in a process that did nothing else before. */
const BENCHES: Record<string, () => Promise<Bench>> = {
  modules: async () => (await import('./modules.js')).modulesBench,
  console: async () => (await import('./console.js')).consoleBench,
  initramfs: async () => (await import('./initramfs.js')).initramfsBench,
  boot: async () => (await import('./boot.js')).bootBench,
  run: async () => (await import('./run.js')).runBench,
  trials: async () => (await import('./trials.js')).trialsBench,
  rebase: async () => (await import('./rebase.js')).rebaseBench,
  fleet: async () => (await import('./fleet.js')).fleetBench,
};

const program = new Command('bench')
  .description(`prints bootgate's figures; groups: ${Object.keys(BENCHES).join(', ')}`)
  .argument('[group...]', 'default: all')
  .option('--json', 'as JSON')
  .action(async (groups: string[], flags: { json?: boolean }) => {
    const rows: (Figure & { group: string })[] = [];
    for (const group of groups.length > 0 ? groups : Object.keys(BENCHES)) {
      const load = BENCHES[group];
      if (!load) program.error(`unknown group ${group}`, { exitCode: EXIT.usage });
      else {
        const bench = await load();
        process.stderr.write(`${group}: ${bench.about}\n`);
        const figures = await bench.measure();
        rows.push(...figures.map((figure) => ({ group, ...figure })));
        if (!flags.json) for (const figure of figures) process.stdout.write(`${line(figure)}\n`);
      }
    }
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ schema: 'bootgate/bench@1', figures: rows }, null, 2)}\n`);
    if (rows.some((row) => !row.ok)) process.exitCode = EXIT.no;
  });

function line({ name, value, unit, target, ok, note }: Figure): string {
  const shown = `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`.padStart(14);
  return `  ${name.padEnd(46)}${shown}  ${target ? `${ok ? 'ok' : 'MISSED'}: ${target}` : ''}${note ? `  (${note})` : ''}`;
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
