import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { hostArchitecture } from '../arch/index.js';
import { userError } from '../errors.js';
import { shownFile } from '../paths.js';
import { detectFormat } from '../splits/detect.js';

export interface Starter {
  kernel: string[];
  /** `modules:` of the image, as YAML. */
  modules: string;
  /** Files as they are shown: made now, and there before. */
  written: string[];
  kept: string[];
}

/** Where a build usually puts its packages, from the project's folder. */
const BUILD_FOLDERS = ['.', 'build', 'dist', 'out', 'packages', '..'];
const KERNEL_PACKAGE = /^(linux-(image|modules)-|kernel-(core|modules)).*\.(deb|rpm)$/;
const NOT_KERNEL = /-(dbg|dbgsym|debuginfo)|\.src\.rpm$/;

/**
 * Writes a starter: bootgate.yaml, an image, a scenario, CI jobs and .gitignore. What it can find out it does not ask: packages that
 * were built, apt's kernel, the installed one. A file that is there is never changed, so a second time changes nothing.
 * @throws BootgateError blame `user`, E_INIT: the folder cannot be written to.
 */
export async function writeStarter(folder: string, given?: readonly string[]): Promise<Starter> {
  const root = resolve(folder);
  const kernel = given ? given.map((source) => fromImages(root, source)) : findKernels(root);
  const modules = findModules(root, kernel);
  const starter: Starter = { kernel, modules, written: [], kept: [] };
  for (const [name, text] of Object.entries(filesOf(kernel, modules))) {
    const file = join(root, name);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { flag: 'wx' });
      starter.written.push(shownFile(file));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'EEXIST')
        throw userError('E_INIT', `cannot write ${shownFile(file)}: ${code}`, {
          hint: 'give a folder that you may write to',
          cause,
        });
      starter.kept.push(shownFile(file));
    }
  }
  await ignoreResults(root, starter);
  return starter;
}

/** results/ is added to a .gitignore that lacks it: runs are large, and no one wants them in the history. */
async function ignoreResults(root: string, starter: Starter): Promise<void> {
  const file = join(root, '.gitignore');
  const text = await readFile(file, 'utf8').catch(() => '');
  if (/^\/?results\/?(\*)?$/m.test(text)) {
    starter.kept.push(shownFile(file));
    return;
  }
  await writeFile(file, `${text === '' || text.endsWith('\n') ? text : `${text}\n`}results/\n`);
  starter.written.push(shownFile(file));
}

/** A path as the image file in images/ has to write it. */
function fromImages(root: string, source: string): string {
  if (/^(?:[a-z]+:|installed$|\/)/.test(source)) return source;
  return relative(join(root, 'images'), resolve(source));
}

function findKernels(root: string): string[] {
  for (const folder of BUILD_FOLDERS) {
    const names = kernelPackagesIn(join(root, folder));
    if (names.length > 0) return [join('..', folder, `*.${names[0]?.split('.').at(-1)}`)];
  }
  return [aptKernel() ?? 'installed'];
}

/** The package that always depends on the newest kernel: named by architecture on Debian, by flavour on Ubuntu. */
export function aptKernel(osRelease = '/etc/os-release'): string | undefined {
  const text = existsSync(osRelease) ? readFileSync(osRelease, 'utf8') : '';
  const ids = /^ID(?:_LIKE)?=.*$/gm;
  const words = new Set((text.match(ids) ?? []).flatMap((line) => line.match(/[a-z]+/g) ?? []));
  if (!existsSync('/usr/bin/apt-get')) return undefined;
  if (words.has('ubuntu')) return 'apt:linux-image-generic';
  return words.has('debian') ? `apt:linux-image-${hostArchitecture().names.debian}` : undefined;
}

/** The distribution's own split where the folder has one, the packages themselves where there are several, else everything. */
function findModules(root: string, kernel: readonly string[]): string {
  try {
    const { path } = detectFormat(root);
    return `{ split: ${JSON.stringify(relative(join(root, 'images'), path))}, install: each }`;
  } catch {
    // None, or several: the comment in the file shows how to name one.
  }
  const [first = ''] = kernel;
  const packages = first.includes('*') ? kernelPackagesIn(join(root, 'images', dirname(first))) : [];
  return packages.length > 1 ? '{ split: packages, install: each }' : 'all';
}

const kernelPackagesIn = (folder: string): string[] =>
  namesIn(folder).filter((name) => KERNEL_PACKAGE.test(name) && !NOT_KERNEL.test(name));

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

const filesOf = (kernel: readonly string[], modules: string): Record<string, string> => ({
  'bootgate.yaml': `# This folder's images and scenarios come before those of bootgate itself.
version: 1
`,
  'images/mine.yaml': `# What is tested: bootgate run --image mine. Paths are relative to this file.
version: 1
name: mine
description: Our kernel, as it is shipped.
kernel:
${kernel.map((source) => `  - ${JSON.stringify(source)}\n`).join('')}# A list, a policy, or a split: { split: ../def_variants.yaml, install: each }; \`packages\` takes the package files themselves.
modules: ${modules}
# What this kernel is expected to pass; those tagged quick unless given.
# scenarios: ["storage/*", "network/*", mine/example]
`,
  'scenarios/mine/example.yaml': `# One guest: its devices, and steps in sh that must all succeed. \`bootgate scenarios show\` prints others to copy from.
description: ext4 on a virtio disk keeps what was written to it
disks:
  - { serial: data, bus: virtio-blk, size: 64MiB }
tools: [mkfs.ext4]
steps:
  - name: the file system is made and mounted
    run: |
      fs_make ext4 data
      fs_mount ext4 data
  - name: mounted again, it holds the file
    run: |
      echo "$BOOTGATE_SEED" > /mnt/file
      fs_unmount
      fs_mount ext4 data
      [ "$(cat /mnt/file)" = "$BOOTGATE_SEED" ] || fail 'the file is gone'
`,
  '.github/workflows/bootgate.yml': `name: bootgate
on: [push, pull_request]
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 20 }
      - run: npm install --global bootgate
      - run: bootgate setup
      - run: bootgate gate --image mine
      - if: always()
        uses: actions/upload-artifact@v4
        with: { name: results, path: results/ }
`,
  '.gitlab-ci.yml': `bootgate:
  image: node:20
  script:
    - npm install --global bootgate
    - bootgate setup
    - bootgate gate --image mine
  artifacts:
    when: always
    paths: [results/]
    reports:
      junit: results/*/junit.xml
`,
});
