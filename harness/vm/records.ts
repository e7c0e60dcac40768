/** What the guest's agent reports, as authenticated records. The format is described in harness/guest/README.md. */

export interface StepRecord {
  name: string;
  ok: boolean;
  /** Exit status of the step; 124 or 143 with `timedOut`. */
  status: number;
  timedOut: boolean;
  /** Guest seconds. */
  seconds: number;
  /** The last lines that it printed. */
  output: string;
}

/** A kernel request_module or a modprobe by a step, and what came of it. */
export interface RequestRecord {
  name: string;
  /** modprobe's own exit status: 0 answered (or built in). */
  status: number;
  /** The step during which it was made; empty before the first. */
  step: string;
}

/** A device with a modalias and no driver, after coldplug came to rest and again after the last step. */
export interface UnboundRecord {
  modalias: string;
  /** Below /sys. */
  device: string;
}

export interface GuestReport {
  /** The agent said hello: the channel works from here on. */
  hello: boolean;
  /** The authenticated end record arrived, and its count of records agrees. */
  ended: boolean;
  /** Steps that the agent began and did not end: at most one, the last. */
  unfinishedStep: string | null;
  steps: StepRecord[];
  requests: RequestRecord[];
  unbound: UnboundRecord[];
  /** Driver -> number of devices bound. */
  bound: Record<string, number>;
  /** /proc/modules at the end. */
  modulesLoaded: { name: string; bytes: number }[];
  memory: { modulesBytes: number; usedAfterBootBytes: number; totalBytes: number };
  /** modprobe's complaints: `could not insert 'x': Unknown symbol in module`. */
  loadErrors: string[];
  /** Lines that looked like records and were not: wrong nonce, checksum or sequence. They change nothing else. */
  rejected: number;
  /** Sequence numbers that never arrived. */
  missing: number;
}
