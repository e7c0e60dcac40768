import { openSync, writeFileSync, writeSync } from 'node:fs';
import { fuzz, type Limits, type Outcome } from './loop.js';
import { makeRoom } from './room.js';
import { TARGETS } from './targets.js';

/** What a child leaves for its parent, as JSON. */
export interface ChildOutcome extends Omit<Outcome, 'crashes' | 'hangs'> {
  peakMiB: number;
  failures: { number: number; what: string; input: string }[];
}

/**
 * Runs one target in a process of its own: arguments are its name, the limits as JSON, and a folder. The number of the input
 * under way is kept in FOLDER/number, so that a parent that has to kill this process can name it.
 */
const [name = '', limits = '{}', folder = ''] = process.argv.slice(2);
const make = TARGETS[name];
if (!make) throw new Error(`no target ${name}`);
const number = openSync(`${folder}/number`, 'w');
const target = await make(await makeRoom(folder));
const { crashes, hangs, ...outcome } = await fuzz(target, JSON.parse(limits) as Limits, (at) =>
  writeSync(number, String(at).padEnd(12), 0),
);
const failures = [...crashes, ...hangs].map((one) => ({
  number: one.number,
  what: one.what,
  input: one.input.toString('base64'),
}));
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
writeFileSync(
  `${folder}/outcome.json`,
  JSON.stringify({ ...outcome, peakMiB, failures } satisfies ChildOutcome),
);
