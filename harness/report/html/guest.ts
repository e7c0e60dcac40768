import type { ScenarioResult } from '../../results/scenario-result.js';
import { formatBytes } from '../../units.js';
import type { GuestReport } from '../../vm/records.js';
import { html } from './text.js';

/** What the guest told of itself: memory, devices and their drivers, module requests, modules in load order. */
export function guestFacts(one: ScenarioResult, report: GuestReport | null): string {
  return [memory(one, report), report && devices(report), report && requests(report), modules(one, report)]
    .filter(Boolean)
    .join('\n');
}

function memory(
  { memory: { modulesBytes, usedAfterBootBytes } }: ScenarioResult,
  report: GuestReport | null,
): string {
  if (usedAfterBootBytes === 0) return '';
  const total = report?.memory.totalBytes ?? 0;
  const of = total > 0 ? ` of ${formatBytes(total)}` : '';
  return `<p>Memory after boot: ${html(formatBytes(usedAfterBootBytes))}${html(of)}, modules ${html(formatBytes(modulesBytes))}</p>`;
}

function devices({ devices: found, bound, unbound }: GuestReport): string {
  const rows = found.map(({ kind, id, node }) => [kind, id, node || 'not found']);
  const drivers = Object.entries(bound).map(([driver, count]) => `${driver} ${count}`);
  const without = unbound.map(({ modalias, device }) => [modalias, device]);
  if (rows.length + drivers.length + without.length === 0) return '';
  return `<details><summary>Devices: ${drivers.length} drivers bound, ${without.length} devices without a driver</summary>
${table(['kind', 'serial or MAC', 'found as'], rows)}
${drivers.length > 0 ? `<p>Drivers with the number of their devices: ${html(drivers.join(', '))}</p>` : ''}
${table(['without a driver', 'device'], without)}</details>`;
}

function requests({ requests: made }: GuestReport): string {
  if (made.length === 0) return '';
  const unanswered = made.filter(({ status }) => status !== 0).length;
  const rows = made.map(({ name, status, step }) => [
    name,
    status === 0 ? 'yes' : 'NO',
    step || 'before the first step',
  ]);
  return `<details><summary>Module requests: ${made.length}, ${unanswered} unanswered</summary>${table(['requested', 'answered', 'by the step'], rows)}</details>`;
}

/** A module that was requested by its own name, or by an alias that ends in it, has somebody who asked. */
function modules({ modulesLoaded }: ScenarioResult, report: GuestReport | null): string {
  if (modulesLoaded.length === 0) return '';
  const sizes = new Map(report?.modulesLoaded.map(({ name, bytes }) => [name, bytes]));
  const asked = new Map(
    (report?.requests ?? []).map(({ name, step }) => [
      name.replace(/^(?:fs|crypto|net-pf|rtnl-link|nft-expr|nft-chain)-/, '').replaceAll('-', '_'),
      `${name}, ${step || 'before the first step'}`,
    ]),
  );
  const rows = modulesLoaded.map((name, at) => {
    const bytes = sizes.get(name);
    return [String(at + 1), name, bytes === undefined ? '' : formatBytes(bytes), asked.get(name) ?? ''];
  });
  return `<details><summary>Modules in load order: ${modulesLoaded.length}</summary>${table(['', 'module', 'in memory', 'requested as, by'], rows)}</details>`;
}

/** Empty without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const heads = head.map((one) => (one ? `<th scope="col">${html(one)}</th>` : '<td></td>'));
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${html(cell)}</td>`).join('')}</tr>`);
  return `<div class="wide" tabindex="0" role="region" aria-label="${html(head.filter(Boolean).join(', '))}"><table><thead><tr>${heads.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}
