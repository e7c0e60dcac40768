/** Real guests: the generic Debian kernel under emulation, with a busybox archive that the host's cpio packs. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Cache } from '../cache.js';
import { ConsoleWatch } from '../diagnose/watch.js';
import { exec } from '../exec.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { packageRoot } from '../paths.js';
import { chooseAccelerator } from './accelerator.js';
import { type GuestOptions, runGuest } from './guest.js';
import type { Machine } from './machine.js';
import { readRecording } from './recording.js';

/** What init does, by the word `vmtest=` on the command line. /hello and /shutdown are records as the agent writes them. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for word in $(cat /proc/cmdline); do case $word in vmtest=*) what=\${word#*=};; bootgate.window=*) base=\${word#*=};; esac; done
cat /hello > /dev/ttyS1
case $what in
  talk) seq 1 20000; seq 1 20000 > /dev/ttyS1; poweroff -f;;
  off) cat /shutdown > /dev/ttyS1; poweroff -f;;
  reboot) reboot -f;;
  sleep) exec sleep 99999;;
  flood) while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done;;
  window) echo "window $(dd if=/dev/mem bs=64k iflag=skip_bytes,count_bytes skip=$base count=4194304 2>/dev/null | sha256sum)"; poweroff -f;;
  panic) exit 3;;
esac
`;

const busybox = existsSync('/usr/bin/busybox') ? '/usr/bin/busybox' : '/bin/busybox';
const missing = await Promise.all(
  [
    ['qemu-system-x86_64', '--version'],
    ['setpriv', '--version'],
    ['cpio', '--version'],
    [busybox, 'true'],
  ].map(([program = '', arg = '']) =>
    exec(program, [arg]).then(
      () => [],
      () => [program],
    ),
  ),
).then((lists) => lists.flat());
if (missing.length > 0) t.plan(0, `not installed: ${missing.join(', ')}`);
else await boots();

async function boots(): Promise<void> {
  t.setTimeout(600_000);
  const root = mkdtempSync(join(tmpdir(), 'bootgate-boot-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const cache = new Cache();
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
  const vmlinux = await extractVmlinux(kernel, cache);
  const initramfs = await packArchive(root);
  const machine = (what: string, more: Partial<Machine> = {}): Machine => ({
    arch: 'x86_64',
    cpus: 1,
    memoryMiB: 512,
    boot: 'direct',
    kernel: vmlinux.path,
    initramfs,
    cmdline: `vmtest=${what}`,
    window: null,
    disks: [],
    nics: [],
    ...more,
  });
  let number = 0;
  const options = (what: string, more: Partial<Machine> = {}): GuestOptions => ({
    machine: machine(what, more),
    accelerator: 'tcg',
    folder: join(root, `${++number}-${what}, with a comma`),
    nonce: 'cafe',
    watcher: new ConsoleWatch(),
    stepSeconds: 5,
  });

  await t.test('a guest that powers off, directly and as packaged', async (t) => {
    const phases: string[] = [];
    const direct = options('off');
    const recording = await runGuest({ ...direct, onPhase: (phase) => phases.push(phase) });
    t.same(recording.ending, { kind: 'exit', status: 0, signal: null, shutdown: 'guest-shutdown' });
    t.same(phases, ['kernel', 'init', 'shutdown']);
    t.match(recording.console.toString(), `Linux version ${kernel.release}`);
    t.match(recording.control.toString(), '@bg1 cafe 1 ');
    t.ok(recording.cpuSeconds > 0.3 && recording.cpuSeconds < 2 * recording.seconds + 1, 'CPU time was read');
    t.same(await readRecording(direct.folder), recording);
    t.same(readdirSync(direct.folder).sort(), ['console.log', 'control.log', 'qemu.sh', 'recording.json']);
    await exec('sh', ['-n', join(direct.folder, 'qemu.sh')]);
    const packaged = await runGuest(options('off', { boot: 'packaged', kernel: kernel.vmlinuz }));
    t.match(packaged.ending, { shutdown: 'guest-shutdown' });
    const ratio = packaged.cpuSeconds / recording.cpuSeconds;
    t.comment(
      `CPU seconds: direct ${recording.cpuSeconds}, packaged ${packaged.cpuSeconds}, ratio ${ratio.toFixed(1)}`,
    );
    t.ok(ratio > 1.3, 'the direct boot is much cheaper');
  });

  await t.test('not a byte is lost, on either UART, up to the last', async (t) => {
    const { console, control } = await runGuest(options('talk'));
    const numbers = Array.from({ length: 20000 }, (_, at) => String(at + 1));
    const of = (bytes: Buffer) =>
      bytes
        .toString('latin1')
        .split(/\r?\n/)
        .filter((line) => /^\d+$/.test(line));
    t.strictSame(of(console), numbers);
    t.strictSame(of(control), numbers);
  });

  await t.test('QEMU’s own script boots it too', async (t) => {
    const { folder, ...rest } = options('off');
    await runGuest({ folder, ...rest });
    const { stdout } = await exec(join(folder, 'qemu.sh'), []);
    t.match(stdout, 'Linux version');
  });

  await t.test('panic and reboot are told apart', async (t) => {
    const panic = await runGuest(options('panic'));
    t.match(panic.ending, {
      kind: 'fatal',
      title: 'init died (exitcode=0x00000300)',
    });
    t.match(panic.console.toString(), /Call Trace/, 'the whole report');
    t.match((await runGuest(options('reboot'))).ending, { kind: 'exit', shutdown: 'guest-reset' });
    const noRoot = await runGuest({ ...options('x', { initramfs: '' }) });
    t.match(noRoot.ending, { kind: 'fatal', title: /^no root file system/ });
  });

  await t.test('a hang has its phase, and the registers are kept', async (t) => {
    const hang = options('sleep');
    const recording = await runGuest({ ...hang, timeScale: 0.05 });
    t.match(recording.ending, { kind: 'deadline', phase: 'init' });
    t.match(readFileSync(join(hang.folder, 'registers.txt'), 'utf8'), /RIP=/);
    const examined = readFileSync(join(hang.folder, 'postmortem.txt'), 'utf8');
    t.match(examined, /== sysrq w: blocked tasks\n[\s\S]*Show Blocked State/);
    t.match(examined, /== sysrq l:[\s\S]*NMI backtrace|Show backtrace of all active CPUs/);
    t.match(examined, /== sysrq m:[\s\S]*Mem-Info/);
    t.match(examined, /== sysrq t:[\s\S]*task:sleep/, 'what init became');
    t.notMatch(recording.console.toString(), /Show Blocked State/, 'the verdict is made without it');
    t.ok(recording.cpuSeconds > 0.3);
    t.same(qemusIn(hang.folder), []);
  });

  await t.test('a flood ends, in memory and on disk', async (t) => {
    const flood = options('flood');
    const recording = await runGuest(flood);
    t.match(recording.ending, { kind: 'flood', phase: 'init' });
    t.match(recording.console.toString(), /bytes left out/);
    t.ok(recording.console.length < 1.4 * 1024 * 1024);
    t.equal(statSync(join(flood.folder, 'console.log')).size, recording.console.length);
  });

  await t.test('the module window: the guest reads the host’s bytes', async (t) => {
    const bytes = randomBytes(4 * 1024 * 1024);
    const file = join(root, 'window, 1');
    writeFileSync(file, bytes);
    const { console } = await runGuest(options('window', { window: { file, bytes: bytes.length } }));
    const digest = createHash('sha256').update(bytes).digest('hex');
    t.match(console.toString(), `window ${digest}`);
    t.ok(readFileSync(file).equals(bytes), 'and the file is as it was');
  });

  await t.test('what QEMU cannot start or survive is infra', async (t) => {
    const cut = join(root, 'vmlinux-cut');
    writeFileSync(cut, readFileSync(vmlinux.path).subarray(0, 20_000_000));
    t.match((await runGuest(options('off', { kernel: cut }))).ending, {
      kind: 'infra',
      message: /loading elf kernel/i,
    });
    const none = options('off', { kernel: join(root, 'none') });
    t.match((await runGuest(none)).ending, { kind: 'infra', message: /No such file/ });
    for (const [signal, message] of [
      ['SIGKILL', /killed by SIGKILL/],
      ['SIGTERM', /ended from outside/],
    ] as const) {
      const guest = options('sleep');
      const onPhase = () => void qemusIn(guest.folder).map((pid) => process.kill(pid, signal));
      t.match((await runGuest({ ...guest, onPhase })).ending, { kind: 'infra', message });
    }
  });

  await t.test('a QEMU that somebody stops is seen to stand still', async (t) => {
    const guest = options('sleep');
    const onPhase = () => void qemusIn(guest.folder).map((pid) => process.kill(pid, 'SIGSTOP'));
    const recording = await runGuest({ ...guest, timeScale: 0.02, onPhase });
    t.match(recording.ending, { kind: 'deadline' });
    t.ok((recording.stoodStill ?? 0) >= 0.5, `${recording.stoodStill} s`);
    t.same(qemusIn(guest.folder), [], 'and it is gone all the same');
    t.same(await readRecording(guest.folder), recording);
  });

  await t.test('an interrupt ends the guest in order', async (t) => {
    const guest = options('sleep');
    const abort = new AbortController();
    const onPhase = () => abort.abort(new Error('interrupted'));
    await t.rejects(runGuest({ ...guest, signal: abort.signal, onPhase }), { message: 'interrupted' });
    t.same(qemusIn(guest.folder), [], 'QEMU is gone when it returns');
    await t.rejects(
      runGuest({ ...guest, signal: abort.signal }),
      { message: 'interrupted' },
      'and none is started',
    );
  });

  await t.test('no QEMU survives kill -9 of the harness', async (t) => {
    const guest = options('sleep');
    const script = join(root, 'harness.mjs');
    const module = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
    writeFileSync(
      script,
      `import { runGuest } from ${module('./guest.ts')};
import { ConsoleWatch } from ${module('../diagnose/watch.ts')};
await runGuest({ ...${JSON.stringify(guest)}, watcher: new ConsoleWatch() });
`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: packageRoot,
      stdio: 'inherit',
    });
    t.teardown(() => child.kill('SIGKILL'));
    await until(
      () =>
        existsSync(join(guest.folder, 'console.log')) && statSync(join(guest.folder, 'console.log')).size > 0,
    );
    const [pid] = qemusIn(guest.folder);
    t.ok(pid, 'it runs');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(() => qemusIn(guest.folder).length === 0, 2);
    t.same(qemusIn(guest.folder), [], 'it is gone');
  });

  await t.test('KVM is used only where this kernel is seen to boot under it', async (t) => {
    const context = { kernel, vmlinux, cache: new Cache(join(root, 'cache')) };
    const choice = await chooseAccelerator('auto', context);
    t.comment(choice.reason);
    if (choice.used === 'kvm') {
      t.match((await runGuest({ ...options('off'), accelerator: 'kvm' })).ending, {
        shutdown: 'guest-shutdown',
      });
    } else {
      t.match(choice.reason, /KVM does not work here: ./);
      await t.rejects(chooseAccelerator('kvm', context), { code: 'E_KVM', blame: 'host' });
    }
    const again = performance.now();
    t.same(await chooseAccelerator('auto', context), choice);
    t.ok(performance.now() - again < 500, 'the answer is remembered');
    t.match(await chooseAccelerator('tcg', context), { used: 'tcg', requested: 'tcg' });
  });
}

async function packArchive(root: string): Promise<string> {
  const tree = join(root, 'tree');
  for (const name of ['bin', 'proc', 'dev']) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(busybox, join(tree, 'bin', 'busybox'));
  writeFileSync(join(tree, 'init'), INIT);
  chmodSync(join(tree, 'init'), 0o755);
  for (const [name, seq, text] of [
    ['hello', 1, 'hello channel=uart'],
    ['shutdown', 2, 'phase name=shutdown'],
  ] as const) {
    const { stdout } = await exec('cksum', [], { input: `cafe ${seq} ${text}` });
    writeFileSync(join(tree, name), `\n@bg1 cafe ${seq} ${stdout.split(' ')[0]} ${text}\n`);
  }
  const archive = join(root, 'initramfs.cpio');
  await exec('sh', ['-c', 'find . | cpio -o -H newc --quiet > "$1"', 'sh', archive], { cwd: tree });
  return archive;
}

/** The QEMUs that were started in a folder. */
function qemusIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`) === folder &&
          /qemu/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))
        );
      } catch {
        return false; // It has just ended, or is another user's.
      }
    })
    .map(Number);
}

async function until(holds: () => boolean, seconds = 30): Promise<void> {
  for (const end = performance.now() + seconds * 1000; !holds() && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 50));
}
