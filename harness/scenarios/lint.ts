import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../exec.js';
import { library } from '../library.js';
import { SCENARIO } from '../limits.js';
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
  for (const { text } of projectHelpers())
    for (const match of text.matchAll(/^([a-z][a-z0-9_]*)\(\)/gm)) names.add(match[1] ?? '');
  return names;
}

/** The helpers of the user's own project: every step can call them, and they win over the package's. */
export function projectHelpers(): { name: string; file: string; text: string }[] {
  return library()
    .folders('helpers')
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /^[a-z0-9][a-z0-9._-]*\.sh$/.test(name))
        .sort()
        .map((name) => ({ name, file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') })),
    );
}

/** A command that begins with `!`, where it is no condition. */
const NEGATED = /(?:^|;|\b(?:then|else|do)\s)[ \t]*(![ \t]+[\w["$][^\n]*)/gm;

/** `set -e` takes no notice of a command behind `!`: what it was to refuse would pass. With `||` it is a condition. */
function lintNegated(run: string): Lint[] {
  return [...run.matchAll(NEGATED)]
    .filter(([, line]) => !/(?:&&|\|\|)/.test(line ?? ''))
    .map(([, line]) => ({
      message: `set -e ignores a command after !: ${line?.trim()}`,
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

/** All arguments of a program together may have a quarter of the stack's limit, 2 MiB as a rule (execve(2)). */
const ARGUMENT_BYTES = 1 << 20;

/** What sh says of those scripts that it would not run, in as few goes as the system allows. */
export async function syntaxErrors(scripts: readonly string[]): Promise<Map<string, string>> {
  const errors = new Map<string, string>();
  let batch: string[] = [];
  let bytes = 0;
  const read = async () => {
    if (batch.length === 0) return;
    const { stdout } = await exec('sh', ['-c', READ_ALL, 'sh', ...batch], { okCodes: [0, 1, 2] });
    for (const [, number, message] of stdout.matchAll(/^(\d+) (.*)$/gm)) {
      const script = batch[Number(number)];
      if (script !== undefined) errors.set(script, message?.replace(/^sh: /, '') || 'syntax error');
    }
  };
  for (const script of new Set(scripts)) {
    // One that is too long or holds a NUL cannot be handed over; the schema says so.
    const size = Buffer.byteLength(script) + 16;
    if (size > SCENARIO.stepBytes + 16 || script.includes('\0')) continue;
    if (bytes + size > ARGUMENT_BYTES) {
      await read();
      [batch, bytes] = [[], 0];
    }
    batch.push(script);
    bytes += size;
  }
  await read();
  return errors;
}
