import type { StoredImage } from '../image/stored.js';

/**
 * What the full module tree has and the set does not, as lines for the guest's `modprobe`: `module NAME PATH WHERE` and
 * `alias ALIAS MODULE`, tabs between. Aliases with wildcards are of devices, which the kernel asks for by itself.
 */
export function lacksOf({ index, set, split }: Pick<StoredImage, 'index' | 'set' | 'split'>): string {
  const has = new Set(set.names);
  const lacking = [...index.modules.values()].filter(({ name }) => !has.has(name));
  const modules = lacking.map(({ name, path }) => {
    const placed = split?.placement.get(name);
    const rule = placed ? placed.rule : set.excludedBy.get(name);
    const where = [
      ...(placed ? [`package ${placed.package}`] : []),
      ...(rule ? [`${rule.file}:${rule.line}`] : []),
    ];
    return ['module', name, path, where.join(', ')].join('\t');
  });
  const names = new Set(lacking.map(({ name }) => name));
  const aliases = [...index.texts.alias.matchAll(/^alias ([^\s*?[\]]+) (\S+)$/gm)]
    .map(([, alias = '', module = '']) => [alias, module.replaceAll('-', '_')] as const)
    .filter(([, module]) => names.has(module))
    .map(([alias, module]) => ['alias', alias, module].join('\t'));
  return [...modules, ...aliases].join('\n');
}
