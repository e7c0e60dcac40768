import { createHash, randomBytes } from 'node:crypto';
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
const MOST_BYTES = 256 * 1024 * 1024;

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
    const talk = new Conversation((bytes) => void socket.write(bytes), received);
    socket.on('data', (bytes: Buffer) => talk.hear(bytes));
  });
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

/** One connection's state: between commands, or inside the bytes of a PUT. */
class Conversation {
  readonly #say: (bytes: string | Uint8Array) => void;
  readonly #received: Exchange[];
  #line = '';
  #put: { announced: Exchange; left: number; hash: ReturnType<typeof createHash> } | null = null;

  constructor(say: (bytes: string | Uint8Array) => void, received: Exchange[]) {
    this.#say = say;
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
    const ours = randomBytes(put.announced.bytes);
    this.#say(`OK ${ours.length} ${createHash('sha256').update(ours).digest('hex')}\n`);
    this.#say(ours);
  }
}
