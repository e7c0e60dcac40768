/// <reference lib="dom" />
/// <reference lib="dom.asynciterable" />

/** The script of the live page: a row for each guest, changed as events come. It makes no markup from text. */
export function watchRun(): void {
  const id = document.querySelector('main')?.dataset.run ?? '';
  const rows = new Map<string, HTMLTableRowElement>();
  const counts = new Map<string, number>();
  const table = document.querySelector<HTMLTableSectionElement>('#guests');
  const cell = (scenario: string, at: number): HTMLTableCellElement | undefined => {
    const row = rows.get(scenario) ?? table?.insertRow(0);
    if (!row) return undefined;
    if (!rows.has(scenario)) {
      rows.set(scenario, row);
      for (let count = 0; count < 3; count++) row.insertCell();
      (row.cells[0] as HTMLTableCellElement).textContent = scenario;
    }
    return row.cells[at];
  };
  const put = (scenario: string, at: number, text: string, verdict = ''): void => {
    const target = cell(scenario, at);
    if (!target) return;
    target.textContent = text;
    if (verdict) target.className = `v ${verdict}`;
  };
  const source = new EventSource(`/run/${encodeURIComponent(id)}/events`);
  source.onmessage = ({ data }) => {
    const { what, scenario = '', phase = '', verdict = '', seconds = 0 } = JSON.parse(data);
    if (what === 'guest') put(scenario, 1, 'starts');
    else if (what === 'phase') put(scenario, 1, phase);
    else if (what === 'judged') {
      put(scenario, 1, verdict, verdict);
      put(scenario, 2, `${seconds.toFixed(1)} s`);
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
      const told = document.querySelector('#counts');
      if (told) told.textContent = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
    } else if (what === 'ended') {
      source.close();
      const state = document.querySelector('#state');
      if (state) [state.textContent, state.className] = [verdict, `v ${verdict}`];
      document.querySelector<HTMLAnchorElement>('#report')?.removeAttribute('hidden');
    }
  };
}
