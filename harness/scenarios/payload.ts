import type { Entry } from '../initramfs/initramfs.js';
import { guestSerial } from '../vm/devices/index.js';
import type { Scenario } from './scenario.js';

export interface Secrets {
  /** What the agent's records are sealed with: 16 hexadecimal digits, new for each boot, never seen by a step. */
  nonce: string;
  /** What patterns on disks are made from; steps see it as BOOTGATE_SEED. */
  seed: string;
}

/** A step that may look at module files itself, instead of asking kmod to load them: they are put where it looks. */
const LOOKS_AT_FILES = /lib\/modules|modules[./]|insmod|depmod|\.ko\b|find \/ /;

/** A shell for a person instead of the verdict: `bootgate shell`. */
export interface ShellFacts {
  /** Steps that run before it. */
  at: number;
  rows: number;
  columns: number;
  /** What it begins with. */
  greeting: string;
  /** What the full module tree has and the set does not: `module NAME PATH WHY` and `alias ALIAS MODULE` lines, with tabs. */
  lacks: string;
}

/** A guest's input, as files below bootgate/scenario/; read by harness/guest/init.sh, which describes the format. */
export function scenarioEntries(scenario: Scenario, { nonce, seed }: Secrets, shell?: ShellFacts): Entry[] {
  const facts = [
    `nonce ${nonce}`,
    `seed ${seed}`,
    `scenario ${scenario.name}`,
    ...scenario.disks.map((disk) => {
      const seen = guestSerial(disk);
      return seen === disk.serial ? `disk ${disk.serial}` : `disk ${disk.serial} ${seen}`;
    }),
    ...scenario.nics.map(({ mac }, index) => `nic nic${index} ${mac}`),
    ...scenario.steps.map(({ name, timeout }, index) => `step ${index} ${timeout} ${name}`),
    ...scenario.steps.flatMap(({ run }, index) => (LOOKS_AT_FILES.test(run) ? [`looks ${index}`] : [])),
    ...(shell ? [`shell ${shell.at} ${shell.rows} ${shell.columns}`] : []),
  ];
  return [
    text('bootgate/scenario/env', facts.join('\n')),
    // A step's shell begins in the agent's own folder (launcher.sh). On the first line, so that sh's line numbers are the step's.
    ...scenario.steps.map(({ run }, index) =>
      text(`bootgate/scenario/step-${index}.sh`, `cd /; ${run.trimEnd()}`),
    ),
    ...(scenario.helpers ? [text('bootgate/own.sh', scenario.helpers)] : []),
    ...(shell
      ? [text('bootgate/scenario/greeting', shell.greeting), text('bootgate/lacks', shell.lacks)]
      : []),
  ];
}

function text(path: string, content: string): Entry {
  return { path, type: 'file', mode: 0o600, data: new TextEncoder().encode(`${content}\n`) };
}
