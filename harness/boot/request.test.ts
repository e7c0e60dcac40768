import { spawnSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { digestOf, digestOfFile } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { writeCpio } from '../initramfs/cpio.js';
import type { Segment } from '../initramfs/initramfs.js';
import { packageRoot } from '../paths.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { qemuArgv } from '../vm/argv.js';
import { DISK_BUSES, diskRow, NIC_MODELS } from '../vm/devices/index.js';
import type { GuestReport } from '../vm/records.js';
import { modulesBeingLoaded, nameLastWords } from './last-words.js';
import { readLeft } from './left.js';
import { LocalFiles } from './local-files.js';
import { machineOf, materialise } from './materialise.js';
import { memoryFor } from './memory.js';
import { parseRequest, requestOf } from './request.js';
import { checkShares, makeShares } from './shares.js';

/** Buses of which any board can have any number. */
const ANYWHERE = DISK_BUSES.filter((bus) => !diskRow(bus)?.boards && !diskRow(bus)?.most);

const folder = mkdtempSync(join(tmpdir(), 'bootgate-request-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
let scratches = 0;
const scratch = () => {
  const path = join(folder, `scratch-${++scratches}`);
  mkdirSync(path);
  return path;
};

const MODULES = ['ext4', 'jbd2', 'virtio_blk'];
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  name: fc.constantFrom('storage/a', 'network/b-c'),
  area: fc.constant('storage'),
  description: fc.string(),
  file: fc.constantFrom(join(packageRoot, 'scenarios', 'storage', 'a.yaml'), 'mine/a.yaml'),
  line: fc.nat(),
  cpus: fc.integer({ min: 1, max: 8 }),
  memoryMiB: fc.integer({ min: 320, max: 4096 }),
  boot: fc.constantFrom('direct' as const, 'packaged' as const),
  disks: fc.uniqueArray(
    fc.record({
      serial: fc.stringMatching(/^[A-Za-z0-9-]{1,20}$/),
      bus: fc.constantFrom(...ANYWHERE),
      sizeMiB: fc.integer({ min: 1, max: 64 }),
      verifyPattern: fc.boolean(),
    }),
    { maxLength: 4, selector: ({ serial }) => serial.toLowerCase() },
  ),
  nics: fc.uniqueArray(
    fc.record({
      model: fc.constantFrom(...NIC_MODELS),
      mac: hex(2).map((last) => `52:54:00:00:00:${last}`),
      farEnd: fc.boolean(),
    }),
    { maxLength: 3, selector: ({ mac }) => mac },
  ),
  shares: fc.constantFrom([], [{ tag: 'host' }]),
  tools: fc.subarray(['ext4', 'iptables']),
  cmdline: fc.constantFrom('', 'quiet', 'a="b c" d'),
  steps: fc.array(
    fc.record({ name: fc.stringMatching(/^[a-z ]{1,20}$/), run: fc.string(), timeout: fc.nat(100) }),
    {
      maxLength: 3,
    },
  ),
});

t.test('a request is plain JSON: read back, it makes the same initramfs and the same machine', async (t) => {
  const userland = join(folder, 'userland.cpio');
  await writeCpio([{ path: 'bin/x', type: 'file', data: Buffer.from('x') }], userland);
  const kernel = { release: '6.1', arch: 'x86_64', digest: 'sha256:k', vmlinuz: '/secret/path/vmlinuz' };
  let written = 0;
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      hex(16),
      hex(16),
      fc.boolean(),
      fc.constantFrom(null, 1),
      async (...given) => {
        const [scenario, nonce, seed, whole, pvhEntry] = given;
        const names = whole ? MODULES : MODULES.slice(1);
        const prepared = {
          kernel,
          vmlinux: { path: '/secret/path/vmlinux', pvhEntry },
          index: { digest: 'sha256:t', modules: new Map(MODULES.map((name) => [name, {}])) },
          set: { names, digest: 'sha256:s', bytes: 100 },
          delivery: 'window',
        } as unknown as PreparedImage;
        const here = scratch();
        const path = join(here, 'own.cpio');
        const own: Segment = {
          kind: 'scenario',
          path,
          ...(await writeCpio(scenarioEntries(scenario, { nonce, seed }), path)),
        };
        const base: Segment = {
          kind: 'userland',
          path: userland,
          bytes: 512,
          digest: await digestOfFile(userland),
        };
        const built = {
          segments: [base, own],
          bytes: 1,
          digest: digestOf(base.digest, own.digest),
          buildMs: 1,
          window: { file: '/secret/path/window', bytes: 2 << 20 },
        };
        const files = new LocalFiles();
        const request = requestOf(prepared, scenario, { nonce, seed }, built, files);
        const text = JSON.stringify(request);
        if (/secret|buildMs/.test(text) || text.includes(packageRoot)) throw new Error('a path of this host');
        const again = parseRequest(text, 'here');
        t.strictSame(JSON.parse(JSON.stringify(again)), JSON.parse(text));

        // Elsewhere nobody has the scenario's own segment.
        const other = new LocalFiles();
        other.add(base.digest, userland);
        other.add(request.kernel.content, files.path(request.kernel.content));
        if (request.window) other.add(request.window.content, files.path(request.window.content));
        const undo: (() => Promise<unknown>)[] = [];
        const there = scratch();
        const machine = await materialise(again, other, there, undo);
        for (const step of undo) await step();
        const archive = readFileSync(join(there, 'initramfs.cpio'));
        t.ok(archive.equals(Buffer.concat([readFileSync(userland), readFileSync(path)])), 'the same archive');
        written++;

        const places = {
          kernel: '/k',
          initramfs: '/i',
          window: '/w',
          disks: new Map(scenario.disks.map(({ serial }) => [serial, `/d/${serial}`])),
          farEnds: new Map(scenario.nics.filter(({ farEnd }) => farEnd).map(({ mac }) => [mac, 1234])),
          shares: (scenario.shares ?? []).map(({ tag }) => ({ tag, folder: '/s' })),
        };
        const launch = {
          accelerator: 'tcg' as const,
          firmware: null,
          console: { backend: 'stdio' as const },
          control: { backend: 'null' as const },
          qmp: null,
        };
        t.strictSame(
          qemuArgv(machineOf(again, places), launch),
          qemuArgv(machineOf(request, places), launch),
        );
        t.equal(machine.disks.length, scenario.disks.length);
        t.equal(machine.nics.filter(({ farEndPort }) => farEndPort !== null).length, places.farEnds.size);
      },
    ),
    { numRuns: 40 },
  );
  t.ok(written >= 40);
});

