import { z } from 'zod';
import { type Document, readDocument } from '../document.js';
import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { type Matcher, PatternError } from '../patterns/nfa.js';
import { pythonMatcher } from '../patterns/python.js';
import { PatternIndex } from '../patterns/search.js';
import { didYouMean } from '../suggest.js';
import { settle } from './settle.js';
import type { WishKind } from './solver.js';
import type { ReadSplitOptions, Split, SplitNote, SplitPackage } from './split.js';

/** Fedora's and RHEL's `def_variants.yaml`, as filtermods.py reads it. */
const variantsSchema = z.object({
  packages: z.array(
    z.object({
      name: z.string(),
      'depends-on': z.array(z.string()).nullish(),
      if_variant_in: z.array(z.string()).nullish(),
    }),
  ),
  rules: z.array(z.record(z.string(), z.unknown())).nullish(),
});

const OPTIONS = new Set(['exact_pkg', 'ignore_deps', 'if_variant_in']);
const MOST_PROBLEMS = 50;

interface Rule {
  kind: WishKind;
  package: string;
  ignoreDeps: boolean;
  matcher: Matcher;
  place: RulePlace;
  matched: boolean;
}

/**
 * Reads a `def_variants.yaml` and places every module as Fedora's solver does.
 * @throws BootgateError blame `user`: every wrong package, rule and pattern at once.
 */
export async function readFedoraVariants(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const document = await readDocument(file, variantsSchema);
  const shown = shownFile(file);
  const problems: Problem[] = [];
  const variants = new Set(options.variants ?? []);
  const applies = (only: readonly string[] | null | undefined) =>
    !only || only.some((name) => variants.has(name));

  const packages: SplitPackage[] = [];
  for (const [at, one] of document.value.packages.entries()) {
    if (!applies(one.if_variant_in)) continue;
    const names = packages.map(({ name }) => name);
    if (names.includes(one.name)) {
      problems.push(document.problem(['packages', at, 'name'], `package ${one.name} is declared twice`));
      continue;
    }
    for (const [which, dependency] of (one['depends-on'] ?? []).entries())
      if (!names.includes(dependency))
        problems.push(unknownDependency(document, at, which, dependency, names));
    const { line } = document.locate(['packages', at]);
    packages.push({
      name: one.name,
      depends: (one['depends-on'] ?? []).filter((dependency) => names.includes(dependency)),
      place: { file: shown, line, text: `name: ${one.name}` },
    });
  }
  const rules = readRules(document, shown, packages, applies, problems);
  if (problems.length > 0)
    throw new BootgateError(`${file} is not a valid split`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems: problems.slice(0, MOST_PROBLEMS),
      ...(problems.length > MOST_PROBLEMS
        ? { hint: `${problems.length - MOST_PROBLEMS} more problems are not shown` }
        : {}),
    });

  const notes: SplitNote[] = [];
  const search = new PatternIndex(rules.map(({ matcher }) => matcher));
  const wishes = new Map<string, Rule>();
  const ignoreEdges = new Set<string>();
  for (const module of index.modules.values()) {
    // `foo.ko`: the path as kbuild writes it, which is what the rules were written against.
    const path = module.path;
    const matches = search.match(path).map((id) => rules[id] as Rule);
    for (const rule of matches) {
      rule.matched = true;
      if (rule.ignoreDeps) ignoreEdges.add(module.name);
    }
    const needs = matches.filter(({ kind }) => kind === 'needs');
    const other = needs.find((rule) => rule.package !== needs[0]?.package);
    if (other)
      notes.push({
        id: 'needs-two-packages',
        severity: 'error',
        message: `${module.name} must be in ${needs[0]?.package} and in ${other.package}`,
        module: module.name,
        place: other.place,
      });
    const rule =
      needs[0] ??
      matches.find(({ kind }) => kind === 'wants') ??
      matches.find(({ kind }) => kind === 'default');
    if (rule) wishes.set(module.name, rule);
  }

  const settled = settle({ index, packages, ignoreEdges, wishOf: (name) => wishes.get(name) });
  return {
    name: options.flavour ?? shown.split('/').at(-1) ?? shown,
    format: 'fedora-variants',
    file: shown,
    packages,
    placement: settled.placement,
    twice: new Map(),
    partial: false,
    unused: rules.filter(({ matched }) => !matched).map(({ place }) => place),
    notes: [...notes, ...settled.notes],
    budgets: {},
  };
}

type Variants = Document<z.infer<typeof variantsSchema>>;

function unknownDependency(
  document: Variants,
  at: number,
  which: number,
  dependency: string,
  earlier: readonly string[],
): Problem {
  const declared = document.value.packages.some(({ name }) => name === dependency);
  return document.problem(
    ['packages', at, 'depends-on', which],
    declared
      ? `${dependency} must be declared before the package that depends on it (or this is a cycle)`
      : `unknown package ${dependency}${didYouMean(dependency, earlier)}`,
  );
}

/** One mapping may hold several patterns; the option keys beside them hold for all of them. */
function readRules(
  document: Variants,
  file: string,
  packages: readonly SplitPackage[],
  applies: (only: string[] | undefined) => boolean,
  problems: Problem[],
): Rule[] {
  const names = new Set(packages.map(({ name }) => name));
  const matchers = new Map<string, Matcher>();
  const rules: Rule[] = [];
  for (const [at, entry] of (document.value.rules ?? []).entries()) {
    const wrong = (key: string, message: string, hint?: string) =>
      problems.push(document.problem(['rules', at, key], message, hint));
    for (const key of ['exact_pkg', 'ignore_deps'])
      if (entry[key] !== undefined && entry[key] !== null && typeof entry[key] !== 'boolean')
        wrong(key, 'expected true or false');
    const only = entry.if_variant_in ?? undefined;
    if (only !== undefined && !(Array.isArray(only) && only.every((one) => typeof one === 'string'))) {
      wrong('if_variant_in', 'expected a list of variant names');
      continue;
    }
    if (!applies(only as string[] | undefined)) continue;
    const exact = entry.exact_pkg === true;
    const ignoreDeps = entry.ignore_deps === true;
    if (ignoreDeps && !exact) wrong('ignore_deps', 'only goes with exact_pkg: True');
    for (const [key, target] of Object.entries(entry)) {
      if (OPTIONS.has(key)) continue;
      if (typeof target !== 'string' || !names.has(target)) {
        wrong(key, `unknown package ${String(target)}${didYouMean(String(target), names)}`);
        continue;
      }
      const kind = exact ? 'needs' : key === 'default' ? 'default' : 'wants';
      // filtermods puts one folder in front of every pattern and leaves its end open (re.match).
      const pattern = `[^/]+/${key === 'default' ? '.*' : key}`;
      try {
        const matcher = matchers.get(pattern) ?? pythonMatcher(pattern);
        matchers.set(pattern, matcher);
        const { line } = document.locate(['rules', at, key]);
        const place = { file, line, text: `${key}: ${target}` };
        rules.push({ kind, package: target, ignoreDeps, matcher, place, matched: false });
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        const offset = Math.max(0, error.offset - '[^/]+/'.length);
        wrong(key, `not a usable regular expression at character ${offset + 1}: ${error.message}`);
      }
    }
  }
  return rules;
}
