import { z } from 'zod';
import { ARCHITECTURES, type Architecture } from '../../arch/index.js';
import { digestOf } from '../../cache.js';
import { userError } from '../../errors.js';
import { SCENARIO } from '../../limits.js';
import { packageVersion } from '../../version.js';
import { DISK_BUSES, NIC_MODELS, OTHER_DEVICES } from '../../vm/devices/index.js';
import { JOB_SCHEMA, type QueuedBoot } from './protocol.js';

/**
 * What a worker takes from a queue that others can write to: every field by its form, no field that is not known. No string in it may become
 * a path, a program or an option of QEMU unless its form says that it is a plain word; files are named by digest alone.
 */
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
/** `vmlinux:sha256:...`; see boot/request.ts. */
const content = z.string().regex(/^(?:(?:vmlinuz|vmlinux|window):)?sha256:[0-9a-f]{64}$/);
const word = (most: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/)
    .max(most);
/** `storage/nvme`: words, and so no `..` and no leading slash. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$/)
  .max(4 * SCENARIO.nameBytes);
const whole = (least: number, most: number) => z.number().int().min(least).max(most);
const bytes = whole(0, 16 * 2 ** 30);
const hex = z.string().regex(/^[0-9a-f]{16}$/);
const text = (most: number) => z.string().max(most);
const oneOf = (words: readonly string[]) => z.enum(words as [string, ...string[]]);

const scenario = z.strictObject({
  name,
  area: name,
  description: text(SCENARIO.descriptionBytes),
  // For people: where it was declared. Nothing opens it.
  file: text(4096),
  line: whole(0, 2 ** 31),
  machine: word(40).optional(),
  tags: z.array(word(SCENARIO.nameBytes)).max(SCENARIO.tags).optional(),
  needs: z.array(text(SCENARIO.nameBytes)).max(SCENARIO.needs).optional(),
  cpus: whole(1, SCENARIO.cpus),
  memoryMiB: whole(1, SCENARIO.memoryMiB),
  boot: z.enum(['direct', 'packaged']),
  disks: z
    .array(
      z.strictObject({
        serial: z.string().regex(/^[A-Za-z0-9-]{1,20}$/),
        bus: oneOf(DISK_BUSES),
        sizeMiB: whole(1, SCENARIO.diskMiB),
        verifyPattern: z.boolean(),
      }),
    )
    .max(SCENARIO.disks),
  nics: z
    .array(
      z.strictObject({
        model: oneOf(NIC_MODELS),
        mac: z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/),
        farEnd: z.boolean(),
      }),
    )
    .max(SCENARIO.nics),
  shares: z
    .array(z.strictObject({ tag: z.string().regex(/^[a-z0-9]{1,16}$/) }))
    .max(SCENARIO.shares)
    .optional(),
  devices: z.array(oneOf(OTHER_DEVICES)).max(SCENARIO.devices).optional(),
  tools: z.array(text(SCENARIO.nameBytes)).max(SCENARIO.tools),
  cmdline: z
    .string()
    .regex(/^[ -~]*$/)
    .max(SCENARIO.cmdlineBytes),
  steps: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[ -~]{1,80}$/),
        run: text(SCENARIO.stepBytes),
        timeout: whole(1, SCENARIO.seconds),
      }),
    )
    .max(SCENARIO.steps),
  helpers: text(4 * 2 ** 20).optional(),
});

const request = z.strictObject({
  schema: z.literal('bootgate/boot@1'),
  scenario,
  kernel: z.strictObject({
    release: word(200),
    arch: z.enum(ARCHITECTURES.map(({ arch }) => arch) as [Architecture, ...Architecture[]]),
    digest,
    content,
    boot: z.enum(['direct', 'packaged']),
  }),
  set: z.strictObject({
    tree: digest,
    digest,
    modules: z.union([z.literal('all'), z.array(text(200)).max(100_000)]),
  }),
  userland: z.strictObject({ tools: z.array(text(SCENARIO.nameBytes)).max(SCENARIO.tools) }),
  delivery: z.enum(['archive', 'window']),
  initramfs: z.strictObject({
    segments: z
      .array(z.strictObject({ kind: z.enum(['userland', 'modules', 'scenario']), digest, bytes }))
      .max(8),
    bytes,
    digest,
  }),
  window: z.union([z.null(), z.strictObject({ content, bytes })]),
  memoryMiB: whole(1, SCENARIO.memoryMiB),
  nonce: hex,
  seed: hex,
});

const job = z.strictObject({
  schema: z.literal(JOB_SCHEMA),
  version: z.string(),
  accelerator: z.enum(['kvm', 'tcg']),
  request,
  blobs: z.array(z.strictObject({ content, digest, bytes })).max(16),
  timeScale: z.number().positive().max(1000).optional(),
});

/** The id of a job: the digest of its request, without the colon, which BullMQ forbids. */
export function jobId(request: QueuedBoot['request']): string {
  return digestOf(JSON.stringify(request)).slice('sha256:'.length);
}

/**
 * A job as it lay in the queue. @throws BootgateError blame `user`, E_JOB: of another version, of another form, or under another id
 * than its request's digest.
 */
export function checkJob(value: unknown, id: string | undefined): QueuedBoot {
  const { schema, version } = (value ?? {}) as { schema?: unknown; version?: unknown };
  if (schema !== JOB_SCHEMA || version !== packageVersion())
    throw userError(
      'E_JOB',
      `this worker takes ${JOB_SCHEMA} of bootgate ${packageVersion()}, not ${String(schema)} of ${String(version)}`,
      { hint: 'install the same version of bootgate on all hosts' },
    );
  const { error } = job.safeParse(value);
  if (error) {
    const said = error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw userError('E_JOB', `this worker refuses the request: ${said.join('; ')}`);
  }
  const found = value as QueuedBoot;
  if (id !== jobId(found.request)) throw userError('E_JOB', 'the request is not the one that its id names');
  return found;
}
