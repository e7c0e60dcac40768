import { type Finding, isUnsettled, resultName, type ScenarioResult } from '../../results/scenario-result.js';
import { anchor, html } from './text.js';

/** One result whole: open where there is something to explain. The full console lies beside the page and is linked. */
export function resultSection(one: ScenarioResult): string {
  const parts = [
    one.reason && `<p>${html(one.reason)}</p>`,
    `<p class="soft">phase ${html(one.phase)}, ${one.seconds.toFixed(1)} s, attempts: ${one.attempts}</p>`,
    one.knownIssue && `<p>Known issue: ${html(one.knownIssue.reason)} (${html(one.knownIssue.link)})</p>`,
    one.reference &&
      `<p>Reference: ${one.reference.verdict}${one.reference.reason && `, ${html(one.reference.reason)}`}</p>`,
    list('Findings', one.findings.map(finding)),
    list(
      'Steps',
      one.steps.map(
        ({ name, ok, seconds, message }) =>
          `${ok ? 'ok' : '<b class="fail">not ok</b>'} ${html(name)} <span class="soft">${seconds.toFixed(1)} s</span>${message ? `<br>${html(message)}` : ''}`,
      ),
    ),
    one.modulesLoaded.length > 0 && `<p>Modules in load order: ${html(one.modulesLoaded.join(', '))}</p>`,
    one.consoleTail.length > 0 &&
      `<p>End of the console:</p><pre tabindex="0">${html(one.consoleTail.join('\n'))}</pre>`,
    files(one),
  ];
  const name = resultName(one);
  return `<details id="${html(anchor(name))}"${isUnsettled(one) ? ' open' : ''}><summary><h3><span class="${one.verdict}">${one.verdict}</span> ${html(name)}</h3></summary>${parts.filter(Boolean).join('\n')}</details>`;
}

function finding({ kind, evidence, chain, hint, module, package: held, rule }: Finding): string {
  const lines = [evidence, chain, rule, hint].filter((line): line is string => Boolean(line)).map(html);
  const what = [kind, module, held && `in ${held}`].filter((line): line is string => Boolean(line));
  return `<b>${html(what.join(' '))}</b><br>${lines.join('<br>')}`;
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<p>${title}:</p><ol>${items.map((item) => `<li class="finding">${item}</li>`).join('')}</ol>`;
}

function files({ verdict, files: { console: log, control, argv } }: ScenarioResult): string {
  if (verdict === 'skip') return '';
  const links = [log, control, argv].filter(Boolean).map((path) => {
    const url = path.split('/').map(encodeURIComponent).join('/');
    return `<a href="./${html(url)}">${html(path.split('/').at(-1) ?? path)}</a>`;
  });
  return `<p>Files: ${links.join(', ')}</p>`;
}
