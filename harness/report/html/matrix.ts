import { resultName, type ScenarioResult } from '../../results/scenario-result.js';
import { anchorLink, html } from './text.js';

/** Scenario × install set, by area; one column where the run has no install sets. Each cell leads to its result. */
export function matrix(results: readonly ScenarioResult[]): string {
  const sets = [...new Set(results.map(({ installSet }) => installSet ?? ''))];
  const cells = new Map(results.map((one) => [key(one.scenario, one.installSet), one]));
  const columns = sets.map((set) => `<th scope="col">${html(set || 'verdict')}</th>`).join('');
  const areas = [...new Set(results.map(({ area }) => area))];
  return areas
    .map((area) => {
      const scenarios = new Set(results.filter((one) => one.area === area).map(({ scenario }) => scenario));
      const rows = [...scenarios].map((scenario) => {
        const row = sets.map((set) => `<td>${cell(cells.get(key(scenario, set || undefined)))}</td>`);
        return `<tr><th scope="row">${html(scenario)}</th>${row.join('')}</tr>`;
      });
      return `<h3>${html(area)}</h3><div class="wide" tabindex="0" role="region" aria-label="${html(area)}"><table><thead><tr><th scope="col">scenario</th>${columns}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
    })
    .join('\n');
}

const key = (scenario: string, set: string | undefined): string => JSON.stringify([scenario, set ?? '']);

function cell(one: ScenarioResult | undefined): string {
  if (!one) return '<span class="soft">not run</span>';
  return `<a class="${one.verdict}" href="${anchorLink(resultName(one))}">${one.verdict}</a>`;
}
