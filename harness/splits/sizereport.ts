import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { userError } from '../errors.js';
import { requireRegular } from './lines.js';
import type { SizeReport } from './size.js';

const bytes = z.number().nonnegative();
const weight = z.object({ count: bytes, bytes, xz: bytes.exactOptional(), zstd: bytes.exactOptional() });
const named = weight.extend({ name: z.string() });

const sizeSchema: z.ZodType<SizeReport> = z.object({
  schema: z.literal('bootgate/split-size@1'),
  split: z.string(),
  format: z.string(),
  release: z.string(),
  vmlinuz: bytes.nullable(),
  initramfs: bytes.nullable(),
  modules: weight,
  packages: z.array(named),
  subsystems: z.array(named),
  installSets: z.array(named.extend({ packages: z.array(z.string()), total: bytes })),
  placed: z.record(z.string(), z.tuple([z.string().nullable(), bytes])),
});

/** As much of run.json as says what an image weighs. */
const runSchema = z.object({
  schema: z.literal('bootgate/run@1'),
  id: z.string(),
  image: z.object({
    name: z.string(),
    kernel: z.object({ release: z.string() }),
    vmlinuz: z.object({ bytes }),
    initramfs: z.object({ bytes }),
    modules: weight,
  }),
  installSets: z
    .array(
      z.object({
        name: z.string(),
        packages: z.array(z.string()),
        modules: weight,
        initramfs: z.object({ bytes }),
      }),
    )
    .optional(),
});

/**
 * What an earlier `split size --json` printed, or the weights of a run, from its JSON file.
 * @throws BootgateError blame `user`, E_SIZE_REPORT: it is neither, or not all there.
 */
export async function readSizeReport(file: string): Promise<SizeReport> {
  requireRegular(file);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw userError('E_SIZE_REPORT', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  const schema = (value as { schema?: unknown } | null)?.schema;
  if (schema === 'bootgate/run@1') return reportOfRun(checked(file, value, runSchema));
  if (schema === 'bootgate/split-size@1') return checked(file, value, sizeSchema);
  throw userError('E_SIZE_REPORT', `${file} is neither a run nor what \`bootgate split size --json\` prints`);
}

function checked<T>(file: string, value: unknown, schema: z.ZodType<T>): T {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  throw userError('E_SIZE_REPORT', `${file} does not match its schema`, {
    problems: found.error.issues.slice(0, 10).map(({ path, message }) => ({
      message: `${path.map(String).join('.')}: ${message}`,
    })),
    hint: 'print it again with `bootgate split size --json`, or name a complete run',
  });
}

/** A run knows its image's weight, and that of each install set that it booted; no packages and no placement. */
function reportOfRun({ id, image, installSets }: z.infer<typeof runSchema>): SizeReport {
  const sets = installSets ?? [{ ...image, packages: [] }];
  return {
    schema: 'bootgate/split-size@1',
    split: `${image.name} (run ${id})`,
    format: 'run',
    release: image.kernel.release,
    vmlinuz: image.vmlinuz.bytes,
    initramfs: image.initramfs.bytes,
    modules: image.modules,
    packages: [],
    subsystems: [],
    installSets: sets.map(({ name, packages, modules, initramfs }) => ({
      name,
      packages,
      ...modules,
      total: image.vmlinuz.bytes + initramfs.bytes + modules.bytes,
    })),
    placed: {},
  };
}
