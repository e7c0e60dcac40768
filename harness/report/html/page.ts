import type { StoredRun } from '../../results/read.js';
import { isUnsettled } from '../../results/scenario-result.js';
import { readTree } from '../../results/tree-file.js';
import { scriptOf } from './client/script.js';
import { consoleBlock } from './console.js';
import { page } from './document.js';
import { evidenceOf } from './evidence.js';
import { filterBar } from './filters.js';
import { head } from './head.js';
import { type Item, itemOf } from './item.js';
import { matrix } from './matrix.js';
import { CONSOLE, resultSection } from './result.js';
import { sizesSection } from './sizes.js';

/** A page that grows no further: what else it shows decides how much of the consoles has room. Logs lie beside it whole. */
const MOST_BYTES = 1_850_000;
/** What explains something gets most of it. */
const [MOST_OF_A_FAILURE, MOST_OF_A_PASS] = [60_000, 6_000];

/** A run as one file of HTML, for a browser that opens it from a CI artifact: readable without its script, loads nothing. */
export async function htmlPage({ folder, result: run }: StoredRun): Promise<string> {
  const tree = await readTree(folder);
  const items = [];
  for (const [at, result] of run.results.entries())
    items.push(itemOf(result, await evidenceOf(folder, result), tree, at + 1));
  // What needs an explanation comes first.
  const ordered = [...items].sort((a, b) => Number(isUnsettled(b.result)) - Number(isUnsettled(a.result)));
  const sections = ordered.map((item) => resultSection(item, tree));
  const sizes = sizesSection(run, tree);
  const rest = [sizes, ...sections].reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  const consoles = consolesOf(ordered, MOST_BYTES - rest);
  const body = `<main>
${head(run, items)}
<nav aria-label="page"><a href="#scenarios">Scenarios</a> <a href="#sizes">Sizes</a> <a href="#results">Results</a></nav>
<h2 id="scenarios">Scenarios</h2>
${filterBar(items)}
${matrix(items)}
<h2 id="sizes">Sizes</h2>
${sizes}
<h2 id="results">Results</h2>
<p class="tools" hidden><button type="button" data-all="open">Open all</button> <button type="button" data-all="">Close all</button> <span class="soft">Keys: / find, j and k next and previous, o open, Esc everything.</span></p>
${sections.map((section, at) => section.split(CONSOLE).join(consoles[at])).join('\n')}
</main>`;
  return page({ title: `bootgate: ${run.verdict}, ${run.id}`, body, script: scriptOf() });
}

/** The consoles within so many bytes together. */
function consolesOf(items: readonly Item[], bytes: number): string[] {
  const unsettled = items.filter(({ result }) => isUnsettled(result)).length;
  const room = Math.max(0, bytes);
  const each = Math.min(MOST_OF_A_FAILURE, room / Math.max(1, unsettled));
  const pass = Math.min(MOST_OF_A_PASS, (room - each * unsettled) / Math.max(1, items.length - unsettled));
  return items.map(({ result, evidence, number }) =>
    consoleBlock(result, evidence, { number, bytes: isUnsettled(result) ? each : pass }),
  );
}
