import { userError } from '../errors.js';
import type { GateInput } from '../gate/gate-input.js';
import type { Part } from './parts.js';

/**
 * Sees that runs are parts of one: the same bootgate, kernel, module sets, scenarios and, of gates, the same settings, ledger,
 * baseline and static check.
 * @throws BootgateError blame `user`, E_MERGE, that names each difference.
 */
export function requireAgreement(parts: readonly Part[]): void {
  const [first, ...others] = parts as [Part, ...Part[]];
  const problems = others.flatMap((other) => differences(first, other)).map((message) => ({ message }));
  if (problems.length > 0)
    throw userError('E_MERGE', 'these runs are not parts of one', {
      problems,
      hint: 'run the shards that differ again, all from the same commit, kernel and options',
    });
}

function differences(a: Part, b: Part): string[] {
  const found: string[] = [];
  const compare = (what: string, of: (part: Part) => string) => {
    const [left, right] = [of(a), of(b)];
    if (left !== right) found.push(`${what}: ${right} in ${b.name}, ${left} in ${a.name}`);
  };
  compare('bootgate', ({ whole }) => whole.version);
  compare('image', ({ plan }) => plan.image);
  compare('kernel', ({ whole: { kernel } }) => `${kernel.release} (${short(kernel.digest)})`);
  compare('install sets', ({ whole }) => whole.sets.map(({ name }) => name ?? 'all').join(', '));
  for (const { name, digest } of a.whole.sets) {
    const other = b.whole.sets.find((one) => one.name === name);
    if (other && other.digest !== digest)
      found.push(
        `modules${name ? ` of ${name}` : ''}: ${short(other.digest)} in ${b.name}, ${short(digest)} in ${a.name}`,
      );
  }
  compare('shards', ({ plan: { shard } }) => (shard ? `of ${shard.count}` : 'none'));
  found.push(...scenarioDifferences(a, b));
  compare('kind', ({ gate }) => (gate ? 'gate' : 'run'));
  if (a.gate && b.gate) found.push(...gateDifferences(a, b, a.gate, b.gate));
  return found;
}

const MOST_NAMES = 5;

function scenarioDifferences(a: Part, b: Part): string[] {
  const [left, right] = [a, b].map(
    ({ whole }) => new Map(whole.boots.map((one) => [one.name, one.scenario])),
  ) as [Map<string, string>, Map<string, string>];
  const some = (names: string[]) =>
    `${names.slice(0, MOST_NAMES).join(', ')}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''}`;
  const changed = [...left.keys()].filter((name) => right.has(name) && right.get(name) !== left.get(name));
  const found = changed.length > 0 ? [`scenarios changed from ${a.name} to ${b.name}: ${some(changed)}`] : [];
  // Runs that are no shards may have been given different scenarios.
  if (!a.plan.shard || !b.plan.shard) return found;
  for (const [has, other, mine, theirs] of [
    [a, b, left, right],
    [b, a, right, left],
  ] as const) {
    const only = [...mine.keys()].filter((name) => !theirs.has(name));
    if (only.length > 0) found.push(`only ${has.name} was to boot, not ${other.name}: ${some(only)}`);
  }
  return found;
}

function gateDifferences(a: Part, b: Part, left: GateInput, right: GateInput): string[] {
  const ledger = ({ knownIssues }: GateInput) =>
    knownIssues.map(({ pattern: _pattern, place: _place, ...rest }) => rest);
  const rows: [string, (input: GateInput) => unknown][] = [
    ['settings of the gate', ({ settings }) => settings],
    ['known issues', ledger],
    ['baseline', ({ baseline }) => baseline?.id ?? 'none'],
    ['findings of the static check', ({ check }) => check?.findings.map(({ key }) => key) ?? 'none'],
  ];
  return rows.flatMap(([what, of]) => {
    const [one, other] = [JSON.stringify(of(left)), JSON.stringify(of(right))];
    if (one === other) return [];
    const shown = one.length + other.length < 200 ? `: ${other} in ${b.name}, ${one} in ${a.name}` : '';
    return [`the ${what} differ between ${a.name} and ${b.name}${shown}`];
  });
}

const short = (digest: string): string => digest.slice(0, 'sha256:'.length + 12);
