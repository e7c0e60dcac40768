import { someOf } from '../printable.js';
import type { WholePlan } from '../run/whole-plan.js';
import type { Joined } from './overlap.js';
import type { Part } from './parts.js';

/** What parts leave out of the whole. */
export interface Gaps {
  /** Every result there should be, in order. */
  planned: WholePlan['boots'];
  /** Names of those that no part has. */
  missing: string[];
  /** `3/8` of shards that are not among the parts. */
  shards: string[];
}

export function gapsOf(parts: readonly Part[], joined: readonly Joined[]): Gaps {
  const planned = new Map(parts.flatMap(({ whole }) => whole.boots.map((one) => [one.name, one])));
  const has = new Set(joined.map(({ name }) => name));
  const count = parts[0]?.plan.shard?.count ?? 0;
  const there = new Set(parts.map(({ plan }) => plan.shard?.index));
  return {
    planned: [...planned.values()],
    missing: [...planned.keys()].filter((name) => !has.has(name)),
    shards: Array.from({ length: count }, (_, at) => at + 1)
      .filter((index) => !there.has(index))
      .map((index) => `${index}/${count}`),
  };
}

/** Gaps, overlaps and harmless differences, one sentence each. */
export function notesOf(
  parts: readonly Part[],
  joined: readonly Joined[],
  { missing, shards }: Gaps,
  unfinished: readonly string[],
): string[] {
  const notes: string[] = [];
  for (const name of unfinished) notes.push(`${name} was killed before its end: resume it, and merge again`);
  if (shards.length > 0) notes.push(`missing: shard ${shards.join(', ')}`);
  if (missing.length > 0)
    notes.push(
      `no result of ${missing.length} ${missing.length === 1 ? 'scenario' : 'scenarios'}: ${someOf(missing)}`,
    );
  const twice = joined.filter(({ others }) => others.length > 0).map(({ name }) => name);
  if (twice.length > 0)
    notes.push(`${twice.length} in several runs, where a failure counts before a pass: ${someOf(twice)}`);
  const [first, ...others] = parts;
  for (const { name, result } of others)
    if (first && result.image.initramfs.digest !== first.result.image.initramfs.digest)
      notes.push(
        `${name} had other tools in its initramfs than ${first.name}: another version of busybox or kmod`,
      );
  return notes;
}
