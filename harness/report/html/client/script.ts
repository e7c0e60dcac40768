import { runPage } from './run-page.js';

/**
 * The page's script: one function as text, since the page is one file. `</` would end the element that it stands in, and `<!--`
 * would change how it is read (HTML, 4.12.1.3).
 */
export function scriptOf(client: () => void = runPage): string {
  return `(${client.toString()})()`.replaceAll('</', '<\\/').replaceAll('<!--', '<\\!--');
}
