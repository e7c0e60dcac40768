import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../paths.js';

/**
 * Runs the set-up script, which looks first and installs what is missing; it talks to the user itself (sudo asks for a password).
 * @returns its exit code: 0, 2 or 3; 3 also when it was killed.
 */
export function installTools({
  list = false,
  wide = false,
  targets = [],
}: {
  list?: boolean;
  wide?: boolean;
  /** Architectures whose kernels are to be booted, as Debian spells them. */
  targets?: readonly string[];
}): Promise<number> {
  const script = join(packageRoot, 'harness', 'setup', 'system-tools.sh');
  const child = spawn('sh', [script, ...(list ? ['--list'] : [])], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(wide ? { BOOTGATE_WIDE: '1' } : {}),
      ...(targets.length > 0 ? { BOOTGATE_TARGETS: targets.join(' ') } : {}),
    },
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) =>
      done(code ?? (signal === null ? 3 : 128 + constants.signals[signal])),
    );
  });
}
