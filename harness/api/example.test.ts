import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';

/** The example of the README, as a user's own TypeScript: it is checked against the declarations and run from a folder of its own. */
const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
const example = /^## As a library\n[\s\S]*?^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? '';

t.test('the example of the README type-checks and runs', async (t) => {
  t.match(example, /from 'bootgate'/, 'there is one');
  const work = mkdtempSync(join(tmpdir(), 'bootgate-api-'));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  mkdirSync(join(work, 'node_modules/@types'), { recursive: true });
  symlinkSync(packageRoot, join(work, 'node_modules/bootgate'));
  symlinkSync(join(packageRoot, 'node_modules/@types/node'), join(work, 'node_modules/@types/node'));
  writeFileSync(join(work, 'package.json'), '{"type":"module"}');
  writeFileSync(join(work, 'example.ts'), example);
  const tsc = join(packageRoot, 'node_modules/.bin/tsc');
  const options = '--module nodenext --target es2023 --strict --skipLibCheck --types node';
  const checked = spawnSync(tsc, [...options.split(' '), 'example.ts'], { cwd: work, encoding: 'utf8' });
  t.equal(checked.status, 0, checked.stdout);
  // What boots is for repro.boot.test.ts's time: here the split is read, and nothing is booted.
  const program = readFileSync(join(work, 'example.js'), 'utf8').replace(/^const \{ result[\s\S]*/m, '');
  writeFileSync(join(work, 'example.js'), program);
  const env = { ...process.env };
  delete env.NODE_OPTIONS;
  const said = execFileSync(process.execPath, ['example.js'], { cwd: work, encoding: 'utf8', env });
  t.match(said, /^kernel-drivers.*fedora-2014\.yaml:\d+/m, said);
});
