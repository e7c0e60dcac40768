import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Recorded } from '../../boot/boot.js';
import type { Outside } from '../../boot/outside.js';
import { hostError } from '../../errors.js';
import { POSTMORTEM } from '../../vm/postmortem.js';
import { CONSOLE_LOG, CONTROL_LOG, readRecording } from '../../vm/recording.js';
import { BUNDLE_SCHEMA } from './protocol.js';

/** The files of a guest's folder that travel; nothing else is written where a bundle is opened. */
const FILES = [CONSOLE_LOG, CONTROL_LOG, 'recording.json', 'qemu.sh', POSTMORTEM] as const;
/** Consoles are capped by the monitor far below this. */
const MOST_BYTES = 512 * 2 ** 20;

interface Bundle {
  schema: typeof BUNDLE_SCHEMA;
  /** Base64. */
  files: Partial<Record<(typeof FILES)[number], string>>;
  outside: Outside;
}

/** All that a boot has left, as one blob. */
export async function packBundle(folder: string, outside: Outside): Promise<Buffer> {
  const files: Bundle['files'] = {};
  for (const name of FILES) {
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    if (bytes) files[name] = bytes.toString('base64');
  }
  const bundle: Bundle = { schema: BUNDLE_SCHEMA, files, outside };
  return promisify(gzip)(JSON.stringify(bundle), { level: 1 });
}

/** Writes the files into the scenario's folder, as if the guest had run here. @throws host error E_BUNDLE for anything else. */
export async function openBundle(bytes: Buffer, folder: string): Promise<Recorded> {
  let bundle: Bundle;
  try {
    const text = await promisify(gunzip)(bytes, { maxOutputLength: MOST_BYTES });
    bundle = JSON.parse(text.toString('utf8')) as Bundle;
  } catch (cause) {
    throw hostError('E_BUNDLE', `a worker sent logs that cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  const { schema, files, outside } = bundle;
  if (schema !== BUNDLE_SCHEMA || typeof files !== 'object' || !Array.isArray(outside?.checks))
    throw hostError('E_BUNDLE', 'a worker sent something else than the logs of a boot');
  for (const name of FILES) {
    const text = files[name];
    if (typeof text === 'string')
      await writeFile(
        join(folder, name),
        Buffer.from(text, 'base64'),
        name === 'qemu.sh' ? { mode: 0o755 } : {},
      );
  }
  return { recording: await readRecording(folder), outside };
}
