/// <reference lib="dom" />
/// <reference lib="dom.asynciterable" />
/// <reference lib="dom.iterable" />

/**
 * What the page does once its script runs: filters, deep links, zoom, search in consoles, copying, keys. It runs in a browser: it
 * reaches nothing outside itself, makes no markup from text, and changes what is there already. All that it finds is readable
 * without it.
 */
export function runPage(): void {
  const all = <T extends Element = HTMLElement>(selector: string, within: ParentNode = document) => [
    ...within.querySelectorAll<T>(selector),
  ];
  for (const one of all('.filters,.tools')) one.hidden = false;
  const results = all<HTMLDetailsElement>('details.result');
  const form = document.querySelector<HTMLFormElement>('#filters');
  const shown = document.querySelector<HTMLOutputElement>('#shown');

  // --- filters: the address keeps them -----------------------------------------------------------------------------
  const FIELDS = ['q', 'verdict', 'tag', 'package', 'module'];
  const chosen = () => {
    const values = new URLSearchParams();
    if (!form) return values;
    const data = new FormData(form);
    for (const name of FIELDS) {
      const given = data.getAll(name).map(String).filter(Boolean);
      if (given.length > 0) values.set(name, given.join(','));
    }
    return values;
  };
  const fits = (one: HTMLElement, values: URLSearchParams) =>
    [...values].every(([name, value]) => {
      if (name === 'q')
        return value
          .toLowerCase()
          .split(/\s+/)
          .every((word) => one.dataset.text?.includes(word));
      if (name === 'verdict') return value.split(',').includes(one.dataset.verdict ?? '');
      return (one.dataset[name] ?? '').includes(` ${value.replaceAll('-', name === 'module' ? '_' : '-')} `);
    });
  const apply = () => {
    const values = chosen();
    const left = new Set<string>();
    for (const one of results) {
      one.hidden = !fits(one, values);
      if (!one.hidden) left.add(one.dataset.item ?? '');
    }
    for (const cell of all('[data-cell]')) {
      const cut = !left.has(cell.dataset.cell ?? '');
      if (cell.parentElement) cell.parentElement.classList.toggle('skip', cut);
      cell.hidden = cut;
    }
    for (const row of all<HTMLTableRowElement>('.area tbody tr'))
      row.hidden = !all('[data-cell]', row).some((cell) => !cell.hidden);
    for (const area of all('.area')) area.hidden = !all('tbody tr', area).some((row) => !row.hidden);
    if (shown) shown.value = left.size < results.length ? `${left.size} of ${results.length} results` : '';
    return values;
  };
  const remember = () => {
    const values = apply().toString();
    history.replaceState(null, '', values ? `#${values}` : location.pathname + location.search);
  };
  form?.addEventListener('input', remember);
  form?.addEventListener('submit', (event) => event.preventDefault());
  form?.addEventListener('reset', () => setTimeout(remember));
  const restore = (values: URLSearchParams) => {
    if (!form) return;
    for (const box of all<HTMLInputElement>('[name=verdict]', form))
      box.checked = (values.get('verdict') ?? '').split(',').includes(box.value);
    for (const name of FIELDS) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement)
        if (field.type !== 'checkbox') field.value = values.get(name) ?? '';
    }
    apply();
  };

  // --- the treemap -------------------------------------------------------------------------------------------------
  const maps = all<SVGSVGElement>('svg.map');
  const whole = new Map(maps.map((map) => [map, map.getAttribute('viewBox') ?? '']));
  const back = document.querySelector<HTMLButtonElement>('[data-zoom-out]');
  const zoom = (link: SVGAElement | undefined) => {
    for (const map of maps) {
      const mine = link && map.contains(link) ? link.dataset.view : undefined;
      map.setAttribute('viewBox', mine ?? whole.get(map) ?? '');
    }
    if (back) back.disabled = link === undefined;
  };
  back?.addEventListener('click', () => {
    history.replaceState(null, '', '#sizes');
    zoom(undefined);
  });

  // --- deep links --------------------------------------------------------------------------------------------------
  const follow = () => {
    const hash = location.hash.slice(1);
    if (/^(?:q|verdict|tag|package|module)=/.test(hash)) return restore(new URLSearchParams(hash));
    if (/^(?:size|package)=/.test(hash) || maps.some((map) => hash.startsWith(`${map.id}=`))) {
      const link = all<SVGAElement>('svg.map a').find((one) => one.getAttribute('href') === `#${hash}`);
      zoom(link);
      if (link) link.ownerSVGElement?.scrollIntoView({ block: 'nearest' });
      return;
    }
    let id = hash;
    try {
      id = decodeURIComponent(hash);
    } catch {
      // Not an address of ours.
    }
    const target = document.getElementById(id);
    if (!target) return;
    for (let at: Element | null = target; at; at = at.parentElement) {
      if (at instanceof HTMLDetailsElement) at.open = true;
      if (at instanceof HTMLElement && at.hidden && results.includes(at as HTMLDetailsElement))
        restore(new URLSearchParams());
    }
    target.scrollIntoView();
    const result = target.closest<HTMLDetailsElement>('details.result');
    if (result) here(result);
  };

  // --- one result after another ------------------------------------------------------------------------------------
  let current: HTMLDetailsElement | undefined;
  const here = (one: HTMLDetailsElement) => {
    current?.classList.remove('at');
    current = one;
    one.classList.add('at');
  };
  const move = (by: number) => {
    const list = results.filter((one) => !one.hidden);
    const at = current ? list.indexOf(current) : -1;
    const next = list[Math.max(0, Math.min(list.length - 1, at + by))];
    if (!next) return;
    here(next);
    next.scrollIntoView({ block: 'start' });
    next.querySelector('summary')?.focus({ preventScroll: true });
  };
  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Escape') {
      if (event.target instanceof HTMLElement) event.target.blur();
      form?.reset();
      zoom(undefined);
    } else if (typing) return;
    else if (event.key === '/') {
      event.preventDefault();
      document.querySelector<HTMLInputElement>('[name=q]')?.focus();
    } else if (event.key === 'j') move(1);
    else if (event.key === 'k') move(-1);
    else if (event.key === 'o' && current) current.open = !current.open;
  });

  // --- consoles and commands ---------------------------------------------------------------------------------------
  for (const field of all<HTMLInputElement>('[data-search]')) {
    const log = field.closest('details')?.querySelector('pre');
    const count = field.closest('p')?.querySelector('output');
    let marks: HTMLElement[] = [];
    let at = 0;
    const find = () => {
      for (const mark of marks) mark.replaceWith(...mark.childNodes);
      log?.normalize();
      marks = field.value.length > 1 && log ? marked(log, field.value.toLowerCase()) : [];
      at = 0;
      if (count) count.value = field.value.length > 1 ? `${marks.length} found` : '';
      go(0);
    };
    const go = (by: number) => {
      marks[at]?.classList.remove('at');
      at = marks.length > 0 ? (at + by + marks.length) % marks.length : 0;
      marks[at]?.classList.add('at');
      marks[at]?.scrollIntoView({ block: 'nearest' });
    };
    field.addEventListener('input', find);
    field.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') go(event.shiftKey ? -1 : 1);
    });
  }
  function marked(log: Element, wanted: string): HTMLElement[] {
    const texts: Text[] = [];
    const walk = document.createTreeWalker(log, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) texts.push(node as Text);
    const marks: HTMLElement[] = [];
    for (const text of texts) {
      let rest = text;
      for (
        let from = rest.data.toLowerCase().indexOf(wanted);
        from >= 0;
        from = rest.data.toLowerCase().indexOf(wanted)
      ) {
        const hit = rest.splitText(from);
        rest = hit.splitText(wanted.length);
        const mark = document.createElement('mark');
        hit.replaceWith(mark);
        mark.append(hit);
        marks.push(mark);
      }
    }
    return marks;
  }
  for (const button of all<HTMLButtonElement>('[data-copy]'))
    button.addEventListener('click', async () => {
      const text = button.closest('details')?.querySelector('pre');
      const told = button.closest('p')?.querySelector('output');
      if (!text) return;
      try {
        await navigator.clipboard.writeText(text.textContent ?? '');
        if (told) told.value = 'copied';
      } catch {
        getSelection()?.selectAllChildren(text);
        if (told) told.value = 'selected: copy it with Ctrl+C';
      }
    });
  for (const button of all<HTMLButtonElement>('[data-all]'))
    button.addEventListener('click', () => {
      for (const one of results) one.open = button.dataset.all === 'open';
    });
  // What is folded away is printed too.
  let folded: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    folded = all<HTMLDetailsElement>('details:not([open])');
    for (const one of folded) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of folded) one.open = false;
  });

  addEventListener('hashchange', follow);
  follow();
}
