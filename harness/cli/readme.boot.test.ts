import { spawnSync } from 'node:child_process';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { blockAfter, differenceOf, readme, shellFor, shownIn } from './fixtures/readme.js';

/** Every command that the README shows is run here, in its order, in one folder, and prints what is shown. */
t.setTimeout(1_200_000);
const shell = shellFor('readme-boot');

t.test('the commands of the README do what it says', { timeout: 900_000 }, async (t) => {
  let [commands, compared] = [0, 0];
  for (const one of shownIn(readme)) {
    if ('file' in one) {
      shell.write(one);
      continue;
    }
    const { command, status: wanted, shown } = one;
    commands++;
    if (/^(make|git|cd)\b/.test(command)) {
      // what set this very test up, or what it is part of: only that the target is there
      const target = /^make (\w+)/.exec(command)?.[1];
      if (target) t.equal(spawnSync('make', ['-n', target], { cwd: packageRoot }).status, 0, command);
      continue;
    }
    const { status, stdout, stderr } = shell.run(command);
    t.equal(status, wanted, `${command}\n${stderr.slice(-1500)}`);
    if (shown === '') continue;
    compared++;
    t.equal(differenceOf(shown, stdout), undefined, command);
  }
  t.ok(commands > 8 && compared > 6, `${commands} commands, ${compared} outputs compared`);
});

t.test('the default run prints what the README shows of it', { timeout: 900_000 }, async (t) => {
  // Elsewhere: `bootgate init` has made the first folder a project with a scenario of its own.
  const { status, stdout } = shellFor('readme-default').run('bootgate run --image debian-2014');
  t.equal(status, 0);
  // Results come in the order in which guests end.
  const sorted = (text: string) => {
    const isResult = (line: string) => /^ {2}[a-zA-Z]+ +\S+\/\S+ /.test(line);
    // How far it is, said every half minute: a slow machine says it more often.
    const lines = text.replace(/^ {2}\.{3} +\d+ of \d+ done.*\n(?: {9}.*\n)*/gm, '').split('\n');
    return [...lines.filter((line) => !isResult(line)), ...lines.filter(isResult).sort()].join('\n');
  };
  t.equal(differenceOf(sorted(blockAfter('`make run` on two cores')), sorted(stdout)), undefined);
});
