import { VERDICTS } from '../../results/scenario-result.js';
import type { Item } from './item.js';
import { html } from './text.js';

/** What narrows the page down; shown once its script runs. The address keeps what was chosen, so that it can be sent on. */
export function filterBar(items: readonly Item[]): string {
  const verdicts = VERDICTS.filter((verdict) => items.some(({ result }) => result.verdict === verdict));
  const boxes = verdicts.map(
    (verdict) => `<label><input type="checkbox" name="verdict" value="${verdict}"> ${verdict}</label>`,
  );
  const tags = words(items.flatMap((one) => one.tags));
  const packages = words(items.flatMap((one) => one.packages));
  const modules = words(items.flatMap((one) => one.modules));
  return `<form class="filters" id="filters" role="search" aria-label="filter results" hidden>
<label>Find <input type="search" name="q" accesskey="f" placeholder="name, reason, finding"></label>
<fieldset><legend class="vh">verdict</legend>${boxes.join(' ')}</fieldset>
${choice('tag', tags)}${choice('package', packages)}
${modules.length > 0 ? `<label>Module <input name="module" list="modules" autocomplete="off" size="16"></label><datalist id="modules">${modules.map((one) => `<option value="${html(one)}">`).join('')}</datalist>` : ''}
<button type="reset">Show all</button> <output id="shown" aria-live="polite"></output>
</form>`;
}

const words = (list: readonly string[]): string[] => [...new Set(list)].sort();

function choice(name: string, list: readonly string[]): string {
  if (list.length === 0) return '';
  const options = list.map((one) => `<option>${html(one)}</option>`).join('');
  return `<label>${name} <select name="${name}"><option value="">any</option>${options}</select></label>`;
}
