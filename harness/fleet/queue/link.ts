import type { Redis, RedisOptions } from 'ioredis';
import { hostError, userError } from '../../errors.js';

/** How long Redis may be away before what waits for it is given up. */
const GRACE_MS = 60_000;
/** Between two attempts to reach it again. */
const AGAIN_MS = 1000;

/**
 * A connection to Redis or Valkey that comes back by itself after a restart. `lost` is aborted, with a BootgateError, once it was away
 * for longer than the grace. Messages name host and port, never the password.
 */
export class Link {
  readonly redis: Redis;
  /** `localhost:6379` */
  readonly name: string;
  readonly #lost = new AbortController();
  readonly #graceMs: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #others: Redis[] = [];
  #closing = false;

  private constructor(redis: Redis, name: string, graceMs: number) {
    this.redis = redis;
    this.name = name;
    this.#graceMs = graceMs;
    redis.on('error', () => undefined); // Told when it matters: by `lost`, or by who waits.
    redis.on('close', () => this.#away());
    redis.on('ready', () => clearTimeout(this.#timer));
  }

  /** @throws BootgateError: `user` E_USAGE for no Redis URL; `host` E_QUEUE where there is no Redis, or it refuses us. */
  static async open(url: string, graceMs = GRACE_MS): Promise<Link> {
    const { options, name } = optionsOf(url);
    const { Redis } = await import('ioredis');
    let isOpen = false;
    const redis = new Redis({
      ...options,
      lazyConnect: true,
      // BullMQ's own wish for connections that block: a command waits until Redis is back.
      maxRetriesPerRequest: null,
      retryStrategy: () => (isOpen ? AGAIN_MS : null),
    });
    let why = '';
    redis.on('error', (error: Error) => {
      why ||= error.message;
    });
    try {
      await redis.connect();
      await redis.ping();
    } catch (cause) {
      redis.disconnect();
      throw hostError('E_QUEUE', `cannot use Redis at ${name}: ${why || (cause as Error).message}`, {
        hint: 'check --queue, the password (BOOTGATE_QUEUE_PASSWORD) and whether redis-server is running',
        cause,
      });
    }
    isOpen = true;
    return new Link(redis, name, graceMs);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Another connection of the same kind, for what blocks or listens. */
  another(): Redis {
    const redis = this.redis.duplicate({ retryStrategy: () => (this.#closing ? null : AGAIN_MS) });
    redis.on('error', () => undefined);
    this.#others.push(redis);
    return redis;
  }

  /** False while Redis is away: what is sent then waits. */
  get isThere(): boolean {
    return this.redis.status === 'ready';
  }

  close(): void {
    this.#closing = true;
    clearTimeout(this.#timer);
    for (const redis of [this.redis, ...this.#others]) redis.disconnect();
  }

  #away(): void {
    clearTimeout(this.#timer);
    if (this.#closing) return;
    this.#timer = setTimeout(() => {
      const seconds = Math.round(this.#graceMs / 1000);
      this.#lost.abort(
        hostError('E_QUEUE', `Redis at ${this.name} has been away for ${seconds} s`, {
          hint: 'start it again, then go on with --resume latest: what is finished is kept',
        }),
      );
    }, this.#graceMs);
  }
}

/** What ioredis wants for redis://, rediss:// (TLS), and the same of Valkey. */
function optionsOf(url: string): { options: RedisOptions; name: string } {
  const refuse = () =>
    userError('E_USAGE', 'the queue has no valid address', {
      hint: 'give --queue redis://HOST:6379, or rediss:// for TLS; a user and password may be in it',
    });
  if (!/^(redis|valkey)s?:\/\//.test(url)) throw refuse();
  let parsed: URL;
  try {
    parsed = new URL(url.replace(/^valkey/, 'redis'));
  } catch {
    throw refuse();
  }
  const { hostname, port, username, pathname, protocol } = parsed;
  const host = hostname.replace(/^\[|\]$/g, '') || 'localhost';
  const number = Number(port || 6379);
  const password = process.env.BOOTGATE_QUEUE_PASSWORD ?? decodeURIComponent(parsed.password);
  const db = Number(pathname.slice(1) || 0);
  if (!Number.isInteger(db)) throw refuse();
  return {
    name: `${host}:${number}`,
    options: {
      host,
      port: number,
      db,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password } : {}),
      ...(protocol === 'rediss:' ? { tls: { servername: host } } : {}),
    },
  };
}
