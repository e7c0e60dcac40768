import { z } from 'zod';
import { readDocument } from '../document.js';
import { BootgateError, type Problem } from '../errors.js';
import { library } from '../library.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import { Selector } from '../modules/selector.js';
import { readClouds } from '../splits/clouddevices.js';

const keepSchema = z.strictObject({
  version: z.literal(1),
  keep: z.array(
    z.strictObject({
      modules: z.array(z.string().min(1)).min(1).describe('patterns, as in a policy'),
      for: z.string().min(1).describe('who needs them'),
    }),
  ),
});

/** Module -> who needs it outside a VM; what such a module needs by its symbols is needed by the same. */
export type Keepers = ReadonlyMap<string, string>;

/**
 * Known users of modules that no scenario can show: the table of the project, else of the package, and the devices of clouds.
 * @throws BootgateError blame `user`, E_DOCUMENT: an invalid file or pattern.
 */
export async function readKeepers(
  index: ModuleIndex,
  file = library().files('keep')[0] ?? 'keep.yaml',
): Promise<Keepers> {
  const document = await readDocument(file, keepSchema);
  const selector = Selector.of(index);
  const keepers = new Map<string, string>();
  const add = (names: readonly string[], who: string) => {
    for (const name of closure(index, names)) if (!keepers.has(name)) keepers.set(name, who);
  };
  const problems: Problem[] = [];
  for (const [at, { modules, for: who }] of document.value.keep.entries())
    for (const [item, pattern] of modules.entries())
      try {
        add(selector.select(pattern).names, who);
      } catch {
        problems.push(document.problem(['keep', at, 'modules', item], `"${pattern}" is not a valid pattern`));
      }
  if (problems.length > 0)
    throw new BootgateError(`${file} is invalid`, { code: 'E_DOCUMENT', blame: 'user', problems });
  for (const { cloud, device, alias } of await readClouds()) {
    const served = index.resolve(alias);
    if (served.kind === 'modules') add(served.names, `${cloud}: ${device}`);
  }
  return keepers;
}
