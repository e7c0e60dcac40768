import type { ModuleIndex, RulePlace } from '../modules/module.js';
import type { Severity, Split } from './split.js';

/** One thing that the static check says. `id` and `key` are stable from run to run. */
export interface CheckFinding {
  id: string;
  /** `id` and what it is about: two runs' findings with one key are the same. */
  key: string;
  severity: Severity;
  message: string;
  module?: string;
  package?: string;
  /** The rule that put the module there. */
  place?: RulePlace;
  /** The smallest move that would mend it: `move crc_itu_t to core (+4 KiB)`. */
  mend?: string;
}

/** What the check reads from the modules' files, where that was done. Names as in the index. */
export interface ModuleFacts {
  vermagic?: string | null;
  signed?: boolean;
  firmware?: readonly string[];
  /** .modinfo whole: `['depends', 'jbd2,mbcache']`. */
  info?: readonly (readonly [key: string, value: string])[];
}

/** A device that the machines of a cloud have, with an alias of it: see images/clouds.yaml. */
export interface CloudDevice {
  cloud: string;
  device: string;
  alias: string;
}

/** A module asks the kernel at run time for another one: request_module(), which no depmod index records. */
export interface RequestEdge {
  from: string;
  /** Any module that answers one of these will do: names and aliases, as modprobe gets them. */
  to: readonly string[];
  /** Where this is known from: `fs/fat/inode.c, codepage 437`. */
  evidence: string;
  /** `note` where the evidence is weak; a warning unless given. */
  severity?: 'note';
}

export interface CheckInput {
  split: Split;
  index: ModuleIndex;
  facts?: { get(name: string): ModuleFacts | undefined };
  /** CONFIG_MODULE_SIG_FORCE, or the command line, says that unsigned modules are not loaded. */
  signaturesEnforced?: boolean;
  clouds?: readonly CloudDevice[];
  /** What modules ask the kernel to load at run time; see requestedges.ts and requeststrings.ts. */
  requests?: readonly RequestEdge[];
}
