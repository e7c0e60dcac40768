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
    if (!['helpers.sh', 'network.sh', 'netfilter.sh'].includes(file)) continue;
    for (const match of (await readFile(join(dir, file), 'utf8')).matchAll(/^([a-z][a-z0-9_]*)\(\)/gm))
      names.add(match[1] ?? '');
  }
  return names;
}

/** What is wrong with a step before it has run: a helper that does not exist, and sh that does not parse. */
export async function lintStep(run: string, helpers: ReadonlySet<string>): Promise<Lint[]> {
  const lints: Lint[] = [];
  const own = new Set([...run.matchAll(/^\s*([a-z][a-z0-9_]*)\(\)/gm)].map((match) => match[1]));
  for (const match of run.replace(/(^|\s)#.*$/gm, '').matchAll(HELPER_CALL)) {
    const word = match[1] ?? '';
    if (helpers.has(word) || own.has(word)) continue;
    const message = `unknown helper ${word}${didYouMean(word, helpers)}`;
    lints.push({ message, hint: 'the helpers are the functions of harness/guest/*.sh' });
  }
  const syntax = await syntaxError(run);
  if (syntax) lints.push({ message: `sh cannot read this: ${syntax}` });
  return lints;
}

const checked = new Map<string, Promise<string | null>>();

/** What sh says of a script that it would not run; each text is asked about once. */
function syntaxError(script: string): Promise<string | null> {
  let answer = checked.get(script);
  if (!answer) {
    answer = exec('sh', ['-n'], { input: script, okCodes: [0, 1, 2] }).then(({ exitCode, stderr }) =>
      exitCode === 0 ? null : (stderr.trim().split('\n')[0] ?? 'syntax error').replace(/^sh: /, ''),
    );
    checked.set(script, answer);
  }
  return answer;
}
