import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { knownIssuesSchema } from './gate/known-issues.js';
import { userlandSchema } from './initramfs/userland-table.js';
import { policySchema } from './modules/policy.js';
import { imagesDir } from './paths.js';
import { cloudsSchema } from './splits/clouddevices.js';
import { splitSchema } from './splits/own-schema.js';

/** What editors complete each kind of file from. Those of scenarios, images and projects have their tests beside their schemas. */
const SCHEMAS: Record<string, z.ZodType> = {
  policy: policySchema,
  split: splitSchema,
  userland: userlandSchema,
  clouds: cloudsSchema,
  'known-issues': knownIssuesSchema,
};

for (const [name, schema] of Object.entries(SCHEMAS))
  t.test(`images/${name}.schema.json is what the schema says`, async (t) => {
    const file = join(imagesDir, `${name}.schema.json`);
    const fresh = `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }), null, 2)}\n`;
    if (process.env.BOOTGATE_UPDATE) writeFileSync(file, fresh);
    t.equal(readFileSync(file, 'utf8'), fresh, 'BOOTGATE_UPDATE=1 writes it anew');
  });

t.test('a file names the schema that its editor finds', async (t) => {
  for (const [file, schema] of Object.entries({
    'policies/2014.yaml': '../policy.schema.json',
    'splits/fedora-2014.yaml': '../split.schema.json',
    'splits/one-extras.yaml': '../split.schema.json',
    'userland.yaml': 'userland.schema.json',
    'clouds.yaml': 'clouds.schema.json',
    'known-issues.yaml': 'known-issues.schema.json',
  }))
    t.ok(
      readFileSync(join(imagesDir, file), 'utf8').startsWith(`# yaml-language-server: $schema=${schema}\n`),
      file,
    );
});
