import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';

/**
 * Every command that the README shows is run here, in its order, in one folder. A block starts with ```console; its lines
 * that begin with `$ ` are commands. `# exits N` behind one says that its status is not 0; `# file: NAME` above a text block
 * gives the file that the commands use.
 */
t.setTimeout(1_200_000);
const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({
  language,
  text: text ?? '',
}));

const home = mkdtempSync(join(tmpdir(), 'bootgate-readme-'));
const bin = join(home, 'bin');
mkdirSync(bin);
symlinkSync(join(packageRoot, 'dist', 'cli', 'main.js'), join(bin, 'bootgate'));
chmodSync(join(packageRoot, 'dist', 'cli', 'main.js'), 0o755);

t.test('the commands of the README do what it says', { timeout: 900_000 }, async (t) => {
  let commands = 0;
  for (const { language, text } of blocks) {
    const name = /^# file: (\S+)\n/.exec(text)?.[1];
    if (name) {
      writeFileSync(join(home, name), text);
      continue;
    }
    if (language !== 'console') continue;
    for (const line of text.split('\n')) {
      if (!line.startsWith('$ ')) continue;
      const [command = '', comment = ''] = line.slice(2).split(/\s+# /);
      const wanted = Number(/exits (\d+)/.exec(comment)?.[1] ?? 0);
      commands++;
      if (/^(make|git|cd)\b/.test(command)) {
        // what set this very test up, or what it is part of: only that the target is there
        const target = /^make (\w+)/.exec(command)?.[1];
        if (target) t.equal(spawnSync('make', ['-n', target], { cwd: packageRoot }).status, 0, command);
        continue;
      }
      const done = spawnSync('sh', ['-c', command], {
        cwd: home,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      });
      t.equal(done.status, wanted, `${command}\n${done.stderr.slice(-1500)}`);
    }
  }
  t.ok(commands > 8, `${commands} commands`);
  t.notMatch(readme, /@@[A-Z]/, 'no place was left open');
});

t.test('what the README links to is there', async (t) => {
  for (const [, target = ''] of readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
    t.ok(existsSync(join(packageRoot, target)), target);
  }
});
