import type { ScenarioResult } from '../../results/scenario-result.js';
import { formatSeconds } from '../../units.js';
import { html } from './text.js';

const WIDTH = 600;

/** Where a boot's time went: a bar for the eye, and the same as words. */
export function phaseBar({
  phases = [],
  seconds,
}: Pick<ScenarioResult, 'seconds'> & Partial<ScenarioResult>): string {
  if (phases.length === 0 || seconds <= 0) return '';
  const spans = phases.map(({ phase, at }, number) => ({
    phase,
    from: at,
    seconds: Math.max(0, (phases[number + 1]?.at ?? seconds) - at),
  }));
  const rects = spans.map(({ phase, from, seconds: length }, number) => {
    const [x, width] = [from, length].map((one) => ((one / seconds) * WIDTH).toFixed(1));
    return `<rect class="p${number % 2}" x="${x}" width="${width}" height="14"><title>${html(phase)} ${html(formatSeconds(length))}</title></rect>`;
  });
  const words = spans.map(({ phase, seconds: length }) => `${phase} ${formatSeconds(length)}`).join(', ');
  return `<svg class="bar" viewBox="0 0 ${WIDTH} 14" preserveAspectRatio="none" role="img" aria-label="phases: ${html(words)}">${rects.join('')}</svg><p class="soft">${html(words)}</p>`;
}
