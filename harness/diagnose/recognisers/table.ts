import { DEATH } from './death.js';
import { DEVICES } from './devices.js';
import { FILESYSTEMS } from './filesystems.js';
import { LOCKING } from './locking.js';
import { MEMORY } from './memory.js';
import { MODULES } from './modules.js';
import { OOPS } from './oops.js';
import type { Recogniser } from './recogniser.js';
import { STALLS } from './stalls.js';
import { STORAGE } from './storage.js';
import { WARNINGS } from './warnings.js';

/**
 * What kernel messages mean, as data, in the order in which they are tried: the first that matches a line has it. Each
 * rule has golden logs in fixtures/; a bug adds a log with what it should have said.
 */
export const RECOGNISERS: readonly Recogniser[] = [
  ...DEATH,
  ...STALLS,
  ...MEMORY,
  ...OOPS,
  ...LOCKING,
  ...WARNINGS,
  ...MODULES,
  ...FILESYSTEMS,
  ...STORAGE,
  ...DEVICES,
];
