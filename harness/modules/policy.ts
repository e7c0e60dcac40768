import { z } from 'zod';
import { readDocument } from '../document.js';
import { BootgateError, type Problem } from '../errors.js';
import type { Picked } from './list.js';
import type { ModuleIndex, ModuleSet } from './module.js';
import { shownFile } from './place.js';
import { Selector } from './selector.js';
import { makeSet, type SetOptions } from './set.js';

const patterns = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .describe('a module name, a glob over names, a folder, or a glob over paths (`**` crosses slashes)');
const reason = z.string().optional().describe('why, for whoever reads the policy next');

/** A policy file. Rules are applied in order and the last that matches a module decides; what none matches is out. */
export const policySchema = z.strictObject({
  version: z.literal(1),
  description: z.string().optional(),
  rules: z
    .array(
      z.union([z.strictObject({ include: patterns, reason }), z.strictObject({ exclude: patterns, reason })]),
    )
    .min(1)
    .describe('in order; a later rule wins over an earlier one'),
});

/**
 * The set that a policy carves out of a tree, closed over symbol dependencies. A pattern that matches nothing is a warning:
 * policies outlive kernels.
 * @throws BootgateError blame `user` E_DOCUMENT for an invalid file; with `strict`, see makeSet.
 */
export async function setFromPolicy(
  index: ModuleIndex,
  path: string,
  options: SetOptions = {},
): Promise<ModuleSet> {
  const file = shownFile(path);
  const document = await readDocument(file, policySchema);
  const selector = Selector.of(index);
  const picked: Picked = { names: new Set(), excludedBy: new Map(), warnings: [] };
  const problems: Problem[] = [];
  for (const [at, rule] of document.value.rules.entries()) {
    const key = 'include' in rule ? 'include' : 'exclude';
    const value = 'include' in rule ? rule.include : rule.exclude;
    for (const [item, pattern] of (Array.isArray(value) ? value : [value]).entries()) {
      const where = ['rules', at, key, ...(Array.isArray(value) ? [item] : [])];
      const { line } = document.locate(where);
      const place = { file, line, text: `${key}: ${pattern}` };
      try {
        const { names, builtins } = selector.select(pattern);
        if (names.length + builtins === 0)
          picked.warnings.push(`${file}:${line}: "${place.text}" matches no module of ${index.release}`);
        for (const name of names) {
          if (key === 'include') {
            picked.names.add(name);
            picked.excludedBy.delete(name);
          } else {
            picked.names.delete(name);
            picked.excludedBy.set(name, place);
          }
        }
      } catch {
        problems.push(
          document.problem(where, `"${pattern}" is not a valid pattern: its brackets are not a valid range`),
        );
      }
    }
  }
  if (problems.length > 0)
    throw new BootgateError(`${file} is invalid`, { code: 'E_DOCUMENT', blame: 'user', problems });
  return makeSet(index, picked, file, options);
}
