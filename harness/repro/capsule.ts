import type { BootRequest } from '../boot/request.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Accelerator } from '../vm/machine.js';
import type { Expectation } from './expectation.js';

/** capsule.json: all that run.sh follows from. */
export interface Capsule {
  schema: 'bootgate/capsule@1';
  request: BootRequest;
  recorded: Pick<ScenarioResult, 'verdict' | 'phase' | 'reason' | 'seconds'> & {
    scenario: string;
    accelerator: Accelerator;
  };
  expectation: Expectation;
  /** Of modules.bin into the module window, in blocks of 4096 bytes. */
  window: { bytes: number; runs: { skip: number; seek: number; count: number }[] } | null;
}

export const CAPSULE_FILE = 'capsule.json';
/** The folder's paths in domain.xml, until run.sh knows better. */
export const PLACE = '/CAPSULE';
