import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../exec.js';
import { guestDir } from '../paths.js';
import { didYouMean } from '../suggest.js';

export interface Lint {
  message: string;
  hint?: string;
}

/** Helpers have names of two words or more, joined by `_`: no program that a step would call has. */
const BEFORE = String.raw`(?:^|[;&|({!]|\b(?:then|else|do|if|while|until|quietly|within\s+\S+|on\s+\S+)\s)`;
const HELPER_CALL = new RegExp(String.raw`${BEFORE}\s*([a-z]+(?:_[a-z0-9]+)+)(?=[\s;&|)]|$)`, 'gm');

/** The functions that harness/guest defines for steps. */
export async function knownHelpers(dir: string = guestDir): Promise<Set<string>> {
  const names = new Set<string>();
  for (const file of await readdir(dir)) {
    if (!['helpers.sh', 'network.sh', 'netfilter.sh', 'links.sh', 'blocks.sh'].includes(file)) continue;
    for (const match of (await readFile(join(dir, file), 'utf8')).matchAll(/^([a-z][a-z0-9_]*)\(\)/gm))
      names.add(match[1] ?? '');
  }
  return names;
}

/** A command that begins with `!`, where it is no condition. */
const NEGATED = /(?:^|;|\b(?:then|else|do)\s)[ \t]*(![ \t]+[\w["$][^\n]*)/gm;

/** `set -e` takes no notice of a command behind `!`: what it was to refuse would pass. With `||` it is a condition. */
function lintNegated(run: string): Lint[] {
  return [...run.matchAll(NEGATED)]
    .filter(([, line]) => !/(?:&&|\|\|)/.test(line ?? ''))
    .map(([, line]) => ({
      message: `set -e does not see a command behind !: ${line?.trim()}`,
      hint: "write: if COMMAND; then fail 'what is wrong'; fi",
    }));
}

/** Helpers that a step calls and that do not exist, and commands whose failure nobody would see. */
export function lintStep(run: string, helpers: ReadonlySet<string>): Lint[] {
  const own = new Set([...run.matchAll(/^\s*([a-z][a-z0-9_]*)\(\)/gm)].map((match) => match[1]));
  const commands = run.replace(/(^|\s)#.*$/gm, '');
  const called = [...commands.matchAll(HELPER_CALL)].map((match) => match[1] ?? '');
  const unknown = called
    .filter((word) => !helpers.has(word) && !own.has(word))
    .map((word) => ({
      message: `unknown helper ${word}${didYouMean(word, helpers)}`,
      hint: 'harness/guest/README.md has a table of the helpers',
    }));
  return [...unknown, ...lintNegated(commands)];
}

/** Reads each argument without running it, and prints `NUMBER MESSAGE` for those that do not parse. */
const READ_ALL = `n=0
for script; do
  message=$(sh -n -c "$script" 2>&1 < /dev/null) || printf '%d %s\\n' $n "$(printf %s "$message" | head -n 1)"
  n=$((n + 1))
done`;

/** What sh says of those scripts that it would not run, in one go. */
export async function syntaxErrors(scripts: readonly string[]): Promise<Map<string, string>> {
  const distinct = [...new Set(scripts)];
  if (distinct.length === 0) return new Map();
  const { stdout } = await exec('sh', ['-c', READ_ALL, 'sh', ...distinct], { okCodes: [0, 1, 2] });
  const errors = new Map<string, string>();
  for (const [, number, message] of stdout.matchAll(/^(\d+) (.*)$/gm)) {
    const script = distinct[Number(number)];
    if (script !== undefined) errors.set(script, message?.replace(/^sh: /, '') || 'syntax error');
  }
  return errors;
}
