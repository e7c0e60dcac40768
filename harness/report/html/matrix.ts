import type { Item } from './item.js';
import { anchorLink, html } from './text.js';

/** Scenario × install set, by area; one column where the run has no install sets. Each cell leads to its result. */
export function matrix(items: readonly Item[]): string {
  const sets = [...new Set(items.map(({ result }) => result.installSet ?? ''))];
  const cells = new Map(items.map((one) => [key(one.result.scenario, one.result.installSet), one]));
  const columns = sets.map((set) => `<th scope="col">${html(set || 'verdict')}</th>`).join('');
  const areas = [...new Set(items.map(({ result }) => result.area))];
  const parts = areas.map((area) => {
    const mine = items.filter(({ result }) => result.area === area);
    const rows = [...new Set(mine.map(({ result }) => result.scenario))].map((scenario) => {
      const row = sets.map((set) => `<td>${cell(cells.get(key(scenario, set || undefined)))}</td>`);
      return `<tr><th scope="row">${html(scenario.replace(`${area}/`, ''))}</th>${row.join('')}</tr>`;
    });
    const passed = mine.filter(({ result }) => result.verdict === 'pass').length;
    return `<section class="area"><h3>${html(area)} <span class="soft">${passed} of ${mine.length} pass</span></h3><div class="wide" tabindex="0" role="region" aria-label="${html(area)}"><table><thead><tr><th scope="col">scenario</th>${columns}</tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
  });
  return `<div class="areas">${parts.join('\n')}</div>`;
}

const key = (scenario: string, set: string | undefined): string => JSON.stringify([scenario, set ?? '']);

function cell(one: Item | undefined): string {
  if (!one) return '<span class="soft">not run</span>';
  const { verdict, flaky, knownIssue, reason } = one.result;
  const more = flaky ? ', flaky' : knownIssue ? ', known issue' : '';
  return `<a class="v ${verdict}" data-cell="${one.number}" href="${anchorLink(one.name)}" title="${html(reason)}">${verdict}${more}</a>`;
}
