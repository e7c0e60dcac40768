import { BootgateError } from '../errors.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';
import type { Target } from './target.js';

export interface Limits {
  seed: number;
  /** Whichever comes first. */
  seconds: number;
  inputs: number;
  /** Only this one, to see it again. */
  only?: number;
}

/** An input that ended in something else than an answer or the user's blame. */
export interface Failure {
  target: string;
  number: number;
  /** Milliseconds. */
  took: number;
  /** The error's stack, or that it took too long. */
  what: string;
  input: Buffer;
}

export interface Outcome {
  target: string;
  inputs: number;
  /** Of those: refused with the user's blame. */
  refused: number;
  slowestMs: number;
  crashes: Failure[];
  hangs: Failure[];
}

/** More than this for one small input is a hang: the costs of every reader are linear. A loaded host stretches only the second. */
const HANG_MS = { cpu: 5000, wall: 60_000 };
const MOST_FAILURES = 5;

/**
 * Reads mutated inputs until the limits are reached. Everything follows from the seed, the target's name and the number.
 * @param onInput before each input: its number
 */
export async function fuzz(
  target: Target,
  limits: Limits,
  onInput: (number: number) => void = () => {},
): Promise<Outcome> {
  const outcome: Outcome = {
    target: target.name,
    inputs: 0,
    refused: 0,
    slowestMs: 0,
    crashes: [],
    hangs: [],
  };
  const deadline = performance.now() + limits.seconds * 1000;
  const first = limits.only ?? 0;
  for (let number = first; outcome.inputs < limits.inputs && performance.now() < deadline; number++) {
    // The seeds come first, as they are: they must be read.
    const seed = target.seeds[number];
    const input = seed ?? mutate(target.seeds, new Random(limits.seed, target.name, number), target.words);
    onInput(number);
    const started = performance.now();
    const cpu = process.cpuUsage();
    const error = await readOne(target, input);
    const took = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    outcome.inputs++;
    outcome.slowestMs = Math.max(outcome.slowestMs, took);
    const failure = (what: string): Failure => ({ target: target.name, number, took, what, input });
    const isRefusal = error instanceof BootgateError && error.blame === 'user';
    if (isRefusal) outcome.refused++;
    if (isRefusal && seed) outcome.crashes.push(failure(`the seed is refused: ${(error as Error).message}`));
    if (error !== undefined && !isRefusal)
      outcome.crashes.push(failure(error instanceof Error ? `${error.stack}` : String(error)));
    if (took > HANG_MS.wall || user + system > HANG_MS.cpu * 1000)
      outcome.hangs.push(failure(`it took ${Math.round(took)} ms`));
    if (limits.only !== undefined || outcome.crashes.length + outcome.hangs.length >= MOST_FAILURES) break;
  }
  return outcome;
}

async function readOne(target: Target, input: Buffer): Promise<unknown> {
  try {
    await target.read(Buffer.from(input));
    return undefined;
  } catch (error) {
    return error ?? new Error('undefined was thrown');
  }
}
