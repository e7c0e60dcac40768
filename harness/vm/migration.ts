import { setTimeout as sleep } from 'node:timers/promises';
import { hostError } from '../errors.js';
import type { Qmp } from './qmp.js';

const POLL_MS = 5;

/** Memory that both sides have in files is not sent (migration/ram.c, ramblock_is_ignored). */
const CAPABILITIES = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

/**
 * Saves what a stopped machine's processors and board are in, to a socket.
 * @throws BootgateError blame `host`, E_FORK, in QEMU's words.
 */
export async function saveTo(qmp: Qmp, socket: string, limitMs: number): Promise<void> {
  await qmp.execute('migrate-set-capabilities', CAPABILITIES, limitMs);
  // Without a limit: QEMU's own is meant for a network.
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 }, limitMs);
  await qmp.execute('migrate', { uri: `unix:${socket}` }, limitMs);
  await completed(qmp, limitMs);
}

/**
 * Brings a machine that waits for it (`-incoming defer`) to where its template was saved.
 * @param fd The file, open in QEMU.
 * @throws BootgateError blame `host`, E_FORK, in QEMU's words.
 */
export async function restoreFrom(qmp: Qmp, fd: number, limitMs: number): Promise<void> {
  await qmp.execute('migrate-set-capabilities', CAPABILITIES, limitMs);
  await qmp.execute('migrate-incoming', { uri: `fd:${fd}` }, limitMs);
  await completed(qmp, limitMs);
}

async function completed(qmp: Qmp, limitMs: number): Promise<void> {
  for (const until = performance.now() + limitMs; ; await sleep(POLL_MS)) {
    const answer = (await qmp.execute('query-migrate', {}, limitMs)) as Record<string, string> | null;
    const status = answer?.status ?? 'none';
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled')
      throw hostError('E_FORK', `QEMU could not move the guest: ${answer?.['error-desc'] ?? status}`);
    if (performance.now() > until)
      throw hostError('E_FORK', `QEMU did not move the guest within ${Math.round(limitMs / 1000)} s`);
  }
}
