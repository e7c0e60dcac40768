import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Module } from '../../modules/module.js';
import { packageRoot } from '../../paths.js';
import type { RunResult } from '../../results/run-result.js';
import type { ScenarioResult } from '../../results/scenario-result.js';
import { readTree, writeTree } from '../../results/tree-file.js';
import { writeHostileRun } from '../fixtures/hostile-run.js';
import { ansiLine } from './ansi.js';
import { neighbourhood } from './graph.js';
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

t.test('150 failures stay under 2 MB, with their consoles as far as there is room', async (t) => {
  const { folder, result } = writeHostileRun(t.testdir());
  const failed = result.results.filter(({ verdict }) => verdict === 'fail' || verdict === 'crash');
  const modulesLoaded = Array.from({ length: 60 }, (_, n) => `module_of_some_length_${n}`);
  const results = Array.from({ length: 150 }, (_, n) => ({
    ...(failed[n % failed.length] as ScenarioResult),
    scenario: `storage/n${n}`,
    modulesLoaded,
  }));
  const page = await htmlPage({ folder, result: { ...result, results } });
  t.ok(Buffer.byteLength(page) < 2_000_000, `${Buffer.byteLength(page)} bytes`);
  t.equal(page.split('the log has all').length, 151, 'each console is cut at its beginning');
});

t.test('colours of a console are ours, and every other sequence is gone', async (t) => {
  t.equal(ansiLine('\x1b[31mred\x1b[0m plain'), '<span class="a31">red</span> plain');
  t.equal(
    ansiLine('\x1b[1;95mboth\x1b[22m one\x1b[39m none'),
    '<span class="a1 a65">both</span><span class="a65"> one</span> none',
  );
  t.equal(ansiLine('\x1b[38;5;196mx\x1b[48;2;1;2;3my'), 'xy', 'colours beyond the eight');
  t.equal(ansiLine('a\x1b]0;title\x07b\x1b[2Jc\x1b[?1049hd\x1b[31'), 'abcd');
  t.equal(ansiLine('<b>\x1b[31m</pre>'), '&lt;b&gt;<span class="a31">&lt;/pre&gt;</span>');
});

t.test('a run.json from elsewhere names no file outside of its folder', async (t) => {
  const { folder, result } = writeHostileRun(t.testdir());
  writeFileSync(join(folder, '..', 'qemu.sh'), 'secret');
  const [one] = result.results as [ScenarioResult];
  for (const files of [{ argv: '../qemu.sh' }, { argv: join(folder, '..', 'qemu.sh') }]) {
    const changed = { ...one, files: { ...one.files, ...files } };
    t.notMatch(await htmlPage({ folder, result: { ...result, results: [changed] } }), 'secret');
  }
});

t.test('the neighbourhood of a module, and the tree that it is drawn from', async (t) => {
  const { folder } = writeHostileRun(t.testdir());
  const drawn = neighbourhood('nvme', await readTree(folder));
  t.match(drawn, /aria-label="nvme, not in the set; needed by &lt;script&gt;.*; needs nvme_core, t10_pi"/);
  t.match(drawn, 't10_pi (not in the set)');
  t.equal(neighbourhood('none', await readTree(folder)), '');
  t.equal((await readTree(NOWHERE)).size, 0);
});

t.test('tree.json is read as it was written', async (t) => {
  const folder = t.testdir();
  const module = (name: string, path: string, depends: string[] = []) =>
    [name, { name, path, bytes: name.length, depends, softPre: [], softPost: [], weak: [] }] as [
      string,
      Module,
    ];
  const index = {
    modules: new Map([
      module('nvme', 'kernel/drivers/nvme/host/nvme.ko.xz', ['nvme_core']),
      module('nvme_core', 'kernel/drivers/nvme/host/nvme-core.ko.xz'),
      module('own', 'updates/own.ko'),
    ]),
  };
  const split = { placement: new Map([['nvme', { package: 'extra' }]]) };
  await writeTree(folder, [
    { index, split, set: { names: ['nvme_core'] }, installSet: { name: 'core' } },
    { index, split, set: { names: ['nvme', 'nvme_core'] }, installSet: { name: 'core,extra' } },
  ]);
  t.same(
    [...(await readTree(folder)).values()],
    [
      {
        name: 'nvme',
        folder: 'drivers/nvme/host',
        bytes: 4,
        package: 'extra',
        depends: ['nvme_core'],
        sets: new Set(['core,extra']),
      },
      {
        name: 'nvme_core',
        folder: 'drivers/nvme/host',
        bytes: 9,
        depends: [],
        sets: new Set(['core', 'core,extra']),
      },
      { name: 'own', folder: 'updates', bytes: 3, depends: [], sets: new Set() },
    ],
  );
});
