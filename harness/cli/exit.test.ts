import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { cheapCommands, writeRuns } from './fixtures/runs.js';

/**
 * Exit 0 only with an answer, exit 1 only with a no: whatever becomes of pipes, devices, terminals and signals. Everything
 * here is a real process.
 */
const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'bootgate-exit-'));

const { before, after } = writeRuns(folder);

const COMMANDS = cheapCommands(before, after);

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');
const bash = (script: string) =>
  spawnSync('bash', ['-o', 'pipefail', '-c', script], { encoding: 'utf8', env: { PATH: process.env.PATH } });

t.test('a closed pipe, a full device and a closed descriptor leave the exit code as it is', async (t) => {
  for (const [args, own] of COMMANDS) {
    const command = `'${process.execPath}' ${quoted([main, ...args])}`;
    const ends = (redirect: string, wanted: number | number[]) => {
      const { status, stderr } = bash(`${command} ${redirect}`);
      t.ok([wanted].flat().includes(status ?? -1), `${args.join(' ')} ${redirect}: ${status} ${stderr}`);
    };
    ends('> /dev/null', own);
    ends('2> /dev/null | head -1 > /dev/null', own);
    ends('2> /dev/null | true', own);
    ends('2> /dev/full > /dev/null', own);
    ends('>&- 2>&-', own);
    ends('<&- > /dev/null', own);
    // What could not be written is no answer: 0 becomes 3, and a no stays one.
    ends('> /dev/full', own === 0 ? 3 : own);
    ends('> /dev/full 2>&1', own === 0 ? 3 : own);
    ends('2>&1 | true', own);
  }
});

t.test('a reader that is content with the first match', async (t) => {
  const script = `'${process.execPath}' ${quoted([main, 'compare', before, after])} | grep -q .`;
  t.equal(bash(script).status, 1, 'the no goes through the pipe');
});

/** Runs a command on a terminal of its own, which is closed after some milliseconds; what it ended with, by wait(2). */
const ON_A_TERMINAL = `
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
time.sleep(float(sys.argv[1]) / 1000)
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
const noPython = spawnSync('python3', ['-c', 'import pty']).status === 0 ? false : 'python3 is not here';

t.test('a terminal that is closed', { skip: noPython }, async (t) => {
  for (let round = 0; round < 21; round++) {
    const [args, own] = COMMANDS[round % COMMANDS.length] ?? [[], 0];
    // Before that it is still python3's child, which ends with 1 where its terminal is gone.
    const after = 100 + ((round * 37) % 700);
    const { stdout, stderr } = spawnSync(
      'python3',
      // tap loads itself, and signal handlers of its own, into every node that its environment reaches.
      ['-c', ON_A_TERMINAL, String(after), 'env', '-i', 'TERM=xterm', process.execPath, main, ...args],
      { encoding: 'utf8' },
    );
    const status = Number(stdout);
    // -1: SIGHUP while Node itself was starting; 3: the answer was cut off by the hang-up.
    t.ok(
      [own, own === 0 ? 3 : own, 130, -1].includes(status),
      `${args.join(' ')}, closed after ${after} ms: ${stdout}${stderr}`,
    );
  }
});
