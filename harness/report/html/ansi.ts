import { html } from './text.js';

/** Colours and bold of a guest's console as spans; every other sequence is dropped, and all else is text. */

const SGR = /\x1b\[([\d;]{0,24})m/g;

/** One line: `\x1b[31mred` becomes `<span class="a31">red</span>`. The 8 colours, bright ones too, bold, dim, underline. */
export function ansiLine(line: string): string {
  let out = '';
  let from = 0;
  let styles = new Set<string>();
  const put = (text: string): void => {
    const shown = html(text.replaceAll('\r', ''));
    if (shown === '') return;
    out += styles.size > 0 ? `<span class="${[...styles].join(' ')}">${shown}</span>` : shown;
  };
  for (const { 0: sequence, 1: codes = '', index } of line.matchAll(SGR)) {
    put(line.slice(from, index));
    styles = changed(styles, codes);
    from = index + sequence.length;
  }
  put(line.slice(from));
  return out;
}

function changed(styles: ReadonlySet<string>, codes: string): Set<string> {
  const next = new Set(styles);
  const list = codes.split(';').map(Number);
  for (let at = 0; at < list.length; at++) {
    const code = list[at] ?? 0;
    if (code === 0) next.clear();
    else if (code === 22) for (const one of ['a1', 'a2']) next.delete(one);
    else if (code === 24) next.delete('a4');
    else if (code === 38 || code === 48) {
      // 38;5;N and 38;2;R;G;B: colours beyond the eight are left as they are.
      at += list[at + 1] === 5 ? 2 : 4;
    } else if (code === 1 || code === 2 || code === 4) next.add(`a${code}`);
    else if (isColour(code) || code === 39) {
      for (const one of next) if (/^a[36]\d$/.test(one)) next.delete(one);
      if (code !== 39) next.add(`a${code >= 90 ? code - 30 : code}`);
    }
  }
  return next;
}

const isColour = (code: number): boolean => (code >= 30 && code <= 37) || (code >= 90 && code <= 97);
