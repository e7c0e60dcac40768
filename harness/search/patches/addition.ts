import type { RulePlace } from '../../modules/module.js';

/** A module that must come in, and where the rules say otherwise. */
export interface WantedModule {
  module: string;
  /** The scenarios that need it. */
  scenarios: string[];
  /** The rule that left it out, or that put it into another package. */
  rule?: RulePlace;
  /** Of a split: the package that it should be in. */
  package?: string;
  /** Of a list or policy: it must go out, not come in. */
  out?: true;
  /** A folder that goes out as a whole: one rule of a policy says it. */
  part?: string;
}

/** `netfilter/nft-nat needs it`, as a comment or a reason in the file itself. */
export function reasonOf(scenarios: readonly string[]): string {
  if (scenarios.length === 0) return 'asked for';
  return `${scenarios.join(', ')} ${scenarios.length === 1 ? 'needs' : 'need'} it`;
}

/** Where a text's lines begin, and back: `lineOf(offset)` counts from 0. */
export function lineOf(text: string, offset: number): number {
  let line = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Puts lines before line `at` (from 0); at the end also where the last line has no newline yet. */
export function insertLines(text: string, at: number, lines: readonly string[]): string {
  const rows = text.split('\n');
  if (rows.at(-1) === '') rows.pop();
  rows.splice(Math.min(at, rows.length), 0, ...lines);
  return `${rows.join('\n')}\n`;
}

/** The blanks that a line begins with. */
export function indentOf(text: string, line: number): string {
  return /^\s*/.exec(text.split('\n')[line] ?? '')?.[0] ?? '';
}
