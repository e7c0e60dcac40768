import { verdictOfComparison } from '../../results/compare.js';
import type { Changed, Pair, RunComparison } from '../../results/comparison.js';
import type { WholeVerdict } from '../../results/verdict.js';
import { formatBytes } from '../../units.js';
import { page } from './document.js';
import { table } from './guest.js';
import { signed } from './sizes.js';
import { html } from './text.js';

const SENTENCE: Record<WholeVerdict, string> = {
  pass: 'nothing that passed before fails now',
  fail: 'what passed before fails now',
  incomplete: 'not everything could be compared',
};

/** `bootgate compare --format html`: two runs side by side, as one file without a script. */
export function comparisonPage(one: RunComparison): string {
  const verdict = verdictOfComparison(one);
  const body = `<main><header><h1><span class="v ${verdict}">${verdict}</span> ${SENTENCE[verdict]}</h1>
${table(
  ['', 'run', 'image', 'kernel'],
  [
    ['before', one.before.id, one.before.image, one.before.kernel],
    ['after', one.after.id, one.after.image, one.after.kernel],
  ],
)}<p>${one.compared} scenarios were decided in both.</p></header>
${changes('New failures', one.newFailures)}
${changes('Fixed', one.fixed)}
${changes('Failing as before', one.stillFailing)}
${names('Could not be decided', one.undecided)}
${names('Booted only after', one.appeared)}
${names('Booted only before: no longer tested', one.gone)}
<h2>Sizes</h2>
${pairs('size', one.sizes, formatBytes)}
<h2>Guest memory after boot</h2>
${pairs('scenario', one.memory, formatBytes)}
<h2>CPU time</h2>
${cpu(one)}
</main>`;
  return page({ title: `bootgate: ${one.before.id} and ${one.after.id}`, body });
}

function changes(title: string, list: readonly Changed[]): string {
  if (list.length === 0) return '';
  const items = list.map(
    ({ name, before, after }) =>
      `<li>${html(name)}: <span class="v ${before}">${before}</span> → <span class="v ${after}">${after}</span></li>`,
  );
  return `<h2>${title}: ${list.length}</h2><ul class="reasons">${items.join('')}</ul>`;
}

function names(title: string, list: readonly string[]): string {
  if (list.length === 0) return '';
  return `<h2>${title}: ${list.length}</h2><ul class="reasons">${list.map((name) => `<li>${html(name)}</li>`).join('')}</ul>`;
}

/** The largest changes first; what did not change is counted. */
function pairs(what: string, list: readonly Pair[], format: (value: number) => string): string {
  const moved = list.filter(({ before, after }) => before !== after);
  const rows = [...moved]
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
    .map(({ what: name, before, after }) => [
      name,
      format(before),
      format(after),
      signed(after - before),
      before === 0 ? '' : `${(((after - before) / before) * 100).toFixed(1)} %`,
    ]);
  const same = list.length - moved.length;
  return `${table([what, 'before', 'after', 'change', 'in percent'], rows)}<p class="soft">${same} of ${list.length} did not change.</p>`;
}

function cpu({ cpu: { ratio, why, scenarios } }: RunComparison): string {
  if (ratio === null) return `<p>Not compared: ${html(why)}</p>`;
  const change = ((ratio - 1) * 100).toFixed(1);
  return `<p>Median of ${scenarios.length} scenarios: ${change} %</p>${pairs('scenario', scenarios, (seconds) => `${seconds.toFixed(2)} s`)}`;
}
