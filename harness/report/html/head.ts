import { restsOn } from '../../results/rests-on.js';
import type { RunResult } from '../../results/run-result.js';
import { isUnsettled, VERDICTS } from '../../results/scenario-result.js';
import { formatBytes, formatPercent, formatSeconds } from '../../units.js';
import { causesOf } from '../causes.js';
import { cut } from '../screen.js';
import type { Item } from './item.js';
import { anchorLink, html } from './text.js';

/** How many results are named after one cause; the matrix has all. */
const MOST_NAMES = 20;
/** Reasons that stand at the top; the others are folded away, so that the verdict and its reasons fit one screen. */
const MOST_REASONS = 8;
const MOST_CHARACTERS = 160;

/** The verdict, why, and what was under test: all that has to fit one screen. */
export function head(run: RunResult, items: readonly Item[]): string {
  const { image, counts, accelerator } = run;
  const verdict = run.gate?.verdict ?? run.verdict;
  const counted = VERDICTS.filter((one) => counts[one] > 0).map(
    (one) => `<span class="v ${one}">${counts[one]} ${one}</span>`,
  );
  const { modules } = image;
  const facts = [
    `Linux ${image.kernel.release} from ${image.kernel.source}`,
    `${modules.count} of ${modules.ofCount} modules, ${formatBytes(modules.bytes)} (${formatPercent(modules.bytes, modules.ofBytes).trim()})`,
    `initramfs ${formatBytes(image.initramfs.bytes)}, vmlinuz ${formatBytes(image.vmlinuz.bytes)}`,
    `${accelerator.used}, ${formatSeconds(run.seconds)}, ${run.started}`,
  ];
  return `<header><h1><span class="v ${verdict}">${run.gate ? 'gate: ' : ''}${verdict}</span> ${html(image.name)}</h1>
<p>${counted.join(' ')}</p>
<p>${html(restsOn(run))}</p>
<p class="soft">${html(facts.join(' · '))}</p></header>
${reasons(run, items)}`;
}

/** The gate's reasons where there is a gate, then what explains the failures. */
function reasons(run: RunResult, items: readonly Item[]): string {
  const names = new Map(items.map(({ name, result }) => [name, result]));
  const gate = (run.gate?.reasons ?? []).map(({ weight, message, hint, result, place }) => {
    const label = { no: '<b class="fail">no</b>', undecided: '<b class="infra">open</b>', note: 'note' }[
      weight
    ];
    const where = place ? ` <span class="soft">${html(`${place.file}:${place.line}`)}</span>` : '';
    const link =
      result !== undefined && names.has(result) ? ` <a href="${anchorLink(result)}">${html(result)}</a>` : '';
    return `${label} ${html(message)}${link}${where}${hint && weight !== 'note' ? `<br>${html(hint)}` : ''}`;
  });
  const causes = causesOf(run.results).map(({ title, package: held, results }) => {
    const links = results
      .slice(0, MOST_NAMES)
      .map((name) => `<a href="${anchorLink(name)}">${html(name)}</a>`);
    const more = results.length > MOST_NAMES ? ` and ${results.length - MOST_NAMES} more` : '';
    const count = results.length === 1 ? '' : ` <span class="soft">(${results.length} failures)</span>`;
    return `<b>${html(cut(title, MOST_CHARACTERS))}</b>${held ? ` in ${html(held)}` : ''}${count}: ${links.join(', ')}${more}`;
  });
  const host = items
    .filter(({ result }) => result.verdict === 'infra')
    .map(
      ({ name, result }) =>
        `<a href="${anchorLink(name)}">${html(name)}</a> <span class="infra">infra</span>: ${html(result.reason)}`,
    );
  const missing = (run.missing ?? []).length;
  return [
    block('The gate', gate),
    block('Why it failed', causes),
    block('Not decided', missing > 0 ? [...host, `${missing} not tried`] : host),
    items.some(({ result }) => isUnsettled(result)) || gate.length > 0 ? '' : '<p>Nothing failed.</p>',
  ].join('');
}

function block(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const items = (some: readonly string[]) =>
    `<ul class="reasons">${some.map((line) => `<li>${line}</li>`).join('')}</ul>`;
  const rest = lines.slice(MOST_REASONS);
  const more =
    rest.length > 0 ? `<details><summary>${rest.length} more</summary>${items(rest)}</details>` : '';
  return `<h2>${title}</h2>${items(lines.slice(0, MOST_REASONS))}${more}`;
}
