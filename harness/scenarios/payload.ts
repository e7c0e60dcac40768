import type { Entry } from '../initramfs/initramfs.js';
import { guestSerial } from '../vm/devices/index.js';
import type { Scenario } from './scenario.js';

export interface Secrets {
  /** Authenticates the agent's records: letters and digits, new for each boot, never seen by a step. */
  nonce: string;
  /** What patterns on disks are made from; steps see it as BOOTGATE_SEED. */
  seed: string;
}

/** What a guest is told, as files below bootgate/scenario/; read by harness/guest/init.sh, which describes the format. */
export function scenarioEntries(scenario: Scenario, { nonce, seed }: Secrets): Entry[] {
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
  ];
  return [
    text('bootgate/scenario/env', facts.join('\n')),
    ...scenario.steps.map(({ run }, index) => text(`bootgate/scenario/step-${index}.sh`, run.trimEnd())),
  ];
}

function text(path: string, content: string): Entry {
  return { path, type: 'file', mode: 0o600, data: new TextEncoder().encode(`${content}\n`) };
}
