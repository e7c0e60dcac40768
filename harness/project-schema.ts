import { z } from 'zod';

const path = z.string().min(1).optional();

export const projectSchema = z
  .strictObject({
    version: z.literal(1).describe('of this format'),
    scenarios: path.describe('folder of AREA/NAME.yaml; `scenarios` unless given'),
    images: path.describe('folder of NAME.yaml; `images` unless given'),
    splits: path.describe('folder of package splits; `splits` unless given'),
    policies: path.describe('folder of policies; `policies` unless given'),
    helpers: path.describe('folder of NAME.sh, sh functions that steps can call; `helpers` unless given'),
    userland: path.describe('file of own tools for guests; `userland.yaml` unless given'),
    clouds: path.describe('file of devices that clouds have; `clouds.yaml` unless given'),
    'known-issues': path.describe('the ledger of `gate`; `known-issues.yaml` unless given'),
  })
  .describe('A project: where its scenarios, images and splits are. Paths go from this file');

/** The schema that editors complete bootgate.yaml from, as images/project.schema.json has it. */
export function projectJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(projectSchema, { io: 'input' }), null, 2)}\n`;
}
