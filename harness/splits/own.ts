import type { z } from 'zod';
import { type Document, readDocument } from '../document.js';
import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { parseGlob } from '../patterns/glob.js';
import { anyChar, literal, Matcher, PatternError, repeat } from '../patterns/nfa.js';
import { PatternIndex } from '../patterns/search.js';
import { didYouMean } from '../suggest.js';
import { parseBytes } from '../units.js';
import { splitSchema } from './own-schema.js';
import { settle } from './settle.js';
import {
  type Placed,
  packageCycle,
  type ReadSplitOptions,
  type Split,
  type SplitNote,
  type SplitPackage,
  withDependencies,
} from './split.js';

type OwnDocument = Document<z.infer<typeof splitSchema>>;

interface Rule {
  package: string;
  place: RulePlace;
  optional: boolean;
  /** How exactly the pattern says what it means; the highest wins. */
  weight: number;
  /** One module's name, or else a matcher of names or of paths. */
  exact?: string;
  onNames?: Matcher;
  onPaths?: Matcher;
  matched: boolean;
}

/**
 * Reads a split in bootgate's own YAML and places every module. Where patterns of two packages match one module, the
 * more specific pattern wins, so that the order of packages does not matter.
 */
export async function readOwn(
  file: string,
  index: ModuleIndex,
  _options: ReadSplitOptions = {},
): Promise<Split> {
  const document = await readDocument(file, splitSchema);
  const shown = shownFile(file);
  const { value } = document;
  const problems: Problem[] = [];
  const names = value.packages.map(({ name }) => name);
  const packages: SplitPackage[] = value.packages.map((one, at) => {
    if (names.indexOf(one.name) !== at)
      problems.push(document.problem(['packages', at, 'name'], `package ${one.name} is declared twice`));
    for (const [which, dependency] of one.depends.entries())
      if (!names.includes(dependency))
        problems.push(
          document.problem(
            ['packages', at, 'depends', which],
            `unknown package ${dependency}${didYouMean(dependency, names)}`,
          ),
        );
    return {
      name: one.name,
      depends: one.depends,
      place: { file: shown, line: document.locate(['packages', at]).line, text: `name: ${one.name}` },
      ...(one.budget === undefined ? {} : { budget: bytesOf(one.budget) }),
      ...(one.modules.length === 0 && !one.rest ? { meta: true } : {}),
    };
  });
  if (names.includes('modules') && value.budgets.modules !== undefined)
    problems.push(
      document.problem(
        ['budgets', 'modules'],
        'this may mean the package named modules or all modules: give the package a budget of its own, or another name',
      ),
    );
  const cycle = packageCycle(packages);
  if (cycle) {
    const at = names.indexOf(cycle[0] as string);
    problems.push(
      document.problem(
        ['packages', at, 'depends'],
        `the packages depend on each other in a circle: ${cycle.join(' -> ')}`,
      ),
    );
  }
  const rests = value.packages.flatMap(({ rest: all }, at) => (all ? [at] : []));
  for (const at of rests.slice(1))
    problems.push(document.problem(['packages', at, 'rest'], 'only one package can have the rest'));
  const rules = readRules(document, shown, problems);
  if (problems.length > 0)
    throw new BootgateError(`${file} is not a valid split`, { code: 'E_SPLIT', blame: 'user', problems });

  const rest = rests[0] === undefined ? undefined : restRule(document, shown, rests[0]);
  const { chosen, notes } = choose(index, rules, packages, rest);
  let placement: Map<string, Placed>;
  if (value.dependencies === 'follow') {
    const ordered = dependenciesFirst(packages);
    const wish = (name: string) => {
      const rule = chosen.get(name);
      return (
        rule && {
          kind: 'wants' as const,
          package: rule.package,
          place: rule.place,
        }
      );
    };
    const named = new Set(chosen.keys());
    const settled = settle({ index: within(index, named), packages: ordered, wishOf: wish });
    placement = settled.placement;
    notes.push(...settled.notes);
  } else
    placement = new Map(
      [...chosen].map(([name, rule]) => [name, { package: rule.package, rule: rule.place }]),
    );
  // A package without rules is a metapackage, unless what others need has come down into it.
  const filled = new Set([...placement.values()].map((placed) => placed.package));
  for (const one of packages) if (filled.has(one.name)) delete one.meta;
  const budgets = Object.fromEntries(Object.entries(value.budgets).map(([key, one]) => [key, bytesOf(one)]));
  return {
    name: value.name,
    format: 'bootgate',
    file: shown,
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused: rules.filter(({ matched, optional }) => !matched && !optional).map(({ place }) => place),
    notes,
    budgets,
  };
}

const bytesOf = (value: number | string): number =>
  typeof value === 'number' ? value : (parseBytes(value) as number);

/** Modules that no package names are nowhere, and are left out of the solving too. */
function within(index: ModuleIndex, names: ReadonlySet<string>): ModuleIndex {
  if (names.size === index.modules.size) return index;
  return { ...index, modules: new Map([...index.modules].filter(([name]) => names.has(name))) };
}

function restRule(document: OwnDocument, file: string, at: number): Rule {
  const { line } = document.locate(['packages', at, 'rest']);
  const name = document.value.packages[at]?.name ?? '';
  const place = { file, line, text: 'rest: true' };
  return { package: name, place, optional: true, weight: -1, matched: true };
}

