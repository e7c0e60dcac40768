import { REPORTS, type Report } from './reports.js';

/** A file of a run's folder, or of a scenario's folder in it: what results/README.md tells of it. */
export interface FileOfRun {
  name: string;
  what: string;
  /** Only a gate has it. */
  gate?: true;
}

/** What lies in results/RUN/, the reports first. A test holds this list to what real runs leave, and the README to this list. */
export const RUN_FILES: readonly FileOfRun[] = [
  ...(REPORTS as readonly Report[]).flatMap(({ file }) =>
    file
      ? [{ name: file.name, what: file.what, ...(file.of === 'gate' ? { gate: true as const } : {}) }]
      : [],
  ),
  { name: 'gate-input.json', what: 'settings, known issues, static check, budgets, baseline', gate: true },
  {
    name: 'plan.json',
    what: 'written first: a run that was killed can be resumed with it (`bootgate gate --resume`)',
  },
  { name: 'modules.txt', what: 'the module set, as a list that --modules takes' },
  {
    name: 'rules.json',
    what: 'the rule that left each module out, or put it in its package, as the rule was then',
  },
  {
    name: 'tree.json',
    what: 'the module tree: folders, bytes, packages, dependencies, and what each set has of it',
  },
  { name: 'writer.1.lock', what: 'the process that is writing here, if any' },
  { name: 'run.log', what: "the harness's own log, one JSON object a line (pino)" },
];

/** What lies in the folder of one scenario. */
export const SCENARIO_FILES: readonly FileOfRun[] = [
  { name: 'result.json', what: 'written when the scenario is judged; --resume keeps it' },
  { name: 'console.log', what: 'what the kernel and the steps printed' },
  { name: 'control.log', what: "the agent's records, where the machine has a port for them" },
  { name: 'recording.json', what: 'how the guest ended, when it entered each phase, CPU and wall seconds' },
  { name: 'outside.json', what: 'what was checked on the host after the guest ended' },
  { name: 'reference.json', what: 'the result with the full module tree, if it was booted to compare' },
  {
    name: 'recipe.json',
    what: 'the boot as it was requested: kernel, modules, initramfs and window by digest, and the scenario',
  },
  {
    name: 'qemu.sh',
    what: 'the command that booted it; its initramfs and disks are gone, and it prints what makes them again',
  },
  { name: 'registers.txt', what: 'the registers of every CPU, after a hang or crash' },
  {
    name: 'postmortem.txt',
    what: 'after a hang or crash: blocked tasks, backtraces, memory and every task, as the kernel printed them',
  },
];
