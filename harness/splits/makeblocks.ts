import type { LineFile } from './lines.js';

/** As much of make as OpenWrt's package files need: `define` blocks, assignments, and `$(call BLOCK,words)` between blocks. */

/** A `define NAME` ... `endef`. Lines are joined where they end in a backslash; `line` is that of their beginning. */
export interface MakeBlock {
  name: string;
  list: LineFile;
  line: number;
  lines: { text: string; line: number }[];
}

/** What make would have to compute. */
export class MakeBeyond extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MakeBeyond';
  }
}

const ASSIGNMENT = /^\s*([\w-]+)\s*(\?=|:=|\+=|=)\s*(.*)$/;
/** Blocks call blocks, and these a third; a circle is deeper. */
const MOST_DEEP = 16;

/** The blocks of a file; its assignments outside of blocks are added to `variables`. */
export function blocksOf(list: LineFile, variables: Map<string, string>): MakeBlock[] {
  const blocks: MakeBlock[] = [];
  let block: MakeBlock | null = null;
  for (const { text, line } of joined(list)) {
    const start = /^\s*define\s+(\S+)/.exec(text);
    if (start) block = { name: start[1] as string, list, line, lines: [] };
    else if (/^\s*endef\b/.test(text)) {
      if (block) blocks.push(block);
      block = null;
    } else if (block) block.lines.push({ text, line });
    else {
      const [, name, operator, value] = ASSIGNMENT.exec(text) ?? [];
      if (name === undefined || value === undefined) continue;
      const before = variables.get(name);
      if (operator === '?=' && before !== undefined) continue;
      variables.set(name, operator === '+=' && before !== undefined ? `${before} ${value}` : value);
    }
  }
  return blocks;
}

function* joined(list: LineFile): Generator<{ text: string; line: number }> {
  for (let at = 0; at < list.lines.length; at++) {
    const line = at + 1;
    let text = list.lines[at] ?? '';
    while (text.endsWith('\\') && at + 1 < list.lines.length)
      text = `${text.slice(0, -1)} ${list.lines[++at]}`;
    if (!/^\s*#/.test(text)) yield { text, line };
  }
}

/**
 * The variables that a block sets, in pieces with their lines. `+=` adds a piece, the others begin anew.
 * @param onMissing Told of `AddDepends/...` blocks that are called but are in none of the files given.
 * @throws MakeBeyond where FILES or DEPENDS holds a function of make.
 */
export function expandBlock(
  block: MakeBlock,
  blocks: ReadonlyMap<string, MakeBlock>,
  variables: ReadonlyMap<string, string>,
  onMissing: (block: string) => void,
): Map<string, { text: string; line: number }[]> {
  const found = new Map<string, { text: string; line: number }[]>();
  const run = (one: MakeBlock, words: readonly string[], at: number | null, depth: number): void => {
    if (depth > MOST_DEEP) throw new MakeBeyond(`the blocks call each other deeper than ${MOST_DEEP}`);
    for (const { text, line } of one.lines) {
      const filled = text.replace(/\$\((\d)\)/g, (_, number) => words[Number(number) - 1] ?? '');
      const call = /^\s*\$\(call\s+([^,)\s]+)\s*,?(.*)\)\s*$/.exec(filled);
      const target = call ? blocks.get(call[1] as string) : undefined;
      if (target) {
        run(
          target,
          (call?.[2] ?? '').split(',').map((word) => word.trim()),
          at ?? line,
          depth + 1,
        );
        continue;
      }
      if (call?.[1]?.startsWith('AddDepends/')) onMissing(call[1]);
      const [, name, operator, value] = ASSIGNMENT.exec(filled) ?? [];
      if (name !== 'FILES' && name !== 'DEPENDS') continue;
      const piece = { text: expandVariables(value ?? '', variables), line: at ?? line };
      found.set(name, operator === '+=' ? [...(found.get(name) ?? []), piece] : [piece]);
    }
  };
  run(block, [], null, 0);
  return found;
}

/** Folders stay as they are named; other variables are replaced by what the files say they are. */
function expandVariables(text: string, variables: ReadonlyMap<string, string>, depth = 0): string {
  if (depth > MOST_DEEP) throw new MakeBeyond(`its variables contain each other deeper than ${MOST_DEEP}`);
  return text.replace(/\$\(([^()$]*)\)|\$\(/g, (whole, inside: string | undefined) => {
    if (inside === undefined || /[\s,]/.test(inside)) throw new MakeBeyond(`make computes ${text.trim()}`);
    if (inside === 'LINUX_KMOD_SUFFIX') return 'ko';
    if (/_DIR$/.test(inside)) return whole;
    const value = variables.get(inside);
    if (value === undefined) throw new MakeBeyond(`its variable ${inside} is in none of the files given`);
    return expandVariables(value, variables, depth + 1);
  });
}