function readRules(document: OwnDocument, file: string, problems: Problem[]): Rule[] {
  const rules: Rule[] = [];
  for (const [at, one] of document.value.packages.entries()) {
    for (const [which, text] of one.modules.entries()) {
      const { line } = document.locate(['packages', at, 'modules', which]);
      const optional = text.endsWith(' ?');
      const pattern = text.replace(/ \?$/, '').trim();
      try {
        const place = { file, line, text };
        rules.push({ package: one.name, place, optional, matched: false, ...compile(pattern) });
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        const message = `"${pattern}" at character ${error.offset + 1}: ${error.message}`;
        problems.push(document.problem(['packages', at, 'modules', which], message));
      }
    }
  }
  return rules;
}

const GLOB = { doubleStar: true, brackets: true, crossSlash: false, dashIsUnderscore: true };

/** The same patterns as in a module list: see harness/modules/selector.ts. */
function compile(pattern: string): Pick<Rule, 'weight' | 'exact' | 'onNames' | 'onPaths'> {
  const text = pattern.replace(/^\/+/, '').replace(/\.ko(\.\w+|\*)?$/, '');
  const wild = /[*?[]/.exec(text);
  const plain = text.replace(/\/+$/, '');
  if (!text.includes('/')) {
    if (!wild) return { weight: 1_000_000, exact: text.replaceAll('-', '_') };
    return {
      weight: 10_000 + weightOf(text, wild.index),
      onNames: new Matcher(parseGlob(text, GLOB), false),
    };
  }
  const below = { kind: 'sequence' as const, items: [literal('/'), repeat(anyChar)] };
  const items = [
    literal(plain.startsWith('kernel/') ? '' : 'kernel/'),
    parseGlob(plain, GLOB),
    repeat(below, 0, 1),
  ];
  const matcher = new Matcher({ kind: 'sequence', items }, false);
  const full = plain.replace(/^kernel\//, '');
  return { weight: wild ? weightOf(full, full.search(/[*?[]/)) : full.length * 10, onPaths: matcher };
}

/** Characters that stand before the first wildcard count most, then all plain ones. */
function weightOf(text: string, first: number): number {
  return first * 10 + Math.min(9, text.replace(/[*?[\]]/g, '').length / 100);
}

function choose(
  index: ModuleIndex,
  rules: readonly Rule[],
  packages: readonly SplitPackage[],
  rest: Rule | undefined,
): { chosen: Map<string, Rule>; notes: SplitNote[] } {
  const exact = new Map<string, Rule[]>();
  for (const rule of rules) if (rule.exact) exact.set(rule.exact, [...(exact.get(rule.exact) ?? []), rule]);
  // The heaviest first: PatternIndex answers in this order.
  const sorted = rules.filter((rule) => !rule.exact).sort((a, b) => b.weight - a.weight);
  const searchOf = (kind: 'onNames' | 'onPaths') => {
    const some = sorted.flatMap((rule) => {
      const matcher = rule[kind];
      return matcher ? [{ rule, matcher }] : [];
    });
    const search = new PatternIndex(some.map(({ matcher }) => matcher));
    return (text: string) => search.match(text).map((id) => (some[id] as { rule: Rule }).rule);
  };
  const [onNames, onPaths] = [searchOf('onNames'), searchOf('onPaths')];
  const below = withDependencies(packages);
  const lowest = (a: Rule, b: Rule): number =>
    Number(below.get(a.package)?.has(b.package)) - Number(below.get(b.package)?.has(a.package)) ||
    (a.package < b.package ? -1 : 1);
  const chosen = new Map<string, Rule>();
  const notes: SplitNote[] = [];
  for (const name of index.builtins.keys()) for (const rule of exact.get(name) ?? []) rule.matched = true;
  for (const module of index.modules.values()) {
    const path = module.path.replace(/\.ko(\.\w+)?$/, '');
    const hits = [...(exact.get(module.name) ?? []), ...onNames(module.name), ...onPaths(path)];
    for (const rule of hits) rule.matched = true;
    const best = hits.filter((rule) => rule.weight === hits[0]?.weight);
    const owners = new Map(best.map((rule) => [rule.package, rule]));
    const winner = [...owners.values()].sort(lowest)[0] ?? rest;
    if (winner) chosen.set(module.name, winner);
    // Equally specific in two packages: the one nearest the core has it, whatever the order in the file.
    const other = [...owners.values()].find((rule) => rule !== winner);
    if (winner && other)
      notes.push({
        id: 'module-twice',
        severity: 'warning',
        message: `${module.name} is named by ${winner.package} (line ${winner.place.line}) and as exactly by ${other.package}; ${winner.package} has it`,
        module: module.name,
        package: winner.package,
        place: other.place,
      });
  }
  return { chosen, notes };
}

function dependenciesFirst(packages: readonly SplitPackage[]): SplitPackage[] {
  const below = withDependencies(packages);
  const count = (one: SplitPackage) => below.get(one.name)?.size ?? 0;
  return [...packages].sort((a, b) => count(a) - count(b) || (a.name < b.name ? -1 : 1));
}
