import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { hostError } from '../../errors.js';
import { blobPath } from './blob-path.js';
import type { BlobSource, BlobStore } from './blob-store.js';

/** A store that says nothing for so long is given up; a slow one is not, as long as bytes arrive. */
const SILENT_MS = 60_000;
/** Statuses of servers that only hand out. */
const READ_ONLY = new Set([401, 403, 404, 405, 501]);

/**
 * An object store or a static server: GET, HEAD and PUT of BASE/sha256/ab/cdef... A user and password in the URL go into an Authorization
 * header, or BOOTGATE_STORE_TOKEN as a bearer token; no message shows them.
 */
export function httpStore(base: string, silentMs = SILENT_MS): BlobStore {
  const { url, name, headers } = plainUrl(base);
  const place = (digest: string) => `${url}/${blobPath(digest)}`;
  const fail = (what: string, cause: unknown, code = 'E_STORE') =>
    hostError(code, `${what}: ${wordsOf(cause)}`, { hint: `is ${name} the store's address?`, cause });
  return {
    name,
    has: async (digest) => {
      const url = place(digest);
      try {
        const answer = await fetch(url, {
          method: 'HEAD',
          headers,
          redirect: 'error',
          signal: AbortSignal.timeout(silentMs),
        });
        return answer.ok;
      } catch (cause) {
        throw fail(`cannot ask ${name} for ${digest}`, cause);
      }
    },
    put: async (digest, source) => {
      const url = new URL(place(digest));
      let status: number;
      try {
        status = await putFile(url, source, headers, silentMs);
      } catch (cause) {
        throw fail(`cannot write to ${name}`, cause);
      }
      if (status >= 200 && status < 300) return;
      throw fail(
        `${name} does not take files`,
        `status ${status}`,
        READ_ONLY.has(status) ? 'E_STORE_READ_ONLY' : 'E_STORE',
      );
    },
    read: async function* (digest, signal) {
      const silence = new AbortController();
      let timer = setTimeout(() => silence.abort(new Error(`nothing for ${silentMs / 1000} s`)), silentMs);
      try {
        const answer = await fetch(place(digest), {
          headers,
          redirect: 'error',
          signal: AbortSignal.any([silence.signal, ...(signal ? [signal] : [])]),
        });
        if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
        // lib.dom's ReadableStream, which a dependency's types bring in, is not iterable.
        for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
          clearTimeout(timer);
          yield chunk;
          timer = setTimeout(() => silence.abort(new Error(`nothing for ${silentMs / 1000} s`)), silentMs);
        }
      } catch (cause) {
        signal?.throwIfAborted();
        throw fail(`cannot read ${digest} from ${name}`, cause);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** A stream of known length, which fetch cannot send: object stores want the length before the bytes. Returns the status. */
async function putFile(
  url: URL,
  source: BlobSource,
  headers: Record<string, string>,
  silentMs: number,
): Promise<number> {
  const bytes = 'path' in source ? (await stat(source.path)).size : source.bytes.length;
  const body = 'path' in source ? createReadStream(source.path) : Readable.from([source.bytes]);
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const sent = request(url, {
    method: 'PUT',
    headers: { ...headers, 'content-length': bytes, 'content-type': 'application/octet-stream' },
    timeout: silentMs,
  });
  sent.on('timeout', () => sent.destroy(new Error(`nothing for ${silentMs / 1000} s`)));
  const answered = new Promise<number>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
  });
  // A server that refuses answers before it has read everything.
  const piped = pipeline(body, sent).catch(() => undefined);
  const status = await answered;
  body.destroy();
  await piped;
  return status;
}

function plainUrl(base: string): { url: string; name: string; headers: Record<string, string> } {
  const parsed = new URL(base);
  const { username, password } = parsed;
  parsed.username = '';
  parsed.password = '';
  const url = parsed.href.replace(/\/+$/, '');
  const token = process.env.BOOTGATE_STORE_TOKEN;
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
    'base64',
  );
  const authorization = token ? `Bearer ${token}` : username ? `Basic ${login}` : undefined;
  return { url, name: url, headers: authorization ? { authorization } : {} };
}

/** fetch says only that it failed; its cause says why. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
