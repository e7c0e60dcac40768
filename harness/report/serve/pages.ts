import { VERDICTS } from '../../results/scenario-result.js';
import { scriptOf } from '../html/client/script.js';
import { page } from '../html/document.js';
import { html, urlPart } from '../html/text.js';
import { watchRun } from './client.js';
import type { ListedRun } from './runs.js';

/** The runs of the folder, each with a link to its page; one that has not ended leads to its live page. */
export function listPage(runs: readonly ListedRun[], results: string): string {
  const rows = runs.map(({ id, verdict, counts, started }) => {
    const counted = counts
      ? VERDICTS.filter((one) => counts[one] > 0).map((one) => `${counts[one]} ${one}`)
      : [];
    const [to, word] = verdict ? ['report.html', verdict] : ['live', 'not ended'];
    return `<tr><td><a class="v ${verdict ?? ''}" href="/run/${urlPart(id)}/${to}">${word}</a></td><td>${html(id)}</td><td>${html(counted.join(', '))}</td><td class="soft">${html(started ?? '')}</td></tr>`;
  });
  const body = `<main><h1>Runs</h1><p class="soft">${html(results)}</p>
${rows.length > 0 ? `<table><thead><tr><th scope="col">verdict</th><th scope="col">run</th><th scope="col">results</th><th scope="col">started</th></tr></thead><tbody>${rows.join('')}</tbody></table>` : '<p>There is no run yet.</p>'}
</main>`;
  return page({ title: 'bootgate: runs', body });
}

/** A run while it goes on: its guests as they start and are judged; then a link to its page. */
export function livePage(id: string): string {
  const body = `<main data-run="${html(id)}"><h1><span class="v" id="state" role="status">running</span> ${html(id)}</h1>
<p id="counts" aria-live="polite"></p>
<p><a href="/">All runs</a> <a id="report" href="/run/${urlPart(id)}/report.html" hidden>The page of this run</a></p>
<table><thead><tr><th scope="col">scenario</th><th scope="col">state</th><th scope="col">time</th></tr></thead><tbody id="guests"></tbody></table>
<noscript><p>This page needs JavaScript to follow the run; reload the list of runs instead.</p></noscript></main>`;
  return page({ title: `bootgate: ${id}`, body, script: scriptOf(watchRun), connect: "'self'" });
}
