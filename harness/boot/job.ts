import type { PreparedImage } from '../image/prepare.js';
import { resultName, type ScenarioResult, type Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';

/** One guest to come: a scenario with one of the image's module sets. */
export interface Boot {
  scenario: Scenario;
  prepared: PreparedImage;
  /** Among the others of the run; see resultName. */
  name: string;
}

export function bootOf(prepared: PreparedImage, scenario: Scenario): Boot {
  return { scenario, prepared, name: resultName({ scenario: scenario.name, ...installSetOf(prepared) }) };
}

function installSetOf({ installSet }: Installed): { installSet?: string } {
  return installSet ? { installSet: installSet.name } : {};
}

/** Which install set of a split it is, if any. */
interface Installed {
  installSet: { name: string } | null;
}

/** What is said of a scenario that has no guest to speak for it. */
export function notBooted(
  { scenario, prepared }: { scenario: Scenario; prepared: Installed },
  verdict: Verdict,
  reason: string,
): ScenarioResult {
  return {
    scenario: scenario.name,
    ...installSetOf(prepared),
    area: scenario.area,
    verdict,
    phase: 'firmware',
    reason,
    seconds: 0,
    cpuSeconds: 0,
    attempts: 0,
    steps: [],
    modulesLoaded: [],
    memory: { modulesBytes: 0, usedAfterBootBytes: 0 },
    findings: [],
    consoleTail: [],
    files: { console: '', control: '', argv: '', recording: '' },
    phases: [],
  };
}
