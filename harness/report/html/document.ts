import { createHash } from 'node:crypto';
import { STYLE } from './style.js';
import { html } from './text.js';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What a page of ours may do: its one style, its one script, and nothing from elsewhere. `connect` is for the page of a server. */
export function policyOf(script: string, connect = "'none'"): string {
  return [
    "default-src 'none'",
    `style-src ${hash(STYLE)}`,
    `script-src ${script ? hash(script) : "'none'"}`,
    ...(connect === "'none'" ? [] : [`connect-src ${connect}`]),
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

/** A page as one file. */
export function page({
  title,
  body,
  script = '',
  connect,
}: {
  title: string;
  body: string;
  script?: string;
  connect?: string;
}): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(script, connect)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${html(title)}</title><style>${STYLE}</style></head><body>
${body}
${script && `<script>${script}</script>`}</body></html>
`;
}
