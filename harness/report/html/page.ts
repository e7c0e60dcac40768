import { createHash } from 'node:crypto';
import type { RunResult } from '../../results/run-result.js';
import { isUnsettled, resultName, VERDICTS } from '../../results/scenario-result.js';
import { formatBytes } from '../../units.js';
import { matrix } from './matrix.js';
import { resultSection } from './result.js';
import { STYLE } from './style.js';
import { anchorLink, html } from './text.js';

/** Nothing is loaded and nothing runs; the one style is named by its hash. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`;

/** A run as one file of HTML, for a browser that opens it from a CI artifact. It has no script; logs are linked beside it. */
export function htmlPage(run: RunResult): string {
  const title = `bootgate: ${run.verdict}, ${run.id}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}</title><style>${STYLE}</style></head><body><main>
${head(run)}
<h2>Scenarios</h2>
${matrix(run.results)}
<h2>Results</h2>
${run.results.map(resultSection).join('\n')}
</main></body></html>
`;
}

function head(run: RunResult): string {
  const { image, counts } = run;
  const verdict = run.gate?.verdict ?? run.verdict;
  const counted = VERDICTS.filter((one) => counts[one] > 0).map((one) => `${counts[one]} ${one}`);
  return `<h1><span class="${verdict}">${verdict}</span> ${html(image.name)}</h1>
<p>${html(image.kernel.release)}: ${html(counted.join(', '))}</p>
<p class="soft">modules: ${image.modules.count} of ${image.modules.ofCount}, ${html(formatBytes(image.modules.bytes))}; initramfs: ${html(formatBytes(image.initramfs.bytes))}; vmlinuz: ${html(formatBytes(image.vmlinuz.bytes))}; ${html(run.accelerator.used)}; ${html(run.started)}</p>
${reasons(run)}`;
}

/** The gate's reasons where there is a gate; else what failed. */
function reasons(run: RunResult): string {
  const lines = run.gate
    ? run.gate.reasons.map(({ message, hint }) => html(message) + (hint ? `<br>${html(hint)}` : ''))
    : run.results
        .filter(isUnsettled)
        .map(
          (one) =>
            `<a href="${anchorLink(resultName(one))}">${html(resultName(one))}</a> <span class="${one.verdict}">${one.verdict}</span>: ${html(one.reason)}`,
        );
  return lines.length > 0 ? `<ul>${lines.map((line) => `<li>${line}</li>`).join('')}</ul>` : '';
}
