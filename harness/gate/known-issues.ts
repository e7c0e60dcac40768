import { z } from 'zod';
import { type Document, parseDocument, readDocument } from '../document.js';
import { BootgateError } from '../errors.js';
import { fnmatch } from '../modules/fnmatch.js';
import { isDecided, isFailure, type ScenarioResult } from '../results/scenario-result.js';
import { didYouMean } from '../suggest.js';
import { type LedgerPattern, ledgerPattern } from './ledger-pattern.js';

const globs = (what: string) => z.array(z.string().min(1)).min(1).default(['*']).describe(what);

/** images/known-issues.yaml: what is known to be wrong, who is responsible for it, and until when. */
export const knownIssuesSchema = z.strictObject({
  version: z.literal(1),
  issues: z.array(
    z.strictObject({
      pattern: z
        .string()
        .min(3)
        .describe(
          "a regular expression over a result's reason and the text of its findings; without look-around, references, \\b",
        ),
      reason: z.string().min(1).describe('one sentence for people'),
      link: z.url().describe('where it is tracked'),
      owner: z.string().min(1).describe('who is responsible for it'),
      expires: z.iso.date().describe('the last day on which it is valid, YYYY-MM-DD'),
      kernels: globs('globs over the kernel release'),
      scenarios: globs('names of scenarios, or globs over them'),
      intermittent: z.boolean().default(false).describe('intermittent: it may match nothing'),
    }),
  ),
});

export interface KnownIssue {
  pattern: LedgerPattern;
  /** As the ledger writes it. */
  patternText: string;
  reason: string;
  link: string;
  owner: string;
  expires: string;
  kernels: string[];
  scenarios: string[];
  intermittent: boolean;
  place: { file: string; line: number };
}

/** What the gate has to say of the ledger itself. */
export interface LedgerProblem {
  message: string;
  place: { file: string; line: number };
}

/**
 * Reads a ledger. With the names of all scenarios, an entry for one that there is not is a mistake as well.
 * @throws BootgateError blame `user`, E_DOCUMENT, with every problem at file:line:col, bad patterns among them.
 */
export async function loadKnownIssues(file: string, scenarios?: readonly string[]): Promise<KnownIssue[]> {
  return issuesOf(await readDocument(file, knownIssuesSchema), scenarios);
}

/** The same for text already read; `file` is only a name. */
export async function parseKnownIssues(
  file: string,
  text: string,
  scenarios?: readonly string[],
): Promise<KnownIssue[]> {
  return issuesOf(await parseDocument(file, text, knownIssuesSchema), scenarios);
}

function issuesOf(
  document: Document<z.infer<typeof knownIssuesSchema>>,
  scenarios?: readonly string[],
): KnownIssue[] {
  const { file, value, locate, problem } = document;
  const problems: ReturnType<typeof problem>[] = [];
  const issues = value.issues.flatMap((issue, at): KnownIssue[] => {
    for (const [number, glob] of issue.scenarios.entries())
      if (scenarios && !scenarios.some((name) => fnmatch(glob, name)))
        problems.push(
          problem(
            ['issues', at, 'scenarios', number],
            `no scenario matches ${glob}${didYouMean(glob, scenarios)}`,
          ),
        );
    for (const [number, glob] of issue.kernels.entries())
      if (!canBeRelease(glob))
        problems.push(
          problem(
            ['issues', at, 'kernels', number],
            `no release matches ${glob}: releases begin with numbers, such as 6.1.0`,
          ),
        );
    try {
      const pattern = ledgerPattern(issue.pattern);
      return [
        { ...issue, pattern, patternText: issue.pattern, place: { file, line: locate(['issues', at]).line } },
      ];
    } catch (cause) {
      problems.push(problem(['issues', at, 'pattern'], `no usable pattern: ${(cause as Error).message}`));
      return [];
    }
  });
  if (problems.length > 0)
    throw new BootgateError(`${file} is invalid`, { code: 'E_DOCUMENT', blame: 'user', problems });
  return issues;
}

