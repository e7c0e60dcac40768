import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { BootgateError, type Problem, userError } from './errors.js';
import { readInput } from './input.js';
import { MAX_FILE, MAX_PROBLEMS } from './limits.js';
import { didYouMean } from './suggest.js';

/** A YAML file that was read and checked, with the means to point back into it. */
export interface Document<T> {
  file: string;
  value: T;
  /** The line and column (from 1) of a value, by its path: `['disks', 0, 'bus']`. */
  locate(path: readonly PropertyKey[]): { line: number; column: number };
  /** A problem at a value, ready to be thrown with others. */
  problem(path: readonly PropertyKey[], message: string, hint?: string): Problem;
}

/**
 * Reads a YAML file and checks it against a schema. Anchors are bounded, merge keys are off, keys are unique.
 * @throws BootgateError blame `user`, E_DOCUMENT: every problem at once, each as file:line:col.
 */
export async function readDocument<T>(file: string, schema: z.ZodType<T>): Promise<Document<T>> {
  const bytes = await readInput(file, { most: MAX_FILE.document, code: 'E_DOCUMENT' });
  const wrong = notUtf8(file, bytes);
  if (wrong)
    throw new BootgateError(`${file} is not valid YAML`, {
      code: 'E_DOCUMENT',
      blame: 'user',
      problems: [wrong],
    });
  return parseDocument(file, bytes.toString('utf8'), schema);
}

/** The first byte that breaks UTF-8. Read leniently, it would become U+FFFD within a name or pattern, unseen. */
function notUtf8(file: string, bytes: Buffer): Problem | undefined {
  if (isUtf8(bytes)) return undefined;
  for (let start = 0, line = 1; ; line++) {
    const newline = bytes.indexOf(10, start);
    const row = bytes.subarray(start, newline < 0 ? bytes.length : newline);
    if (!isUtf8(row)) {
      const text = row.toString('utf8');
      const column = text.indexOf('\ufffd');
      const byte = row[Buffer.byteLength(text.slice(0, column))] ?? 0;
      const hint = 'the file looks like Latin-1: convert it with `iconv -f latin1 -t utf8`';
      return { file, line, column: column + 1, message: `byte 0x${byte.toString(16)} is not UTF-8`, hint };
    }
    start += row.length + 1;
  }
}

/** The same for text already read; `file` is only a name. */
export async function parseDocument<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
): Promise<Document<T>> {
  const { parseYaml } = await import('./yaml.js'); // its parser takes 50 ms to load
  const { document: yaml, placeOf } = parseYaml(file, text);
  const locate = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length >= 0; length--) {
      const node = yaml.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return placeOf(node.range[0]);
    }
    return { line: 1, column: 1 };
  };
  const locateKey = (path: readonly PropertyKey[], key: string) => {
    const map = yaml.getIn(path, true) as {
      items?: { key: { value?: unknown; range?: [number, number, number] } }[];
    };
    const range = map?.items?.find((item) => item.key.value === key)?.key.range;
    return range ? placeOf(range[0]) : locate(path);
  };
  const problem = (path: readonly PropertyKey[], message: string, hint?: string): Problem => ({
    file,
    ...locate(path),
    message: path.length > 0 ? `${formatPath(path)}: ${message}` : message,
    ...(hint ? { hint } : {}),
  });

  let plain: unknown;
  try {
    plain = yaml.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw userError('E_DOCUMENT', `${file}: ${(cause as Error).message}`, { cause });
  }
  const parsed = schema.safeParse(plain);
  if (parsed.success) return { file, value: parsed.data, locate, problem };

  const known = knownKeys(schema);
  const issues = flatten(parsed.error.issues.slice(0, MAX_PROBLEMS));
  const all = issues.slice(0, MAX_PROBLEMS).flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, MAX_PROBLEMS).map((key) => ({
        file,
        ...locateKey(issue.path, key),
        message: isKey(key)
          ? `${formatPath([...issue.path, key])}: unknown key${didYouMean(key, known)}`
          : 'unknown key',
      }));
    }
    return [problem(issue.path, issue.message)];
  });
  const problems = all.slice(0, MAX_PROBLEMS);
  if (all.length > problems.length || parsed.error.issues.length > MAX_PROBLEMS)
    problems.push({ file, message: `the first ${problems.length} problems are shown` });
  throw new BootgateError(`${file} is invalid`, { code: 'E_DOCUMENT', blame: 'user', problems });
}

/** A union's issues are those of its nearest branch: the one that got furthest into the value. */
function flatten(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
    const deepest = (branch: readonly z.core.$ZodIssue[]) =>
      Math.max(0, ...branch.map((one) => one.path.length));
    const best = [...issue.errors].sort((a, b) => deepest(b) - deepest(a))[0] ?? [];
    if (deepest(best) === 0) return [{ ...issue, message: 'matches none of the allowed forms' }];
    return flatten(best.map((one) => ({ ...one, path: [...issue.path, ...one.path] })) as z.core.$ZodIssue[]);
  });
}

/** Every key name that the schema knows, wherever it stands: what a misspelt key may have meant. */
function knownKeys(schema: z.ZodType): Set<string> {
  const keys = new Set<string>();
  const seen = new Set<unknown>();
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || seen.has(node)) return;
    seen.add(node);
    const { def } = node as { def?: Record<string, unknown> };
    if (!def) return;
    if (def.shape)
      for (const [key, value] of Object.entries(def.shape)) {
        keys.add(key);
        walk(value);
      }
    for (const inner of ['innerType', 'element', 'valueType', 'in', 'out', 'left', 'right']) walk(def[inner]);
    if (Array.isArray(def.options)) for (const option of def.options) walk(option);
  };
  walk(schema);
  return keys;
}

/** `disks[0].bus` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${cut(String(part))}`,
    '',
  );
}

/** Whether it reads like a key. Anything else may be a line of a file that is none of ours, and logs are read by many. */
function isKey(text: string): boolean {
  return /^[A-Za-z][\w.-]{0,59}$/.test(text);
}

/** A key may be as long as the file. */
function cut(key: string): string {
  return key.length > 60 ? `${key.slice(0, 57)}...` : key;
}
