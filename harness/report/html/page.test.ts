import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../paths.js';
import type { RunResult } from '../../results/run-result.js';
import { htmlPage } from './page.js';

const RUN = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;
/** A run.json alone: nothing of its folder is here. */
const NOWHERE = join(packageRoot, 'no', 'such', 'run');
const HOSTILE = `<script>alert(1)</script><img src=x onerror="x">"' \x1b[31mred\x1b[0m \ud800 \u202e end`;

t.test('what a guest says is text, wherever it stands', async (t) => {
  const base = RUN.results.find(({ verdict }) => verdict === 'fail');
  if (!base) throw new Error('the fixture has no failure');
  const one = {
    ...base,
    scenario: HOSTILE,
    area: HOSTILE,
    installSet: HOSTILE,
    reason: HOSTILE,
    consoleTail: [HOSTILE],
    modulesLoaded: [HOSTILE],
    steps: [{ name: HOSTILE, ok: false, seconds: 1, message: HOSTILE }],
    findings: [
      {
        kind: HOSTILE,
        evidence: HOSTILE,
        module: HOSTILE,
        package: HOSTILE,
        rule: HOSTILE,
        chain: HOSTILE,
        hint: HOSTILE,
      },
    ],
    files: { ...base.files, console: 'javascript:alert(1)"><script>' },
  };
  const page = await htmlPage({ folder: NOWHERE, result: { ...RUN, results: [one] } });
  const written = page.replace(/<script>[\s\S]*?<\/script>\n?(?=<\/body>)/, '');
  t.notMatch(
    written,
    /<script|<img|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]/,
    'no markup and no control character',
  );
  t.notMatch(written, /href="(?!#|\.\/)/, 'every link stays in the page or beside it');
  t.ok(written.split('&lt;script&gt;').length > 12, 'it is all there to read');
});

t.test('the policy lets nothing in but the one style and the one script', async (t) => {
  const page = await htmlPage({ folder: NOWHERE, result: RUN });
  const hashOf = (element: string) => {
    const text = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  t.match(
    page,
    `default-src 'none'; style-src ${hashOf('style')}; script-src ${hashOf('script')}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"`,
  );
  t.equal(page.match(/<script/g)?.length, 1);
  t.notMatch(page, /\sstyle="|<link|\ssrc=|\son\w+="/);
});

t.test('every result has its place, and every link in the page leads to one', async (t) => {
  const page = await htmlPage({ folder: NOWHERE, result: RUN });
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  t.equal(new Set(ids).size, ids.length, 'no id is there twice');
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, to]) => decodeURIComponent(to ?? ''));
  t.ok(links.length >= RUN.results.length);
  t.same(
    links.filter((to) => !ids.includes(to)),
    [],
  );
  t.equal(ids.filter((id) => id?.startsWith('r-')).length, RUN.results.length);
});

t.test('150 failures stay under 2 MB', async (t) => {
  const base = RUN.results.find(({ consoleTail }) => consoleTail.length > 0);
  if (!base) throw new Error('the fixture has no console');
  const consoleTail = Array.from({ length: 40 }, (_, line) => `[    1.${line}] ${'x'.repeat(100)}`);
  const results = Array.from({ length: 150 }, (_, n) => ({
    ...base,
    scenario: `storage/n${n}`,
    consoleTail,
  }));
  t.ok(Buffer.byteLength(await htmlPage({ folder: NOWHERE, result: { ...RUN, results } })) < 2_000_000);
});