/** Whether uname -r can be such a thing: VERSION.PATCHLEVEL comes first in it (KERNELRELEASE in the kernel's Makefile). */
function canBeRelease(glob: string): boolean {
  return /^(?:\d+(?:\.\d.*|\.?[*?[].*)|[*?[].*)$/.test(glob);
}

/**
 * Lays the ledger over results: a failure that an entry of the day explains becomes a pass with `knownIssue`. A
 * crash is explained when its first kernel report is, and every further one too or it only follows from a panic.
 * What the host did (infra) is never explained.
 * @param release uname -r of the kernel that was booted.
 */
export function matchKnownIssues(
  results: readonly ScenarioResult[],
  ledger: readonly KnownIssue[],
  { release, now }: { release: string; now: Date },
): { results: ScenarioResult[]; problems: LedgerProblem[] } {
  const used = new Set<KnownIssue>();
  const judged = results.map((result): ScenarioResult => {
    if (!isFailure(result)) return result;
    const fitting = ledger.filter((issue) => concerns(issue, result.scenario, release));
    const explaining = explanation(result, fitting);
    // What has expired still counts as seen: the gate says that it expired and not that it never fits.
    for (const issue of explaining) used.add(issue);
    const [first] = explaining;
    if (!first || explaining.some((issue) => hasExpired(issue, now))) return result;
    const { reason, link, owner, expires, place } = first;
    return {
      ...result,
      verdict: 'pass',
      reason: '',
      knownIssue: {
        reason,
        link,
        owner,
        expires,
        place: `${place.file}:${place.line}`,
        was: result.verdict,
        wasReason: result.reason,
      },
    };
  });
  return { results: judged, problems: ledgerProblems(results, ledger, used, { release, now }) };
}

/** Kinds of findings that are kernel reports for which a guest is a crash. */
const FATAL = new Set(['kernel-report', 'init-died']);
/** Panics that only say that a report before them was one too many: kernel/panic.c, kernel/hung_task.c, kernel/watchdog.c. */
const FOLLOWS =
  /^kernel panic: (?:Fatal exception|kernel: panic_on_warn|panic_on_warn|hung_task|softlockup|Hard LOCKUP|RCU Stall)/;

/** The entries that explain a result together; none when something about it is new. */
function explanation(result: ScenarioResult, issues: readonly KnownIssue[]): KnownIssue[] {
  const fatal = result.findings.filter((one) => FATAL.has(one.kind));
  if (fatal.length === 0) {
    const [cause] = result.findings;
    const words = [result.reason, ...(cause ? [cause.hint, cause.evidence, cause.module ?? ''] : [])];
    const found = issues.find((issue) => words.some((text) => issue.pattern.test(text)));
    return found ? [found] : [];
  }
  const explained = fatal.map(({ hint, evidence }) =>
    issues.find((issue) => issue.pattern.test(hint) || issue.pattern.test(evidence)),
  );
  const whole = fatal.every(({ hint }, at) => explained[at] || (at > 0 && FOLLOWS.test(hint)));
  return whole ? [...new Set(explained.filter((issue) => issue !== undefined))] : [];
}

function concerns({ scenarios, kernels }: KnownIssue, scenario: string, release: string): boolean {
  return scenarios.some((glob) => fnmatch(glob, scenario)) && kernels.some((glob) => fnmatch(glob, release));
}

/** An entry counts until its day has ended everywhere on earth but the last time zones: UTC is what is asked. */
function hasExpired({ expires }: KnownIssue, now: Date): boolean {
  return now.toISOString().slice(0, 10) > expires;
}

/**
 * Entries that do not hold: expired ones, and ones that no failure fits although scenarios and kernels that they name were
 * booted to a result. What was not booted says nothing about an entry.
 */
function ledgerProblems(
  results: readonly ScenarioResult[],
  ledger: readonly KnownIssue[],
  used: ReadonlySet<KnownIssue>,
  { release, now }: { release: string; now: Date },
): LedgerProblem[] {
  return ledger.flatMap((issue): LedgerProblem[] => {
    const { place, reason, expires, owner } = issue;
    if (hasExpired(issue, now))
      return [{ place, message: `the known issue "${reason}" expired on ${expires}: ask ${owner}` }];
    const tried = results.filter((one) => concerns(issue, one.scenario, release) && isDecided(one));
    if (used.has(issue) || issue.intermittent || tried.length === 0) return [];
    return [
      {
        place,
        message: `the known issue "${reason}" no longer matches any failure (${tried.length} booted): remove it`,
      },
    ];
  });
}
