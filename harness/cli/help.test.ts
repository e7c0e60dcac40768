import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { complete, type Names } from './complete.js';
import { examplesOf, pathOf } from './examples.js';
import { leaves, manual } from './man.js';
import { declare } from './program.js';

/** --help, the manual and the completions are made from the program's own declarations. */
const program = declare();
const commands = leaves(program);

/** The words of an example as a shell would give them; what stands behind `|` or `>` is the shell's. */
function wordsOf(line: string): string[] {
  const words = line.match(/'[^']*'|\S+/g) ?? [];
  const end = words.findIndex((word) => /^[|>]$/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/^'(.*)'$/, '$1'));
}

t.test('every command has examples in its --help, and the parser takes each as its own', async (t) => {
  t.ok(commands.length > 25, `${commands.length} commands`);
  for (const command of commands) {
    const path = pathOf(command);
    const examples = examplesOf(command);
    t.ok(examples.length > 0, `${path} has examples, in cli/examples.ts`);
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    for (const [line] of examples) {
      t.ok(help.includes(`$ bootgate ${line}\n`), `${path} --help shows: ${line}`);
      t.equal(await takenBy(wordsOf(line)), path, line);
    }
  }
});

/** The command that a command line reaches with everything on it understood. */
async function takenBy(words: string[]): Promise<string> {
  const fresh = declare();
  let taken = '';
  // What the program would set up before a command's work, and the work, are left out.
  (fresh as Command & { _lifeCycleHooks: object })._lifeCycleHooks = {};
  for (const command of leaves(fresh))
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .action(() => {
        taken = pathOf(command);
      });
  await fresh.parseAsync(words, { from: 'user' }).catch((error: Error) => {
    taken = error.message;
  });
  return taken;
}

t.test('an example that the parser does not take would be seen', async (t) => {
  t.match(await takenBy(['run', '--iamge', 'x']), /unknown option/);
  t.match(await takenBy(['compare', 'one']), /missing required argument/);
});

t.test('--json is on every command that answers a question', async (t) => {
  // What is written for another program (a shell, man, a cluster), what a package manager says, servers, a guest's console.
  const others = [
    'setup',
    'userland update',
    'completion',
    'man',
    'serve',
    'shell',
    'worker',
    'fleet kubernetes',
    'fleet slurm',
  ];
  const without = commands.filter((one) => !one.options.some(({ long }) => long === '--json')).map(pathOf);
  t.same(
    without.filter((path) => !others.includes(path)),
    [],
  );
});

t.test('the manual has every command and option, and man reads it without complaint', async (t) => {
  const page = manual(program);
  for (const command of commands) {
    t.ok(page.includes(`.SS bootgate ${pathOf(command).replaceAll('-', '\\-')} `), pathOf(command));
    for (const { long } of command.options)
      if (long) t.ok(page.includes(long.replaceAll('-', '\\-')), `${pathOf(command)} ${long}`);
  }
  const { error, stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
    input: page,
    encoding: 'utf8',
  });
  if (error) t.pass('groff', { skip: 'groff is not installed' });
  else t.same([status, stderr], [0, '']);
});

const NAMES: Record<Names, string[]> = {
  scenarios: ['storage', 'storage/nvme', 'storage/ahci', 'network/tcp'],
  images: ['debian', 'debian-2014', 'split-2014'],
  splits: ['fedora-2014'],
  policies: ['2014'],
  tags: ['quick', 'wide'],
  runs: ['20261123-024713-debian'],
  formats: ['tap', 'terminal', 'json'],
};
const words = (...line: string[]) => complete(program, ['bootgate', ...line], async (names) => NAMES[names]);

t.test('completions: what fits at each place', async (t) => {
  t.same(await words('sc'), ['scenarios']);
  t.same(await words('split', ''), ['check', 'rebase', 'sets', 'show', 'size']);
  t.same(await words('run', 'storage/'), ['storage/ahci', 'storage/nvme']);
  t.same(await words('run', 'storage/nvme', 'net'), ['network/tcp'], 'and again');
  t.same(await words('run', '--image', 'deb'), ['debian', 'debian-2014']);
  t.same(await words('run', '-i', 'deb'), ['debian', 'debian-2014']);
  t.same(await words('run', '-i', 'debian', 'network'), ['network/tcp'], 'behind an option');
  t.same(await words('run', '--quiet', 'network'), ['network/tcp'], 'behind a switch');
  t.same(await words('run', '--accel', ''), ['auto', 'kvm', 'tcg']);
  t.same(await words('run', '--reporter', 't'), ['tap', 'terminal']);
  t.same(await words('run', '--modules', ''), ['2014', 'all']);
  t.same(await words('run', '--last'), ['--last-failed']);
  t.same(await words('fix', ''), ['20261123-024713-debian', 'latest']);
  t.same(await words('fix', 'latest', 'storage/n'), ['storage/nvme']);
  t.same(await words('split', 'show', ''), ['fedora-2014', 'packages']);
  t.same(await words('compare', 'latest', 'latest', ''), [], 'it takes no third');
  t.same(await words('build', '--output', ''), [], "files are the shell's");
  t.notOk(
    (await words('')).some((word) => /mutate|complete$/.test(word)),
    'nothing hidden',
  );
});

const SHELLS = {
  bash: `source /dev/stdin <<< "$(bootgate completion bash)"
    COMP_WORDS=(bootgate run --image debian storage/nv); COMP_CWORD=4; _bootgate; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: `compdef() { }; compadd() { shift; print -l -- "$@" }; eval "$(bootgate completion zsh)"
    words=(bootgate run --image debian storage/nv); CURRENT=5; _bootgate`,
  fish: `bootgate completion fish | source; complete -C 'bootgate run --image debian storage/nv'`,
};

for (const [shell, script] of Object.entries(SHELLS))
  t.test(`completions in ${shell} itself`, async (t) => {
    const home = t.testdir();
    mkdirSync(join(home, 'bin'));
    const main = join(packageRoot, 'dist', 'cli', 'main.js');
    writeFileSync(join(home, 'ask'), script);
    chmodSync(main, 0o755);
    symlinkSync(main, join(home, 'bin', 'bootgate'));
    const env = { ...process.env, HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH}` };
    const { error, stdout, stderr } = spawnSync(shell, [join(home, 'ask')], { encoding: 'utf8', env });
    if (error) return t.pass(shell, { skip: `${shell} is not installed` });
    t.equal(stdout.trim(), 'storage/nvme', stderr);
  });
