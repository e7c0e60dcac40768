import { VERDICTS } from './scenario-result.js';

/** A file that is something else altogether has no more to say than these. */
const MOST_PROBLEMS = 8;

/**
 * Why a value with a run's schema is no run all the same: cut by hand, written by another tool. One sentence for each field
 * that is wrong, `results[3].verdict is missing`; empty for a run.
 */
export async function shapeProblems(run: unknown): Promise<string[]> {
  const { error } = (await runShape()).safeParse(run);
  return (error?.issues ?? []).slice(0, MOST_PROBLEMS).map((issue) => sentence(issue, run));
}

/** What readers of a run rely on. Fields that came later, or that are not always there, are checked where they are used. */
async function runShape() {
  const { z } = await import('zod'); // 94 ms that most commands do not need
  const text = z.string();
  const texts = z.array(text);
  const objects = z.array(z.looseObject({}));
  const bytes = z.object({ bytes: z.number() });
  const result = z.object({
    scenario: text,
    area: text,
    verdict: z.enum(VERDICTS),
    reason: text,
    seconds: z.number(),
    cpuSeconds: z.number(),
    steps: objects,
    modulesLoaded: texts,
    memory: z.object({ modulesBytes: z.number(), usedAfterBootBytes: z.number() }),
    findings: objects,
    consoleTail: texts,
    files: z.object({ console: text }),
  });
  return z.object({
    id: text,
    verdict: z.enum(['pass', 'fail', 'incomplete']),
    started: text,
    seconds: z.number(),
    accelerator: z.object({ used: text }),
    image: z.object({
      name: text,
      kernel: z.object({ release: text, source: text, digest: text }),
      vmlinuz: bytes,
      modules: z.object({
        source: text,
        count: z.number(),
        bytes: z.number(),
        ofCount: z.number(),
        ofBytes: z.number(),
      }),
      initramfs: bytes,
    }),
    counts: z.object(Object.fromEntries(VERDICTS.map((verdict) => [verdict, z.number()]))),
    results: z.array(result),
  });
}

/** What zod expected, in words. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  array: 'a list',
  object: 'an object',
};

function sentence(
  issue: { code: string; path: readonly PropertyKey[]; expected?: unknown; values?: unknown },
  run: unknown,
): string {
  const path = issue.path.reduce<string>(
    (before, key) =>
      typeof key === 'number' ? `${before}[${key}]` : before ? `${before}.${String(key)}` : String(key),
    '',
  );
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], run);
  if (value === undefined) return `${path} is missing`;
  return `${path} is not ${issue.code === 'invalid_value' ? 'a verdict' : (KINDS[String(issue.expected)] ?? 'valid')}`;
}
