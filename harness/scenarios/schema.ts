import { z } from 'zod';
import { ARCHITECTURES } from '../arch/index.js';
import { SCENARIO } from '../limits.js';
import { DISK_BUSES, NIC_MODELS, OTHER_DEVICES } from '../vm/devices/index.js';

/** What `machine:` may be: the boards of every architecture. */
export const BOARDS: readonly string[] = [
  ...new Set(ARCHITECTURES.flatMap(({ boot }) => Object.keys(boot?.boards ?? {}))),
];

/** `${bus}`: filled in from the matrix before anything is looked at. */
const PLACEHOLDER = '\\$\\{[A-Za-z]\\w*\\}';

/** One of a list, or a placeholder. Checked after the matrix, so that the message can name the nearest word. */
const oneOf = (words: readonly string[]) =>
  z.string().meta({ anyOf: [{ enum: [...words] }, { pattern: `^${PLACEHOLDER}$` }] });

const size = (what: string) =>
  z
    .union([z.string(), z.number().int()])
    .describe(`${what}, in whole MiB or GiB: 64MiB, 2GiB`)
    .meta({ examples: ['64MiB', '512MiB', '2GiB'] });

const disk = z
  .strictObject({
    serial: z.string().describe('the guest finds it by this: 1 to 20 letters, digits and dashes'),
    bus: oneOf(DISK_BUSES).describe('the bus that it is attached to'),
    size: size('its size; sparse, so only what is written takes space'),
    verify: z
      .literal('pattern')
      .optional()
      .describe('after the guest has ended, look in the disk file itself for what pattern_write wrote'),
  })
  .describe('An empty disk');

const nic = z
  .strictObject({
    model: oneOf(NIC_MODELS).describe('what the guest sees'),
    mac: z
      .string()
      .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'expected six pairs of lower-case hex digits')
      .optional()
      .describe('default: 52:54:00:62:67:NN'),
    'far-end': z
      .boolean()
      .default(false)
      .describe('a server of the harness answers at 10.0.2.100:9000 (far_end_exchange)'),
  })
  .describe('A network card; the steps call the first one nic0, the second nic1');

const share = z
  .strictObject({
    tag: z
      .string()
      .regex(/^[a-z0-9]{1,16}$/, 'expected 1 to 16 lower-case letters and digits')
      .describe('what the guest mounts: mount -t 9p -o trans=virtio TAG /mnt'),
  })
  .describe(
    'A folder of the host over virtio 9p. from-host in it holds the seed; from-guest must hold it after the guest has ended',
  );

const seconds = (what: string) =>
  z.number().int().min(1).max(SCENARIO.seconds).describe(`${what}, in guest seconds`);

const step = z
  .strictObject({
    name: z
      .string()
      .regex(/^[ -~]{1,80}$/, 'expected 1 to 80 printable ASCII characters')
      .describe('what it shows, as a sentence'),
    run: z
      .string()
      .min(1)
      .max(SCENARIO.stepBytes)
      .describe('POSIX sh with the helpers of harness/guest; status 0 is ok'),
    timeout: seconds("this step's own limit").optional(),
  })
  .describe('One thing that must work. The first failure ends the scenario');

const scalar = z.union([z.string().max(SCENARIO.wordBytes), z.number()]).transform(String);

export const scenarioFileSchema = z
  .strictObject({
    description: z.string().min(1).max(SCENARIO.descriptionBytes).describe('one sentence: what this proves'),
    name: z
      .string()
      .max(SCENARIO.nameBytes)
      .optional()
      .describe(`AREA/NAME, with \${word} for a matrix (default: the folder and file name)`),
    matrix: z
      .array(
        z
          .record(z.string().regex(/^[A-Za-z]\w*$/, 'expected a word'), scalar)
          .refine((row) => Object.keys(row).length <= SCENARIO.matrixWords, {
            message: `expected at most ${SCENARIO.matrixWords} words in a row`,
          }),
      )
      .min(1)
      .max(SCENARIO.matrixRows)
      .optional()
      .describe(`one scenario for each row; \${word} anywhere stands for the value in the row`),
    tags: z
      .array(
        z
          .string()
          .regex(/^(?:[a-z][a-z0-9-]*|\$\{[A-Za-z]\w*\})$/, 'expected a lower-case word')
          .max(SCENARIO.nameBytes),
      )
      .min(1)
      .max(SCENARIO.tags)
      .default(['quick'])
      .describe('for `run --tag`; scenarios tagged quick are booted unless patterns or tags are given'),
    needs: z
      .array(z.string().max(SCENARIO.nameBytes))
      .max(SCENARIO.needs)
      .default([])
      .describe(
        'what the kernel must have been built with besides the drivers of the devices, else the scenario is skipped: CONFIG_SYMBOL, or the name of a module; `A|B` for either',
      ),
    machine: oneOf(BOARDS)
      .optional()
      .describe("the board, if not the architecture's default (q35 on x86_64)"),
    cpus: z.number().int().min(1).max(SCENARIO.cpus).default(1).describe('cores'),
    memory: size('guest memory').default('512MiB'),
    boot: z
      .enum(['direct', 'packaged'])
      .default('direct')
      .describe(
        'direct: the unpacked vmlinux by PVH. packaged: vmlinuz as shipped, through the usual firmware',
      ),
    disks: z.array(disk).max(SCENARIO.disks).default([]),
    nics: z.array(nic).max(SCENARIO.nics).default([]),
    shares: z.array(share).max(SCENARIO.shares).default([]).describe('folders of the host, over virtio 9p'),
    devices: z
      .array(oneOf(OTHER_DEVICES))
      .max(SCENARIO.devices)
      .default([])
      .describe('other devices of the machine, found by their drivers (need_bound)'),
    tools: z
      .array(z.string().max(SCENARIO.nameBytes))
      .max(SCENARIO.tools)
      .default([])
      .describe('programs for the guest beyond busybox, kmod and ip, by their names in images/userland.yaml'),
    cmdline: z
      .string()
      .regex(/^[ -~]*$/, 'expected printable ASCII')
      .max(SCENARIO.cmdlineBytes)
      .default('')
      .describe('added to the kernel command line'),
    timeout: seconds('the limit of steps that do not set their own').default(20),
    steps: z.array(step).min(1).max(SCENARIO.steps),
  })
  .describe('A scenario of bootgate: one boot with its machine, disks, network cards and steps');

export type ScenarioFile = z.output<typeof scenarioFileSchema>;

/** scenarios/schema.json, for editors: what may be written, before defaults are filled in. */
export function scenarioJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(scenarioFileSchema, { io: 'input' }), null, 2)}\n`;
}
