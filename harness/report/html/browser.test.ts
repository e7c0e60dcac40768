import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import t from 'tap';
import { compareRuns } from '../../results/compare.js';
import { HOSTILE, writeHostileRun } from '../fixtures/hostile-run.js';
import { serveRuns } from '../serve/server.js';
import { comparisonPage } from './compare.js';
import { htmlPage } from './page.js';

/** The page in a real Chromium. BOOTGATE_SHOTS=FOLDER keeps screenshots for a person to look at. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const missing = CHROMIUM ? false : 'chromium is not installed';
const wanted = process.env.BOOTGATE_ALL ? missing : 'BOOTGATE_ALL=1 runs it';

t.test('the page in a browser', { skip: wanted, timeout: 300_000 }, async (t) => {
  const folder = t.testdir();
  const run = writeHostileRun(folder);
  const file = join(folder, 'report.html');
  writeFileSync(file, await htmlPage(run));
  const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const url = pathToFileURL(file).href;
  const at = (hash = '', options: BrowserContextOptions = {}) => opened(browser, url + hash, options);

  await t.test('nothing of it runs but our own, and nothing is asked from elsewhere', async (t) => {
    const { page, heard, requests } = await at();
    t.equal(await page.evaluate('typeof hacked'), 'undefined');
    t.equal(await page.locator('script, img, iframe, object').count(), 1, 'our own script');
    t.same(requests, [url]);
    t.same(heard, [], 'no error, no complaint');
    const violations = await page.evaluate(`new Promise((resolve) => {
      const seen = [];
      addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
      const script = document.createElement('script');
      try { script.textContent = 'hacked=3'; } catch { seen.push('trusted-types'); }
      fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => resolve([typeof hacked, ...seen])));
    })`);
    t.same(
      new Set(violations as string[]),
      new Set(['undefined', 'require-trusted-types-for', 'trusted-types', 'connect-src']),
    );
  });

  await t.test('filters narrow the matrix and the results, and the address keeps them', async (t) => {
    const { page } = await at();
    const shown = () => page.locator('details.result:visible').count();
    const all = await shown();
    await page.getByLabel('crash').check();
    t.equal(await shown(), 1);
    t.equal(await page.locator('.area:visible').count(), 1);
    t.match(page.url(), /#verdict=crash$/);
    t.match(await page.locator('#shown').textContent(), `1 of ${all} results`);
    await page.getByLabel('hang').check();
    t.equal(await shown(), 2);
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.waitForFunction('!location.hash');
    t.equal(await shown(), all);
    await page.getByLabel('Find').fill('NVME disk');
    t.equal(await shown(), 1, 'all words, in any case');
    await page.getByLabel('Find').fill('');
    await page.getByLabel('tag').selectOption('disks');
    t.equal(await shown(), 2);
    await page.reload();
    t.equal(await shown(), 2, 'from the address');
    t.equal(await page.getByLabel('tag').inputValue(), 'disks');
    await page.goto(`${url}#module=nvme`);
    t.equal(await shown(), 1);
    await page.goto(`${url}#package=linux-drivers`);
    t.ok((await shown()) >= 1 && (await shown()) < all);
  });

  await t.test('links lead to results and lines, folded or filtered away', async (t) => {
    const { page } = await at('#verdict=crash');
    const pass = page.locator('details.result[data-verdict=pass]').first();
    const id = (await pass.getAttribute('id')) ?? '';
    await page.goto(`${url}#${encodeURIComponent(id)}`);
    t.ok(await pass.evaluate((one) => (one as HTMLDetailsElement).open));
    t.ok(await pass.isVisible());
    const { page: line } = await at('#L3.118');
    t.ok(await line.locator('#L3\\.118').isVisible(), 'of a console that is open');
    const { page: folded } = await at('#L1.118');
    t.ok(await folded.locator('#L1\\.118').isVisible(), 'of one that is folded');
    await folded.locator('a.v.fail').first().click();
    t.match(folded.url(), /#r-storage%252Fnvme$/);
  });

  await t.test('the treemap zooms to a subsystem and back', async (t) => {
    const { page } = await at();
    const map = page.locator('#size');
    const whole = await map.getAttribute('viewBox');
    await page.locator('#size a[aria-label^="drivers/nvme"] text').click();
    t.not(await map.getAttribute('viewBox'), whole);
    t.match(page.url(), /#size=drivers%2Fnvme$/);
    await page.getByRole('button', { name: 'Whole tree' }).click();
    t.equal(await map.getAttribute('viewBox'), whole);
    const { page: linked } = await at('#package=linux-core');
    t.ok(await linked.locator('#package a[aria-label^="linux-core"]').count(), 'packages have a map');
  });

  await t.test('a console: search, colours, marked reports; a command is copied', async (t) => {
    const { page } = await at('', { permissions: ['clipboard-read', 'clipboard-write'] });
    const crash = page.locator('details.result[data-verdict=crash]');
    await crash.getByLabel('Search').fill('NEEDLE-7');
    t.match(await crash.locator('.log output').textContent(), /^\d+ found$/);
    const first = await crash.locator('mark.at').evaluate((one) => one.parentElement?.textContent);
    await page.keyboard.press('Enter');
    t.equal(await crash.locator('mark.at').count(), 1);
    t.ok(first);
    await crash.getByLabel('Search').fill('');
    t.equal(await crash.locator('mark').count(), 0, 'and is gone again');
    t.ok((await crash.locator('.kr').count()) >= 2, 'the report');
    t.equal(await crash.locator('pre .a31').first().textContent(), 'red');
    t.equal(await crash.locator('pre .a1.a31').textContent(), 'bold red');
    await crash.getByText('QEMU command').click();
    await crash.getByRole('button', { name: 'Copy' }).click();
    await crash.getByText('copied').waitFor();
    const command = readFileSync(join(folder, 'filesystems/xfs/qemu.sh'), 'utf8');
    t.equal(await page.evaluate('navigator.clipboard.readText()'), command);
  });

  await t.test('by keyboard alone', async (t) => {
    const { page } = await at();
    await page.keyboard.press('/');
    t.equal(await page.evaluate('document.activeElement.name'), 'q');
    await page.keyboard.type('xfs');
    await page.keyboard.press('Escape');
    await page.waitForFunction(`!location.hash`);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const open = () => page.evaluate(`document.querySelector('details.at').open`);
    const before = await open();
    await page.keyboard.press('o');
    t.equal(await open(), !before);
    t.equal(await page.evaluate(`document.activeElement.tagName`), 'SUMMARY');
  });

  await t.test('without JavaScript all of it can be read', async (t) => {
    const { page } = await at('', { javaScriptEnabled: false });
    t.notOk(await page.locator('.filters, .tools').first().isVisible(), 'what needs a script is not shown');
    for (const words of ['Why it failed', 'missing module: nvme', 'Kernel', 'The module tree by subsystem'])
      t.ok((await page.getByText(words).count()) > 0, words);
    t.ok(await page.locator('#r-storage\\%2Fnvme .steps').isVisible());
  });

  await t.test(
    'light, dark, narrow, wide, printed: axe finds nothing serious, nothing sticks out',
    async (t) => {
      const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
      for (const [width, colorScheme] of [
        [420, 'light'],
        [1280, 'dark'],
        [1280, 'light'],
      ] as const) {
        const { page } = await at('', { colorScheme, bypassCSP: true, viewport: { width, height: 900 } });
        const wide = (await page.evaluate('document.scrollingElement.scrollWidth')) as number;
        t.ok(wide <= width, `${wide} of ${width}`);
        await page.evaluate(axe);
        await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`);
        const { violations } = (await page.evaluate('axe.run()')) as {
          violations: { id: string; impact: string; nodes: { html: string }[] }[];
        };
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        t.same(
          serious.map(({ id, nodes }) => [id, nodes[0]?.html]),
          [],
          `${colorScheme}, ${width}`,
        );
        const shots = process.env.BOOTGATE_SHOTS;
        if (shots)
          await page.screenshot({ path: join(shots, `${colorScheme}-${width}.png`), fullPage: true });
      }
      const other = join(folder, 'compare.html');
      const passed = run.result.results.map((one) => ({ ...one, verdict: 'pass' as const }));
      writeFileSync(other, comparisonPage(compareRuns({ ...run.result, results: passed }, run.result)));
      const compared = await opened(browser, pathToFileURL(other).href, {});
      t.same(compared.heard, []);
      t.equal(await compared.page.getByText('New failures: 3').count(), 1);
      const { page } = await at();
      await page.emulateMedia({ media: 'print' });
      t.notOk(await page.locator('.filters').isVisible());
      await page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
      t.equal(await page.locator('details:not([open])').count(), 0, 'what is folded is printed');
      await page.evaluate(`dispatchEvent(new Event('afterprint'))`);
      t.ok((await page.locator('details:not([open])').count()) > 0);
    },
  );
});

t.test('a run under way in a browser', { skip: wanted, timeout: 120_000 }, async (t) => {
  const results = t.testdir();
  const id = '20261123-010203-debian';
  mkdirSync(join(results, id));
  const write = (line: object) => appendFileSync(join(results, id, 'run.log'), `${JSON.stringify(line)}\n`);
  write({ msg: 'run started' });
  write({ msg: 'guest started', scenario: HOSTILE });
  const serving = await serveRuns(results, 0);
  const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
  t.teardown(() => Promise.all([browser.close(), serving.close()]));
  const { page, heard } = await opened(browser, serving.url, {});
  await page.getByText('not ended').click();
  await page.getByText('starts').waitFor();
  write({ msg: 'phase', scenario: HOSTILE, phase: 'steps' });
  await page.getByText('steps').waitFor();
  write({ msg: 'judged', scenario: HOSTILE, verdict: 'crash', seconds: 3 });
  await page.getByText('1 crash').waitFor();
  t.match(await page.locator('#guests td').first().textContent(), /<script>/, 'as text');
  write({ msg: 'run ended', verdict: 'fail' });
  await page.getByText('The page of this run').waitFor();
  t.equal(await page.locator('#state').textContent(), 'fail');
  t.equal(await page.evaluate('typeof hacked'), 'undefined');
  t.same(heard, []);
});

/** A page of its own, with all that it complains of and asks for. */
async function opened(browser: Browser, url: string, options: BrowserContextOptions) {
  const page: Page = await (await browser.newContext(options)).newPage();
  const heard: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  page.on('pageerror', (error) => heard.push(error.message));
  page.on('dialog', (dialog) => heard.push(dialog.message()));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, heard, requests };
}
