import { cleanText } from '../../printable.js';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Any text, a guest's too, as HTML text or as a quoted attribute: no control sequence and no markup gets through. */
export function html(text: string | number): string {
  return cleanText(String(text)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A part of an address: encodeURIComponent throws on half a character, which cleaned text has none of. */
export function urlPart(text: string): string {
  return encodeURIComponent(cleanText(text));
}

/** A place in the page for a result's name. The same name gives the same place in every run, so links can be kept. */
export function anchor(name: string): string {
  return `r-${urlPart(name)}`;
}

/** A link to it: `%` is escaped again, since a browser decodes the fragment before it looks for the id. */
export function anchorLink(name: string): string {
  return `#${encodeURIComponent(anchor(name))}`;
}
