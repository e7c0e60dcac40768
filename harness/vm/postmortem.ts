import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Qemu } from './qemu.js';

export const POSTMORTEM = 'postmortem.txt';
const REGISTERS = 'registers.txt';

/**
 * What the kernel is asked (Documentation/admin-guide/sysrq.rst), the shortest answers first: that everything reaches the console,
 * blocked tasks, what each CPU does (by NMI), memory, every task. Digits come first in an object, whatever the order.
 */
const KEYS = {
  9: 'log level',
  w: 'blocked tasks',
  l: 'backtrace of every CPU',
  m: 'memory',
  t: 'every task',
} as const;

/** Milliseconds; all but `quiet` are multiplied by the host factor. */
const LIMITS = { all: 15_000, command: 2000, connect: 2000, first: 2500 };
/** So long without a byte, an answer is over. */
const QUIET_MS = 400;
const MOST_BYTES = 2 * 1024 * 1024;

/**
 * Examines a guest that hangs or has crashed, before QEMU is ended: registers of every CPU into registers.txt, and where the kernel
 * still answers its serial port, sysrq's lists into postmortem.txt. Best effort, bounded, and never an error: the verdict is
 * made without it.
 */
export async function examine(qemu: Qemu, folder: string, factor = 1): Promise<void> {
  const limit = new AbortController();
  const late = setTimeout(() => limit.abort(), LIMITS.all * factor);
  void qemu.exited.then(() => limit.abort());
  try {
    const registers = await qemu.qmp.registers(LIMITS.command * factor).catch(() => null);
    // A QEMU that does not answer this one answers nothing.
    if (registers === null) return;
    await writeFile(join(folder, REGISTERS), registers);
    if (limit.signal.aborted || !(await isRunning(qemu, factor))) return;
    const serial = await openSerial(qemu, factor, limit.signal);
    if (serial === null) return;
    try {
      const text = await interrogate(qemu, serial, factor, limit.signal);
      if (text !== '') await writeFile(join(folder, POSTMORTEM), text);
    } finally {
      serial.destroy();
    }
  } catch {
    // What could be learned has been written.
  } finally {
    clearTimeout(late);
  }
}

async function isRunning(qemu: Qemu, factor: number): Promise<boolean> {
  const status = (await qemu.qmp.execute('query-status', {}, LIMITS.command * factor)) as {
    running?: boolean;
  };
  return status.running === true;
}

/**
 * The console's UART on a socket of the loopback instead of its file, which has no way in. QEMU chooses the port; the first to
 * connect is the only one.
 */
async function openSerial(qemu: Qemu, factor: number, signal: AbortSignal): Promise<Socket | null> {
  const addr = { type: 'inet', data: { host: '127.0.0.1', port: '0' } };
  const backend = { type: 'socket', data: { addr, server: true, wait: false } };
  await qemu.qmp.execute('chardev-change', { id: 'console', backend }, LIMITS.command * factor);
  const chardevs = (await qemu.qmp.execute('query-chardev', {}, LIMITS.command * factor)) as {
    label: string;
    filename: string;
  }[];
  const port = /:(\d+),/.exec(chardevs.find(({ label }) => label === 'console')?.filename ?? '')?.[1];
  if (port === undefined) return null;
  const socket = connect({ host: '127.0.0.1', port: Number(port), signal });
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), LIMITS.connect * factor);
    socket.on('error', () => resolve(null));
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

async function interrogate(qemu: Qemu, serial: Socket, factor: number, signal: AbortSignal): Promise<string> {
  const heard = new Answer(serial);
  const parts: string[] = [];
  for (const [key, title] of Object.entries(KEYS)) {
    if (signal.aborted) break;
    // drivers/tty/serial: a break, then the key.
    await qemu.qmp.execute('chardev-send-break', { id: 'console' }, LIMITS.command * factor);
    serial.write(key);
    const text = await heard.next(LIMITS.first * factor, signal);
    if (text === '' && parts.length === 0) {
      // Nobody takes the interrupt. An NMI cannot be turned off: with unknown_nmi_panic it panics with a backtrace.
      await qemu.qmp.execute('inject-nmi', {}, LIMITS.command * factor);
      const nmi = await heard.next(LIMITS.first * factor, signal);
      return nmi === '' ? '' : `== NMI, since the serial port was not answered\n${nmi}`;
    }
    parts.push(`== sysrq ${key}: ${title}\n${text}`);
  }
  return parts.join('\n');
}

/** What comes over a socket, a piece at a time: from a question to the silence after its answer. */
class Answer {
  #text = '';
  #bytes = 0;

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#bytes += bytes.length;
      if (this.#bytes <= MOST_BYTES) this.#text += bytes.toString('latin1');
    });
  }

  async next(firstMs: number, signal: AbortSignal): Promise<string> {
    const begun = performance.now();
    for (let seen = 0, since = begun; !signal.aborted; ) {
      await sleep(50, undefined, { signal }).catch(() => {});
      const now = performance.now();
      if (this.#text.length > seen) [seen, since] = [this.#text.length, now];
      else if (seen > 0 ? now - since > QUIET_MS : now - begun > firstMs) break;
    }
    const text = this.#text.replaceAll('\r', '');
    this.#text = '';
    return text;
  }
}
