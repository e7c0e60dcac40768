import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex, ModuleSet, RulePlace } from '../modules/module.js';
import { exactSet } from '../modules/set.js';
import { forJson } from '../printable.js';
import type { Placed, Split } from '../splits/split.js';
import { writeWhole } from '../write-whole.js';
import { readContents } from './contents.js';
import type { PreparedImage } from './prepare.js';

/**
 * rules.json: why each module is in or out of the set, and in which package, as it was when the run was made. Lists, policies
 * and splits change; what a finding says of a run does not. Places stand once; `out` and `placed` count into them.
 */
interface RulesFile {
  schema: 'bootgate/rules@1';
  /** The digest of the module tree. */
  tree: string;
  rules: RulePlace[];
  /** Module that a rule left out -> rule. */
  out: Record<string, number>;
  /** Of a split: module -> package, and the rule that put it there. */
  placed?: Record<string, [packageName: string, rule: number | null]>;
}

const FILE = 'rules.json';

/** Writes RUN/rules.json. Install sets of one split share it: nothing is left out of them but by its placement. */
export async function writeRules(folder: string, { set, index, split }: PreparedImage): Promise<void> {
  const rules: RulePlace[] = [];
  const numbers = new Map<string, number>();
  const numberOf = ({ file, line, text }: RulePlace): number => {
    const key = JSON.stringify([file, line, text]);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, rules.length);
    return rules.push({ file, line, text }) - 1;
  };
  const out = Object.fromEntries([...set.excludedBy].map(([name, place]) => [name, numberOf(place)]));
  const placed =
    split &&
    Object.fromEntries(
      [...split.placement].map(([name, { package: owner, rule }]): [string, [string, number | null]] => [
        name,
        [owner, rule && numberOf(rule)],
      ]),
    );
  const told: RulesFile = {
    schema: 'bootgate/rules@1',
    tree: index.digest,
    rules,
    out,
    ...(placed ? { placed } : {}),
  };
  await writeWhole(join(folder, FILE), forJson(told, 0));
}

/** What a stored run has kept of the set that it booted, and of its split. */
export interface StoredSet {
  set: ModuleSet;
  split: Pick<Split, 'placement'> | null;
}

/**
 * The set of a stored run, or of one of its install sets, as it was: its modules, and the rules that left the others out.
 * @throws BootgateError blame `user`, E_RUN_CONTENTS: the run has no list of its modules, or its tree is another one now.
 */
export async function readStoredSet(
  folder: string,
  installSet: string | undefined,
  index: ModuleIndex,
): Promise<StoredSet> {
  const names = (await readContents(folder, installSet)).map(({ name }) => name);
  const told = await readRules(folder);
  if (told && told.tree !== index.digest)
    throw userError('E_RUN_CONTENTS', `the module tree ${index.dir} has changed since this run`, {
      hint: 'run it again: the tree that was booted no longer exists',
    });
  const set = exactSet(index, names, 'modules.txt of the run');
  const rule = (number: number) => told?.rules[number] as RulePlace;
  return {
    set: {
      ...set,
      excludedBy: new Map(Object.entries(told?.out ?? {}).map(([name, number]) => [name, rule(number)])),
    },
    split: told?.placed
      ? {
          placement: new Map(
            Object.entries(told.placed).map(([name, [owner, number]]): [string, Placed] => [
              name,
              { package: owner, rule: number === null ? null : rule(number) },
            ]),
          ),
        }
      : null,
  };
}

/** Undefined for a run of an older version. */
async function readRules(folder: string): Promise<RulesFile | undefined> {
  try {
    const told = JSON.parse(await readFile(join(folder, FILE), 'utf8')) as RulesFile;
    return told.schema === 'bootgate/rules@1' ? told : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
