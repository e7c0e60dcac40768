import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { hostError } from '../../errors.js';
import { readRun } from '../../results/read.js';
import { htmlPage } from '../html/page.js';
import { followRun } from './follow.js';
import { listPage, livePage } from './pages.js';
import { fileOf, folderOf, listRuns } from './runs.js';

/** Loopback and nothing else. */
const HOST = '127.0.0.1';

export interface Serving {
  url: string;
  close(): Promise<void>;
}

/**
 * Shows the runs of a results folder, and one that is under way, to a browser on this machine.
 * @param port 0 for any that is free.
 * @throws BootgateError blame `host`, E_SERVE: the port is taken.
 */
export async function serveRuns(results: string, port: number): Promise<Serving> {
  const closing = new AbortController();
  const server = createServer((request, response) => {
    answer(results, server, request, response, closing.signal).catch(() =>
      refuse(response, 500, 'cannot be shown'),
    );
  });
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) =>
      fail(
        hostError('E_SERVE', `cannot listen on ${HOST}:${port}: ${cause.message}`, {
          hint: 'give another port with --port, or 0 for any',
          cause,
        }),
      ),
    );
    server.listen(port, HOST, done);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${taken}/`,
    close: () => {
      closing.abort();
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

async function answer(
  results: string,
  server: Server,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  // A name that resolves to this machine makes any web site's script a client: only our own names are answered.
  const { port } = server.address() as AddressInfo;
  if (![`${HOST}:${port}`, `localhost:${port}`].includes(request.headers.host ?? ''))
    return refuse(response, 403, 'not asked by its own name');
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'only GET');
  const path = pathOf(request.url ?? '/');
  if (path === '/') return send(response, 'text/html', listPage(await listRuns(results), results));
  const [, kind, id = '', ...rest] = path?.split('/') ?? [];
  const folder = kind === 'run' ? await folderOf(results, id) : undefined;
  if (!folder) return refuse(response, 404, 'there is no such run');
  const what = rest.join('/');
  if (what === 'live') return send(response, 'text/html', livePage(id));
  if (what === 'events') {
    const log = await fileOf(results, join(id, 'run.log'));
    return log ? events(log, response, closing) : refuse(response, 404, 'it has no run.log');
  }
  // Made anew from run.json: a stored page is a file like any other.
  if (what === 'report.html') return send(response, 'text/html', await htmlPage(await readRun(folder)));
  const file = await fileOf(results, join(id, what));
  if (!file) return refuse(response, 404, 'there is no such file');
  response.writeHead(200, headers('text/plain'));
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}

/** The path of an address, decoded; undefined where it is none. */
function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url, `http://${HOST}`).pathname);
  } catch {
    return undefined;
  }
}

async function events(log: string, response: ServerResponse, closing: AbortSignal): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.writeHead(200, headers('text/event-stream'));
  for await (const event of followRun(log, AbortSignal.any([closing, gone.signal])))
    response.write(`data: ${JSON.stringify(event)}\n\n`);
  response.end();
}

/** Files of a run hold what guests wrote: no browser may take them for anything but text. */
function headers(type: string): Record<string, string> {
  return {
    'content-type': `${type}; charset=utf-8`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  };
}

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, headers(type));
  response.end(text);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  if (!response.headersSent) response.writeHead(status, headers('text/plain'));
  response.end(`${sentence}\n`);
}
