import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from './cache.js';
import { makeFolder } from './folders.js';

t.test('makes what is missing, also when many ask at once', async (t) => {
  const path = join(t.testdir(), 'a/b/c');
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
  await makeFolder(path);
  t.ok(statSync(path).isDirectory());
});

t.test('refuses if a file is in the way, or the folder takes no other', { timeout: 5000 }, async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  await t.rejects(makeFolder(file), { code: 'EEXIST' });
  await t.rejects(makeFolder(join(file, 'below')), { code: 'ENOTDIR' });
  await t.rejects(makeFolder('/proc/nowhere/below'), { code: 'ENOENT' });
  const cache = new Cache('/proc/nowhere');
  await t.rejects(
    cache.entry('kind', 'key', async (path) => writeFileSync(path, '')),
    { code: 'ENOENT' },
  );
});