t.test('a request of another version, or none, is refused with its place', async (t) => {
  for (const text of ['', 'null', '[]', '{"scenario":{}}', '{"schema":"bootgate/boot@0"}'])
    t.throws(() => parseRequest(text, 'x/recipe.json'), {
      code: 'E_RECIPE',
      blame: 'user',
      message: /x\/recipe\.json/,
    });
  t.throws(() => new LocalFiles().path('sha256:x'), { code: 'E_CONTENT', blame: 'host' });
});

t.test('an archive with the modules in it gets the memory that it needs', async (t) => {
  const MIB = 1024 * 1024;
  const of = (delivery: 'window' | 'archive', mib: number, memoryMiB = 512) =>
    memoryFor({ memoryMiB }, { delivery, set: { bytes: mib * MIB }, kernel: { arch: 'x86_64' } });
  t.equal(of('window', 400), 512, 'the window costs none');
  t.equal(of('window', 400, 256), 320, 'but it has a least memory, and a run does not end for it');
  t.equal(of('archive', 20), 512, 'a small set fits as declared');
  const whole = of('archive', 400);
  t.ok(whole >= 3 * 400 + 128, `${whole} MiB for 400 MiB`);
  t.ok(of('archive', 401) >= whole);
});

t.test('what a guest left is read as a plain file of its own, or not at all', async (t) => {
  const scenario = { shares: [{ tag: 'host' }] } as Scenario;
  const check = async (leave: (share: string) => unknown) => {
    const [share] = await makeShares(scenario, scratch(), 'seed');
    if (!share) throw new Error('no share');
    leave(share.folder);
    const started = performance.now();
    const [checked] = await checkShares([share], 'seed');
    t.ok(performance.now() - started < 1000, 'at once');
    return checked?.check.ok ? 'ok' : checked?.check.message;
  };
  const from = 'from-guest';
  t.equal(await check((share) => writeFileSync(join(share, from), 'bootgate seed\n')), 'ok');
  t.match(await check(() => {}), /is not there/);
  t.match(
    await check((share) => writeFileSync(join(share, from), 'bootgate other\n')),
    /differs from what the guest wrote/,
  );
  t.match(await check((share) => symlinkSync('from-host', join(share, from))), /is a link/);
  t.match(await check((share) => symlinkSync('/dev/zero', join(share, from))), /is a link/);
  t.match(await check((share) => symlinkSync('/dev/stdin', join(share, from))), /is a link/);
  t.match(await check((share) => spawnSync('mkfifo', [join(share, from)])), /not a regular file/);
  t.match(await check((share) => mkdirSync(join(share, from))), /not a regular file/);
  t.match(await check((share) => linkSync(join(share, 'from-host'), join(share, from))), /hard link/);
  t.match(
    await check((share) => renameSync(join(share, 'from-host'), join(share, from))),
    /from-host is missing/,
  );
  t.match(await check((share) => writeFileSync(join(share, from), Buffer.alloc(1 << 20))), /larger than/);
  const file = join(folder, 'left');
  writeFileSync(file, 'abc');
  t.same(await readLeft(file, 3), { bytes: Buffer.from('abc') });
  t.match(await readLeft(file, 2), { refused: /larger/ });
});

t.test('the module being loaded is named by the stack of whoever loads it', async (t) => {
  const stack = (frames: string) => `task:modprobe  state:D\nCall Trace:\n <TASK>\n${frames} </TASK>\n`;
  const init =
    ' schedule+0x5d/0xe0\n msleep+0x29/0x40\n ? 0xffffffffc0a0f000\n slow_init+0x2a/0x1000 [slow]\n ? old+0x1/0x2\n do_one_initcall+0x56/0x230\n do_init_module+0x4a/0x1f0\n';
  t.same(modulesBeingLoaded(stack(init)), ['slow']);
  t.same(modulesBeingLoaded(stack(init) + stack(init)), ['slow'], 'once');
  t.same(
    modulesBeingLoaded(stack(' read+0x1/0x2 [ext4]\n do_syscall_64+0x1/0x2\n')),
    [],
    'that one is loaded',
  );
  const folder = scratch();
  const report = { unfinishedStep: 'it waits' } as GuestReport;
  await nameLastWords(folder, report);
  writeFileSync(join(folder, 'postmortem.txt'), stack(init));
  await nameLastWords(folder, report);
  t.match(
    readFileSync(join(folder, 'postmortem.txt'), 'utf8'),
    /^last open step: it waits\nbeing loaded: slow\n\ntask:/,
  );
});
