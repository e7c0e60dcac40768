import type { ModuleIndex } from '../modules/module.js';
import { type Between, bytesOf, partOf } from './between.js';

/** One move on the curve from a set down to nothing, and where it leads. */
export interface Move {
  /** Parts of the tree that go out, the heaviest first; with `in`, those that come in. */
  parts: string[];
  direction: 'out' | 'in';
  modules: number;
  /** Saved by this move; negative for one that comes in. */
  saved: number;
  /** Scenarios that this move loses, or wins. */
  scenarios: string[];
  /** Bytes of modules that the set then has. */
  bytes: number;
}

export interface TradeInput {
  index: ModuleIndex;
  set: ReadonlySet<string>;
  between: Between;
  /** The modules of each scenario that passes with the set, closed over dependencies. */
  floors: ReadonlyMap<string, ReadonlySet<string>>;
  /** What each failing scenario lacks. */
  missing: readonly { scenario: string; modules: readonly string[] }[];
}

/**
 * All moves from a set, in an order in which they can be made: what brings failing scenarios back, the cheapest first; what costs no
 * scenario, the biggest first; then by bytes saved for each scenario lost, down to what is kept for others.
 */
export function tradeCurve(input: TradeInput): Move[] {
  const { index, set, between, floors, missing } = input;
  const moves: Move[] = [];
  const rest = new Set(set);
  let bytes = bytesOf(index, rest);
  const comeIn = [...missing].sort((a, b) => bytesOf(index, a.modules) - bytesOf(index, b.modules));
  for (const { scenario, modules } of comeIn)
    moves.push({
      parts: partsOf(index, modules),
      direction: 'in',
      modules: modules.length,
      saved: -bytesOf(index, modules),
      scenarios: [scenario],
      bytes: bytes + bytesOf(index, modules),
    });
  const out = (names: readonly string[], parts: string[], scenarios: string[]) => {
    const gone = names.filter((name) => rest.delete(name));
    const saved = bytesOf(index, gone);
    bytes -= saved;
    if (gone.length > 0 || scenarios.length > 0)
      moves.push({ parts, direction: 'out', modules: gone.length, saved, scenarios, bytes });
  };
  for (const { subsystem, modules, takesAlong } of between.groups)
    out([...modules, ...takesAlong], [subsystem], []);
  const kept = new Set(between.kept.flatMap((one) => one.modules));
  const left = new Map(floors);
  while (left.size > 0) {
    const cheapest = bestLoss(index, rest, kept, left);
    for (const scenario of cheapest.lost) left.delete(scenario);
    out(cheapest.modules, partsOf(index, cheapest.modules), cheapest.lost);
  }
  return moves;
}

interface Loss {
  lost: string[];
  modules: string[];
  worth: number;
}

/** Of all groups of scenarios that share a module, the one whose loss saves most bytes for each of them. */
function bestLoss(
  index: ModuleIndex,
  rest: ReadonlySet<string>,
  kept: ReadonlySet<string>,
  left: ReadonlyMap<string, ReadonlySet<string>>,
): Loss {
  const groups = new Map<string, string[]>();
  for (const scenario of left.keys()) groups.set(scenario, [scenario]);
  for (const name of rest) {
    const users = [...left].filter(([, floor]) => floor.has(name)).map(([scenario]) => scenario);
    if (users.length > 0) groups.set(users.join(' '), users);
  }
  let best: Loss | undefined;
  for (const lost of groups.values()) {
    const needed = new Set(kept);
    for (const [scenario, floor] of left)
      if (!lost.includes(scenario)) for (const name of floor) needed.add(name);
    const modules = [...rest].filter((name) => !needed.has(name));
    const worth = bytesOf(index, modules) / lost.length;
    if (!best || worth > best.worth) best = { lost, modules, worth };
  }
  return best ?? { lost: [...left.keys()], modules: [], worth: 0 };
}

function partsOf(index: ModuleIndex, names: readonly string[]): string[] {
  const weights = new Map<string, number>();
  for (const name of names) {
    const module = index.modules.get(name);
    if (!module) continue;
    const part = partOf(module.path);
    weights.set(part, (weights.get(part) ?? 0) + module.bytes);
  }
  return [...weights].sort((a, b) => b[1] - a[1]).map(([part]) => part);
}
