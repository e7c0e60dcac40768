import type { StoredRun } from '../../results/read.js';
import { isUnsettled } from '../../results/scenario-result.js';
import { readTree } from '../../results/tree-file.js';
import { scriptOf } from './client/script.js';
import { page } from './document.js';
import { evidenceOf } from './evidence.js';
import { filterBar } from './filters.js';
import { head } from './head.js';
import { itemOf } from './item.js';
import { matrix } from './matrix.js';
import { resultSection } from './result.js';
import { sizesSection } from './sizes.js';

/** Consoles get this much of the page together; what explains something gets most of it. */
const CONSOLE_BYTES = 900_000;
const [MOST_OF_A_FAILURE, MOST_OF_A_PASS] = [60_000, 6_000];

/** A run as one file of HTML, for a browser that opens it from a CI artifact: readable without its script, loads nothing. */
export async function htmlPage({ folder, result: run }: StoredRun): Promise<string> {
  const tree = await readTree(folder);
  const items = [];
  for (const [at, result] of run.results.entries())
    items.push(itemOf(result, await evidenceOf(folder, result), tree, at + 1));
  const unsettled = items.filter(({ result }) => isUnsettled(result)).length;
  const each = Math.min(MOST_OF_A_FAILURE, CONSOLE_BYTES / Math.max(1, unsettled));
  const left = CONSOLE_BYTES - each * unsettled;
  const pass = Math.min(MOST_OF_A_PASS, left / Math.max(1, items.length - unsettled));
  // What needs an explanation comes first.
  const ordered = [...items].sort((a, b) => Number(isUnsettled(b.result)) - Number(isUnsettled(a.result)));
  const body = `<main>
${head(run, items)}
<nav aria-label="page"><a href="#scenarios">Scenarios</a> <a href="#sizes">Sizes</a> <a href="#results">Results</a></nav>
<h2 id="scenarios">Scenarios</h2>
${filterBar(items)}
${matrix(items)}
<h2 id="sizes">Sizes</h2>
${sizesSection(run, tree)}
<h2 id="results">Results</h2>
<p class="tools" hidden><button type="button" data-all="open">Open all</button> <button type="button" data-all="">Close all</button> <span class="soft">Keys: / find, j and k next and previous, o open, Esc everything.</span></p>
${ordered.map((item) => resultSection(item, tree, isUnsettled(item.result) ? each : pass)).join('\n')}
</main>`;
  return page({ title: `bootgate: ${run.verdict}, ${run.id}`, body, script: scriptOf() });
}
