import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import t from 'tap';
import { packageRoot } from './paths.js';

/** Imports only go down. A folder may import from its own row and from the rows below. */
const LAYERS: string[][] = [
  // Programs of their own: what users start or import, and what developers measure and try.
  ['cli', 'api', 'bench', 'fuzz', 'kvm', 'soak'],
  ['fleet'],
  // repro hands a stored run's boot on: it boots it again, and is above all that a run is made of.
  ['search', 'repro'],
  ['gate'],
  ['run'],
  ['boot'],
  ['image'],
  ['diagnose'],
  ['report'],
  ['results'],
  ['scenarios'],
  ['setup'],
  ['initramfs'],
  ['vm'],
  ['splits'],
  ['patterns'],
  ['modules'],
  ['kernel'],
  ['arch'],
  ['.'],
];

const harness = join(packageRoot, 'harness');
const sources = readdirSync(harness, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('fixtures'))
  .sort();

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '.') : '.');
const rowOf = (folder: string): number => LAYERS.findIndex((row) => row.includes(folder));

/** Every relative import of a file, static or dynamic, as a path below harness/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(harness, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(harness, resolve(join(harness, dirname(file)), match[1] ?? '')),
  );
}

t.test('imports only go down the layers', async (t) => {
  t.ok(sources.length > 10, 'the sources were found');
  const upward: string[] = [];
  for (const file of sources) {
    const row = rowOf(folderOf(file));
    if (row < 0) upward.push(`${file}: its folder is in no layer`);
    for (const target of importsOf(file)) {
      if (rowOf(folderOf(target)) < row) upward.push(`${file} -> ${target}`);
    }
  }
  t.same(upward, [], 'no import goes up');
});

t.test('a file stays small enough to have one noun', async (t) => {
  const long = sources.filter((file) => readFileSync(join(harness, file), 'utf8').split('\n').length > 301);
  t.same(long, [], 'no file passes 300 lines');
});

t.test('the top level holds what it should and nothing else', async (t) => {
  const allowed = new Set(
    'harness scenarios images results README.md LICENSE Makefile package.json package-lock.json tsconfig.json biome.json'.split(
      ' ',
    ),
  );
  const ignored = new Set(['node_modules', 'dist']);
  const extra = readdirSync(packageRoot).filter(
    (name) => !name.startsWith('.') && !allowed.has(name) && !ignored.has(name),
  );
  t.same(extra, []);
});
