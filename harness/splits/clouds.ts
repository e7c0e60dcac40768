import { z } from 'zod';
import { readDocument } from '../document.js';
import { library } from '../library.js';
import type { CloudDevice } from './check.js';

const cloudsSchema = z.strictObject({
  version: z.literal(1),
  devices: z.array(
    z.strictObject({
      cloud: z.string().min(1).describe('whose virtual machines have it'),
      device: z.string().min(1).describe('what it is'),
      alias: z.string().min(1).describe('as its bus reports it, in /sys/**/modalias'),
    }),
  ),
});

/** The devices of common clouds, from the project's clouds.yaml or the package's. @throws BootgateError blame `user` when the file is wrong. */
export async function readClouds(
  file: string = library().files('clouds')[0] ?? 'clouds.yaml',
): Promise<CloudDevice[]> {
  return (await readDocument(file, cloudsSchema)).value.devices;
}
