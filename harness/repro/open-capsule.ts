import { spawn } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userError } from '../errors.js';
import { exec } from '../exec.js';
import { CAPSULE_FILE, type Capsule } from './capsule.js';
import { farEndScript, runScript } from './runscript.js';

export const isCapsule = (path: string): boolean => /\.tar\.zst$/.test(path);

/**
 * Boots a capsule by its own run.sh, which prints to this terminal. A script is only run when it is, byte for byte, the one that
 * bootgate writes for that capsule.json: a capsule may come from a stranger.
 * @returns Its exit code: 0 ended as recorded, 1 did not, 3 this machine could not tell.
 * @throws BootgateError blame `user`, E_CAPSULE.
 */
export async function runCapsule(
  file: string,
  { accelerator, signal }: { accelerator?: string | undefined; signal?: AbortSignal },
): Promise<number> {
  const work = await mkdtemp(join(tmpdir(), 'bootgate-capsule-'));
  try {
    await exec('bsdtar', ['-xf', file, '-C', work, '--no-same-owner'], {
      timeout: 600_000,
      ...(signal ? { signal } : {}),
    });
    const folder = join(work, readdirSync(work)[0] ?? '');
    check(file, folder);
    return await runIn(folder, accelerator, signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function check(file: string, folder: string): void {
  const bad = (why: string) =>
    userError('E_CAPSULE', `${file}: ${why}`, {
      hint: 'give a file that `bootgate repro --export` of this version has written, or unpack it, read its run.sh and start that',
    });
  let capsule: Capsule;
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const { mode } = lstatSync(join(folder, name));
      const kind = mode & 0o170000;
      if (kind !== 0o100000 && kind !== 0o040000) throw new Error(`${name} is not a plain file`);
    }
    capsule = JSON.parse(readFileSync(join(folder, CAPSULE_FILE), 'utf8')) as Capsule;
  } catch (cause) {
    throw bad(`not a capsule (${(cause as Error).message.replaceAll(`${folder}/`, '')})`);
  }
  if (capsule?.schema !== 'bootgate/capsule@1') throw bad('not a capsule of schema bootgate/capsule@1');
  const same = (name: string, bytes: string | Buffer) =>
    readFileSync(join(folder, name)).equals(Buffer.from(bytes));
  let isOurs = false;
  try {
    isOurs =
      same('run.sh', runScript(capsule)) &&
      (!capsule.request.scenario.nics.some(({ farEnd }) => farEnd) || same('farend.sh', farEndScript()));
  } catch {
    // What is not even complete is not ours.
  }
  if (!isOurs) throw bad('its run.sh is not the one that this version of bootgate writes');
}

function runIn(folder: string, accelerator: string | undefined, signal?: AbortSignal): Promise<number> {
  const { PATH = '/usr/bin:/bin', TMPDIR } = process.env;
  const child = spawn('sh', ['./run.sh'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH, ...(TMPDIR ? { TMPDIR } : {}), ...(accelerator ? { ACCEL: accelerator } : {}) },
    ...(signal ? { signal, killSignal: 'SIGTERM' as const } : {}),
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 3));
  });
}
