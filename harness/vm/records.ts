/** What the guest's agent reports, as authenticated records. The format is described in harness/guest/README.md. */
import { type AgentRecord, fieldOf, recordIn } from './record-line.js';
import { type SealKey, sealKey } from './seal.js';

export interface StepRecord {
  name: string;
  /** Guest uptime in seconds at its own start record; null where none came before its end record. */
  startedAt: number | null;
  ok: boolean;
  /** Exit status of the step; 124, 137 or 143 with `timedOut`. */
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

/** A device with a modalias and no driver, after coldplug settled and again after the last step. */
export interface UnboundRecord {
  modalias: string;
  /** Below /sys. */
  device: string;
}

/** A disk or NIC that the scenario declares, and where the guest found it. */
export interface DeviceRecord {
  kind: 'disk' | 'nic';
  /** Serial number or MAC. */
  id: string;
  /** `/dev/vda`, `eth0`; empty when no such device came up. */
  node: string;
}

export interface GuestReport {
  /** The agent said hello: the channel works from here on. */
  hello: boolean;
  /** The authenticated end record arrived, and its count of records agrees. */
  ended: boolean;
  /** Steps that the agent began and did not end: at most one, the last. */
  unfinishedStep: string | null;
  steps: StepRecord[];
  /** Steps after a failed one: never begun. */
  notRun: string[];
  requests: RequestRecord[];
  devices: DeviceRecord[];
  unbound: UnboundRecord[];
  /** Driver -> number of devices bound. */
  bound: Record<string, number>;
  /** /proc/modules at the end. */
  modulesLoaded: { name: string; bytes: number }[];
  memory: { modulesBytes: number; usedAfterBootBytes: number; totalBytes: number };
  /** The kernel's taint flags after the last step; null where no record tells (older runs, a guest that did not get there). */
  taint: number | null;
  /** modprobe's complaints: `could not insert 'x': Unknown symbol in module`. */
  loadErrors: string[];
  notes: string[];
  /** Lines that looked like records and were not: wrong seal or sequence. They change nothing else. */
  rejected: number;
  /** Sequence numbers that never arrived. */
  missing: number;
}

/** A record has at most 900 bytes; a "line" that has grown past this is noise and is forgotten. */
const LONGEST_LINE = 4096;

/**
 * Takes the bytes of the guest's channels, however they were cut, and keeps the records among them. The monitor
 * uses it live and the judge afterwards: equal bytes give an equal report.
 */
export class RecordReader {
  readonly #nonce: string;
  readonly #key: SealKey | null;
  readonly #partial = { control: '', console: '' };
  readonly #report: GuestReport = emptyReport();
  #seq = 0;
  #output = '';
  #startedAt: number | null = null;
  #unboundAt = '';

  /** @param nonce The boot's secret: 16 hexadecimal digits. */
  constructor(nonce: string) {
    this.#nonce = nonce;
    this.#key = sealKey(nonce);
  }

  /** Bytes of one channel, in order. Returns the records that these bytes completed. */
  push(bytes: Uint8Array, channel: 'control' | 'console' = 'control'): AgentRecord[] {
    const taken: AgentRecord[] = [];
    const lines = (this.#partial[channel] + Buffer.from(bytes).toString('latin1')).split('\n');
    this.#partial[channel] = (lines.pop() ?? '').slice(-LONGEST_LINE);
    for (const line of lines) {
      const record = recordIn(line, this.#key, this.#nonce);
      if (record === undefined) continue;
      if (!record || record.seq <= this.#seq || this.#report.ended) {
        this.#report.rejected++;
        continue;
      }
      this.#report.missing += record.seq - this.#seq - 1;
      this.#seq = record.seq;
      this.#apply(record);
      taken.push(record);
    }
    return taken;
  }

  /** Everything known so far. */
  report(): GuestReport {
    return structuredClone(this.#report);
  }

  #apply(record: AgentRecord): void {
    const report = this.#report;
    const value = (key: string) => fieldOf(record, key);
    switch (record.type) {
      case 'hello':
        report.hello = true;
        break;
      case 'device':
        report.devices.push({
          kind: value('kind') === 'nic' ? 'nic' : 'disk',
          id: value('id'),
          node: value('node'),
        });
        break;
      case 'step-start':
        report.unfinishedStep = value('name');
        this.#startedAt = numberOr(value('up'), 0);
        this.#output = '';
        break;
      case 'output':
        this.#output += value('text');
        break;
      case 'step-end': {
        const status = numberOr(value('status'), -1);
        const timedOut = value('timedOut') === '1';
        report.steps.push({
          name: value('name'),
          startedAt: report.unfinishedStep === value('name') ? this.#startedAt : null,
          ok: status === 0 && !timedOut,
          status,
          timedOut,
          seconds: numberOr(value('seconds'), 0),
          // The guest's bytes are put together before they are read as UTF-8: a piece may end inside a character.
          output: Buffer.from(this.#output, 'latin1').toString('utf8'),
        });
        report.unfinishedStep = null;
        break;
      }
      case 'not-run':
        report.notRun.push(value('name'));
        break;
      case 'request': {
        const status = numberOr(value('status'), -1);
        for (const [key, name] of record.pairs)
          if (key === 'name') report.requests.push({ name, status, step: value('step') });
        break;
      }
      case 'load-error':
        report.loadErrors.push(value('text'));
        break;
      case 'note':
        report.notes.push(value('text'));
        break;
      case 'unbound':
        if (value('at') !== this.#unboundAt) report.unbound = [];
        this.#unboundAt = value('at');
        for (const [device, modalias] of record.pairs)
          if (device !== 'at') report.unbound.push({ device, modalias });
        break;
      case 'bound':
        for (const [driver, count] of record.pairs) report.bound[driver] = numberOr(count, 0);
        break;
      case 'module':
        for (const [name, bytes] of record.pairs)
          report.modulesLoaded.push({ name, bytes: numberOr(bytes, 0) });
        break;
      case 'memory':
        report.memory = {
          modulesBytes: numberOr(value('modules'), 0),
          usedAfterBootBytes: numberOr(value('used'), 0),
          totalBytes: numberOr(value('total'), 0),
        };
        break;
      case 'taint':
        report.taint = numberOr(value('flags'), 0);
        break;
      case 'end':
        report.ended = numberOr(value('records'), -1) === record.seq && report.missing === 0;
        break;
    }
  }
}

/** The report of a whole recording: records on the control channel, or, where there was none, on the console. */
export function readReport(nonce: string, control: Uint8Array, console: Uint8Array): GuestReport {
  const reader = new RecordReader(nonce);
  reader.push(control, 'control');
  reader.push(console, 'console');
  return reader.report();
}

function numberOr(text: string, otherwise: number): number {
  const number = Number(text);
  return text !== '' && Number.isFinite(number) ? number : otherwise;
}

/** What is known of a guest that has said nothing. */
export function emptyReport(): GuestReport {
  return {
    hello: false,
    ended: false,
    unfinishedStep: null,
    steps: [],
    notRun: [],
    requests: [],
    devices: [],
    unbound: [],
    bound: {},
    modulesLoaded: [],
    memory: { modulesBytes: 0, usedAfterBootBytes: 0, totalBytes: 0 },
    taint: null,
    loadErrors: [],
    notes: [],
    rejected: 0,
    missing: 0,
  };
}
