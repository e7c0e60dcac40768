/** A scenario after its file was read, checked and its matrix expanded: one boot. Plain and serialisable. */

export interface ScenarioStep {
  name: string;
  /** POSIX sh for busybox ash, with the helpers of harness/guest; exit status 0 is ok. */
  run: string;
  /** Guest seconds. */
  timeout: number;
}

export interface Scenario {
  /** `storage/virtio-blk` */
  name: string;
  /** `storage` */
  area: string;
  description: string;
  /** The file that it stands in, and the line. */
  file: string;
  line: number;
  /** One of the boards of harness/arch by name; the architecture's first unless given. */
  machine?: string | undefined;
  /** Which selections it belongs to: `quick` is what is booted unless others are named. */
  tags?: string[] | undefined;
  /** Of the kernel: CONFIG_SYMBOL, or the name of a module; of `A|B` one is enough. Beyond what its devices need. */
  needs?: string[] | undefined;
  cpus: number;
  memoryMiB: number;
  boot: 'direct' | 'packaged';
  disks: {
    serial: string;
    bus: string;
    sizeMiB: number;
    /** After the guest is gone, the harness looks for the boot's pattern in the disk file itself. */
    verifyPattern: boolean;
  }[];
  nics: { model: string; mac: string; farEnd: boolean }[];
  /** Folders of the host over virtio 9p. */
  shares?: { tag: string }[];
  /** What else the machine has, by the names of the device table. */
  devices?: string[] | undefined;
  /** Names of tools from images/userland.yaml that the steps need beyond the base. */
  tools: string[];
  /** Extra kernel command line. */
  cmdline: string;
  steps: ScenarioStep[];
  /** sh functions of the user's own project, read before each step after the package's helpers. */
  helpers?: string;
}
