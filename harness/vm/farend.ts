import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';

/** One exchange that was asked for, as the far end saw it. */
export interface Exchange {
  bytes: number;
  /** What the guest announced. */
  sha256: string;
  /** The bytes that arrived have that digest. */
  ok: boolean;
}

export interface FarEnd {
  /** On the host's loopback; free to use for exactly this guest. */
  port: number;
  received: Exchange[];
  close(): Promise<void>;
}

const LONGEST_COMMAND = 256;
/** More than any scenario sends; a guest that announces more is refused before it sends anything. */
const MOST_BYTES = 64 * 1024 * 1024;
/** QEMU opens one for all of a guest's connections. Anybody on this host can reach the port. */
const MOST_SOCKETS = 8;
/** Older ones are forgotten. */
const MOST_EXCHANGES = 1000;
const PIECE_BYTES = 64 * 1024;

/**
 * What answers a guest on 10.0.2.100:9000. Commands are lines, several on one connection, since QEMU's guestfwd opens
 * one connection for all of a guest's and passes on no end of file: lengths decide.
 * - `PUT BYTES SHA256` and the bytes -> `OK BYTES SHA256` and as many bytes of our own, or `BAD reason`.
 * - `PING word` -> `PONG word`.
 */
export async function startFarEnd(): Promise<FarEnd> {
  const received: Exchange[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const talk = new Conversation(new Outbox(socket), received);
    socket.on('data', (bytes: Buffer) => talk.hear(bytes));
  });
  server.maxConnections = MOST_SOCKETS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    received,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * What is still to be sent on one connection. Nothing more is read from a client that does not read its answers, and they are
 * made piece by piece, as it takes them.
 */
class Outbox {
  readonly #socket: Socket;
  readonly #waiting: Iterator<Uint8Array>[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.#send());
  }

  add(answer: Iterable<Uint8Array>): void {
    this.#waiting.push(answer[Symbol.iterator]());
    if (this.#waiting.length === 1) this.#send();
  }

  #send(): void {
    while (this.#waiting.length > 0) {
      const piece = this.#waiting[0]?.next();
      if (!piece || piece.done) this.#waiting.shift();
      else if (!this.#socket.write(piece.value)) {
        this.#socket.pause();
        return;
      }
    }
    this.#socket.resume();
  }
}

/** `length` unpredictable bytes in pieces: the same ones each time for the same key. */
function* bytesOf(key: Buffer, length: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let left = length; left > 0; left -= PIECE_BYTES)
    yield cipher.update(zeros.subarray(0, Math.min(left, PIECE_BYTES)));
}

/** One connection's state: between commands, or inside the bytes of a PUT. */
class Conversation {
  readonly #out: Outbox;
  readonly #received: Exchange[];
  #line = '';
  #put: { announced: Exchange; left: number; hash: ReturnType<typeof createHash> } | null = null;

  constructor(out: Outbox, received: Exchange[]) {
    this.#out = out;
    this.#received = received;
  }

  hear(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) rest = this.#put ? this.#takeBytes(rest) : this.#takeLine(rest);
  }

  #takeLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(10);
    this.#line += bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
    if (end < 0) {
      this.#line = this.#line.slice(-LONGEST_COMMAND);
      return bytes.subarray(bytes.length);
    }
    const line = this.#line.trim();
    this.#line = '';
    if (line) this.#command(line);
    return bytes.subarray(end + 1);
  }

  #command(line: string): void {
    const ping = /^PING ([\x21-\x7e]{1,64})$/.exec(line);
    const put = /^PUT (\d{1,12}) ([0-9a-f]{64})$/.exec(line);
    if (ping) this.#say(`PONG ${ping[1]}\n`);
    else if (!put) this.#say('BAD command: PUT BYTES SHA256 or PING WORD\n');
    else if (Number(put[1]) > MOST_BYTES) this.#say(`BAD size: at most ${MOST_BYTES}\n`);
    else this.#begin({ bytes: Number(put[1]), sha256: put[2] ?? '', ok: false });
  }

  #begin(announced: Exchange): void {
    this.#received.push(announced);
    if (this.#received.length > MOST_EXCHANGES) this.#received.shift();
    this.#put = { announced, left: announced.bytes, hash: createHash('sha256') };
    if (announced.bytes === 0) this.#answer();
  }

  #takeBytes(bytes: Buffer): Buffer {
    const put = this.#put;
    if (!put) return bytes;
    const mine = bytes.subarray(0, put.left);
    put.hash.update(mine);
    put.left -= mine.length;
    if (put.left === 0) this.#answer();
    return bytes.subarray(mine.length);
  }

  #answer(): void {
    const put = this.#put;
    if (!put) return;
    this.#put = null;
    const digest = put.hash.digest('hex');
    put.announced.ok = digest === put.announced.sha256;
    if (!put.announced.ok) {
      this.#say(`BAD digest: ${digest} arrived\n`);
      return;
    }
    const { bytes } = put.announced;
    const key = randomBytes(16);
    const hash = createHash('sha256');
    for (const piece of bytesOf(key, bytes)) hash.update(piece);
    this.#say(`OK ${bytes} ${hash.digest('hex')}\n`);
    this.#out.add(bytesOf(key, bytes));
  }

  #say(line: string): void {
    this.#out.add([Buffer.from(line, 'latin1')]);
  }
}
