import {
  type Finding,
  isUnsettled,
  referenceName,
  type ScenarioResult,
} from '../../results/scenario-result.js';
import { formatSeconds } from '../../units.js';
import { neighbourhood, type Tree } from './graph.js';
import { guestFacts } from './guest.js';
import { filterData, type Item } from './item.js';
import { phaseBar } from './phases.js';
import { anchor, anchorLink, html, urlPart } from './text.js';

/** Where the console goes, once it is known how much of it there is room for: no text of a page has this character. */
export const CONSOLE = '\0';

/** One result whole: open where there is something to explain. The full console lies beside the page and is linked. */
export function resultSection(item: Item, tree: Tree): string {
  const { result: one, evidence, name } = item;
  const parts = [
    evidence.scenario && `<p class="soft">${html(evidence.scenario.description)}</p>`,
    one.reason && `<p>${html(one.reason)}</p>`,
    facts(one),
    `<p class="self"><a href="${anchorLink(name)}">Link to this result</a></p>`,
    phaseBar(one),
    list(
      'Findings',
      one.findings.map((finding) => findingText(finding, tree, one.installSet)),
    ),
    steps(one),
    guestFacts(one, evidence.report),
    CONSOLE,
    command(evidence.command),
    files(one),
  ];
  return `<details class="result" id="${html(anchor(name))}" ${filterData(item)}${isUnsettled(one) ? ' open' : ''}><summary><h3><span class="v ${one.verdict}">${one.verdict}</span> ${html(name)}</h3> <span class="soft">${html(formatSeconds(one.seconds))}</span></summary>
${parts.filter(Boolean).join('\n')}</details>`;
}

function facts(one: ScenarioResult): string {
  const { phase, attempts, flaky, tries, knownIssue, reference } = one;
  const lines = [
    `phase ${phase}, attempts: ${attempts}${flaky ? ', flaky' : ''}`,
    tries && `boots: ${tries.map(({ verdict }) => verdict).join(', ')}`,
    knownIssue &&
      `known issue, ${knownIssue.was} without it: ${knownIssue.reason} (${knownIssue.link}), ${knownIssue.owner}, expires ${knownIssue.expires}`,
    reference &&
      `with ${referenceName(one)}: ${reference.verdict}${reference.reason && `, ${reference.reason}`}`,
  ];
  return lines
    .filter((line): line is string => Boolean(line))
    .map((line) => `<p class="soft">${html(line)}</p>`)
    .join('\n');
}

function findingText(
  { kind, evidence, chain, hint, module, package: held, rule, option }: Finding,
  tree: Tree,
  set?: string,
): string {
  const what = [kind.replaceAll('-', ' '), module, held && `in ${held}`].filter(
    (one) => one !== undefined && one !== '',
  );
  const lines: [string, string | undefined][] = [
    ['seen', evidence],
    ['path', chain],
    ['rule', rule],
    ['option', option],
    ['remedy', hint],
  ];
  const rows = lines.flatMap(([name, value]) => (value ? [`<dt>${name}</dt><dd>${html(value)}</dd>`] : []));
  return `<b>${html(what.join(' '))}</b><dl>${rows.join('')}</dl>${module ? neighbourhood(module, tree, set) : ''}`;
}

function steps({ steps: all }: ScenarioResult): string {
  const rows = all.map(({ name, ok, seconds, ran, where, message }) => {
    const label = ok ? 'ok' : ran === false ? 'not run' : '<b class="fail">not ok</b>';
    const time = ran === false ? '' : ran ? 'no end' : formatSeconds(seconds);
    const told = message && ran !== false ? `<pre>${html(message)}</pre>` : '';
    return `<tr><td>${label}</td><td>${html(name)}${where === 'outside' ? ' <span class="soft">(outside the guest)</span>' : ''}${told}</td><td class="n">${html(time)}</td></tr>`;
  });
  if (rows.length === 0) return '';
  return `<table class="steps"><caption>Steps</caption><tbody>${rows.join('')}</tbody></table>`;
}

function command(text: string): string {
  if (text === '') return '';
  return `<details class="command"><summary>QEMU command</summary><p class="tools" hidden><button type="button" data-copy>Copy</button> <output></output></p><pre tabindex="0">${html(text)}</pre></details>`;
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<p>${title}:</p><ol>${items.map((item) => `<li class="finding">${item}</li>`).join('')}</ol>`;
}

function files({ verdict, files: { console: log, control, argv } }: ScenarioResult): string {
  if (verdict === 'skip') return '';
  const links = [log, control, argv].filter(Boolean).map((path) => {
    const url = path.split('/').map(urlPart).join('/');
    return `<a href="./${html(url)}">${html(path.split('/').at(-1) ?? path)}</a>`;
  });
  return `<p>Files: ${links.join(', ')}</p>`;
}
