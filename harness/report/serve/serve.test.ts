import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../paths.js';
import { HOSTILE, writeHostileRun } from '../fixtures/hostile-run.js';
import { eventOf } from './follow.js';
import { serveRuns } from './server.js';

const ID = '20261123-010203-debian-2014';

/** A results folder with one run, a secret beside it, and a link that leads there. */
function resultsFolder(home: string): string {
  const results = join(home, 'results');
  mkdirSync(join(results, ID), { recursive: true });
  writeFileSync(join(home, 'secret'), 'secret');
  symlinkSync(join(home, 'secret'), join(results, ID, 'link'));
  symlinkSync(home, join(results, '20261123-010204-away'));
  const { result } = writeHostileRun(join(results, ID));
  writeFileSync(join(results, ID, 'run.json'), JSON.stringify(result));
  writeFileSync(join(results, ID, 'page.html'), HOSTILE);
  writeFileSync(join(results, 'loose.txt'), 'loose');
  return results;
}

interface Answer {
  status: number;
  type: string;
  sniff: unknown;
  body: string;
}

/** Asked as it stands: fetch would tidy the path up. */
function ask(
  url: string,
  path: string,
  { method = 'GET', host }: { method?: string; host?: string } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((done, fail) => {
    const asked = request({ hostname, port, path, method, headers: host ? { host } : {} }, (response) => {
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', (part) => (body += part))
        .on('end', () =>
          done({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            sniff: response.headers['x-content-type-options'],
            body,
          }),
        );
    });
    asked.on('error', fail).end();
  });
}

t.test('runs are shown, and what guests wrote is text', async (t) => {
  const results = resultsFolder(t.testdir());
  const serving = await serveRuns(results, 0);
  t.teardown(() => serving.close());
  t.match(serving.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const list = await ask(serving.url, '/');
  t.match(list, { status: 200, type: /^text\/html/ });
  t.match(list.body, `href="/run/${ID}/report.html">fail</a>`);
  const page = await ask(serving.url, `/run/${ID}/report.html`);
  t.match(page.body, /<title>bootgate: fail/);
  t.notMatch(page.body, '<script>hacked');
  for (const file of ['page.html', 'storage/nvme/console.log', 'run.json'])
    t.match(
      await ask(serving.url, `/run/${ID}/${file}`),
      { status: 200, type: /^text\/plain/, sniff: 'nosniff' },
      file,
    );
});

t.test('nothing outside of the results is shown, and nobody else is answered', async (t) => {
  const results = resultsFolder(t.testdir());
  const serving = await serveRuns(results, 0);
  t.teardown(() => serving.close());
  for (const path of [
    `/run/${ID}/../../secret`,
    `/run/${ID}/%2e%2e/%2e%2e/secret`,
    `/run/${ID}/..%2f..%2fsecret`,
    `/run/${ID}//etc/passwd`,
    `/run/${ID}/link`,
    '/run/20261123-010204-away/secret',
    '/run/20261123-010204-away/live',
    '/run/../secret',
    '/run/loose.txt',
    '/run/loose.txt/live',
    `/run/${ID}/storage`,
    `/run/${ID}/%`,
    `/run/${ID}/a%00b`,
    '/secret',
  ]) {
    const { status, body } = await ask(serving.url, path);
    t.equal(status, 404, path);
    t.notMatch(body, /secret|loose|root:/);
  }
  t.equal((await ask(serving.url, '/', { host: 'evil.example' })).status, 403, 'a name that leads here');
  t.equal((await ask(serving.url, '/', { method: 'POST' })).status, 405);
  t.equal(
    (await ask(serving.url, '/', { host: serving.url.slice(7, -1).replace('127.0.0.1', 'localhost') }))
      .status,
    200,
  );
});

t.test('a run under way: what has happened, then what happens', async (t) => {
  const results = join(t.testdir(), 'results');
  mkdirSync(join(results, ID), { recursive: true });
  const log = join(results, ID, 'run.log');
  const write = (line: object | string) =>
    appendFileSync(log, typeof line === 'string' ? line : `${JSON.stringify(line)}\n`);
  write({ msg: 'run started', image: {} });
  write({ msg: 'guest started', scenario: HOSTILE });
  write({ msg: 'something else' });
  const serving = await serveRuns(results, 0);
  t.teardown(() => serving.close());
  t.match((await ask(serving.url, '/')).body, `href="/run/${ID}/live">not ended</a>`);
  const response = await fetch(`${serving.url}run/${ID}/events`);
  t.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const seen: unknown[] = [];
  let text = '';
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString('utf8');
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const one of parts) seen.push(JSON.parse(one.replace(/^data: /, '')));
    // Each thing happens once the page knows of the one before.
    if (seen.length === 2) {
      write('{"msg":"judged","scenario":"storage/nvme",');
      write('"verdict":"pass","seconds":4.2}\n');
    }
    if (seen.length === 3) write({ msg: 'run ended', verdict: 'pass' });
  }
  t.same(seen.slice(2), [
    { what: 'judged', scenario: 'storage/nvme', verdict: 'pass', seconds: 4.2 },
    { what: 'ended', verdict: 'pass' },
  ]);
  t.match(seen.slice(0, 2), [{ what: 'started' }, { what: 'guest', scenario: /<script>/ }]);
  t.equal(eventOf('{"msg":"jud'), undefined, 'a line that was cut');
});

t.test("a port that is taken is the host's fault, with what to do", async (t) => {
  const serving = await serveRuns(t.testdir(), 0);
  t.teardown(() => serving.close());
  await t.rejects(serveRuns(t.testdir(), Number(new URL(serving.url).port)), {
    code: 'E_SERVE',
    blame: 'host',
  });
});

t.test('bootgate serve: says where, and ends with Ctrl+C', async (t) => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const child = spawn(
    process.execPath,
    [main, 'serve', '--port', '0', '--results', resultsFolder(t.testdir())],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH ?? '' },
    },
  );
  const url = await new Promise<string>((done) =>
    child.stdout.once('data', (data) => done(String(data).trim())),
  );
  t.equal((await ask(url, '/')).status, 200);
  // Only loopback listens on that port.
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  const listening = readFileSync('/proc/net/tcp', 'utf8').match(
    new RegExp(` [0-9A-F]{8}:${port} 00000000:0000 0A`, 'g'),
  );
  t.same(listening, [` 0100007F:${port} 00000000:0000 0A`]);
  const ended = new Promise((done) => child.once('exit', (code) => done(code)));
  child.kill('SIGINT');
  t.equal(await ended, 130);
});
