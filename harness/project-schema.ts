import { z } from 'zod';

const path = z.string().min(1).optional();

export const projectSchema = z
  .strictObject({
    version: z.literal(1).describe('of this format'),
    scenarios: path.describe('folder of AREA/NAME.yaml; default: `scenarios`'),
    images: path.describe('folder of NAME.yaml; default: `images`'),
    splits: path.describe('folder of package splits; default: `splits`'),
    policies: path.describe('folder of policies; default: `policies`'),
    helpers: path.describe('folder of NAME.sh, sh functions that steps can call; default: `helpers`'),
    userland: path.describe('file of own tools for guests; default: `userland.yaml`'),
    clouds: path.describe('file of devices that clouds have; default: `clouds.yaml`'),
    'known-issues': path.describe('the ledger of `gate`; default: `known-issues.yaml`'),
    profiles: path.describe('file of what machines are used for; default: `profiles.yaml`'),
    keep: path.describe('file of modules that somebody needs outside a VM; default: `keep.yaml`'),
  })
  .describe('A project: where its scenarios, images and splits are. Paths are relative to this file');

/** The schema that editors complete bootgate.yaml from, as images/project.schema.json has it. */
export function projectJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(projectSchema, { io: 'input' }), null, 2)}\n`;
}
