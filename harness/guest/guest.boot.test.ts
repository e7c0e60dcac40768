/** Real guests with steps that misbehave: whatever they do, the report is the agent's own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { exactSet } from '../modules/set.js';
import { boot, index, NONCE } from './fixtures/boot.js';

t.setTimeout(900_000);

const HOSTILE = {
  'what it prints and writes is no record': `
    for to in /dev/ttyS0 /dev/console /dev/kmsg; do
      printf '\\n@bg2 999 ${NONCE} end records=999\\n' > $to
      printf '\\n@bg1 0123 4 5 step-end name=x status=0\\n' > $to
    done
    echo "@bg1 ${NONCE} 5 1 end records=5"
    printf '\\n@bg2 ' > /dev/console`,
  'it finds no nonce': `
    [ ! -e /dev/ttyS1 ] || fail 'the control UART has a node'
    if env | grep ${NONCE}; then fail 'the environment has it'; fi
    if find /bootgate /run /tmp /etc -type f | xargs grep -l ${NONCE}$; then fail 'a file has it'; fi
    # By way of a file: a pipe between the two would be found itself.
    ls -l /proc/self/fd > /tmp/descriptors
    if grep -e pipe -e fifo -e ttyS1 -e /run/bootgate/fetch -e 'orders\\|answers\\|launch' /tmp/descriptors
    then fail 'a way to the recorder is open'; fi
    [ "$BOOTGATE_SEED" = seed ]`,
  'what it leaves running is no matter': 'setsid sleep 1000 & sleep 1000 & echo left',
  'a flood of output ends with the room for it':
    "{ yes 'over and over' | head -c 9000000; } 2> /dev/null || :",
  'requests at once all get whole files': `
    for n in 1 2 3 4 5 6; do modprobe nft_ct & modprobe loop & done
    wait
    modprobe -q no_such_module || :
    [ -e /sys/module/nft_ct ] && [ -e /sys/module/loop ]`,
};

t.test('hostile steps change nothing, on a channel of its own', async (t) => {
  const { recording, report } = await boot(
    t.testdir(),
    { ...HOSTILE, 'it does not end': "trap '' TERM; sleep 1000", after: 'true' },
    {
      steps: [
        ...Object.entries(HOSTILE).map(([name, run]) => ({ name, run, timeout: 30 })),
        { name: 'it does not end', run: "trap '' TERM; sleep 1000", timeout: 2 },
        { name: 'never begun', run: 'true', timeout: 2 },
      ],
    },
  );
  t.match(recording.ending, { kind: 'exit' });
  t.same(
    report.steps.map(({ name, ok }) => [name, ok]),
    [...Object.keys(HOSTILE).map((name) => [name, true]), ['it does not end', false]],
    JSON.stringify(report.steps),
  );
  const last = report.steps.at(-1);
  t.match(last, { timedOut: true });
  t.ok(last && last.seconds >= 2 && last.seconds < 6, `ended by its limit after ${last?.seconds} s`);
  t.match(report, { hello: true, ended: true, missing: 0, unfinishedStep: null, notRun: ['never begun'] });
  t.ok(report.rejected >= 5, `${report.rejected} forged lines were seen and rejected`);
  const unanswered = report.requests.filter(({ status }) => status !== 0);
  t.same(
    unanswered.filter(({ step }) => step !== '').map(({ name }) => name),
    ['no_such_module'],
  );
  // Before the first step only a driver of the CPU's own ciphers (aesni_intel) asks for what no module answers by name.
  for (const { name } of unanswered.filter(({ step }) => step === ''))
    t.match(name, /^crypto-cryptd\(|^crypto-ghash-clmulni/);
  t.equal(report.requests.filter(({ name }) => name === 'nft_ct').length, 6);
  t.same(report.steps[2]?.output, 'left\n');
  t.ok(report.modulesLoaded.some(({ name }) => name === 'nf_tables'));
});

t.test('without a second UART the records come over the kernel log', async (t) => {
  const { recording, report } = await boot(
    t.testdir(),
    { one: HOSTILE['what it prints and writes is no record'], two: 'modprobe loop; echo loaded' },
    { cmdline: 'bootgate.control=none' },
  );
  t.notMatch(recording.control.toString('latin1'), 'hello');
  t.match(report, {
    hello: true,
    ended: true,
    missing: 0,
    steps: [{ ok: true }, { ok: true, output: 'loaded\n' }],
  });
});

t.test('a step that silences the kernel does so for itself alone, and flags outlive it', async (t) => {
  const { report, judgement } = await boot(t.testdir(), {
    silence: `dmesg -n 1; echo N > /sys/module/printk/parameters/time; cat /proc/sys/kernel/printk
      grep -q '^1' /proc/sys/kernel/printk
      grep -q N /sys/module/printk/parameters/time
      # As an oops sets it (TAINT_DIE).
      echo 128 > /proc/sys/kernel/tainted`,
    after: `cat /proc/sys/kernel/printk
      ! grep -q '^1' /proc/sys/kernel/printk || exit 1
      grep -q Y /sys/module/printk/parameters/time
      echo 0 > /proc/sys/kernel/tainted`,
  });
  t.match(
    report,
    { ended: true, missing: 0, taint: 128, steps: [{ ok: true }, { ok: true }] },
    JSON.stringify(report.steps),
  );
  t.match(judgement, { verdict: 'crash', reason: /an oops \(its taint flags say so\)/ });
});

t.test('module files in the archive do as well', async (t) => {
  const { report } = await boot(
    t.testdir(),
    { one: 'modprobe loop; [ -e /sys/module/loop ]', two: 'modprobe xfs' },
    { delivery: 'archive', set: exactSet(index, ['loop'], 'loop alone') },
  );
  t.match(report, {
    ended: true,
    steps: [{ ok: true }, { ok: false, output: /xfs not found/ }],
    requests: [
      { name: 'loop', status: 0 },
      { name: 'xfs', status: 1 },
    ],
  });
});

/** Guest uptime at the beginning of each phase. */
function phasesOf(control: Buffer): Record<string, number> {
  const records = control.toString('latin1').matchAll(/ phase name=(\w+) up=([\d.]+)/g);
  return Object.fromEntries([...records].map(([, name, up]) => [name, Number(up)]));
}

t.test('a disk that cannot come is not waited for', async (t) => {
  const { report, recording } = await boot(
    t.testdir(),
    { one: 'need_disk data' },
    { disks: [{ serial: 'data', bus: 'virtio-blk', sizeMiB: 16, verifyPattern: false }] },
  );
  t.match(report, { ended: true, devices: [{ id: 'data', node: '' }], steps: [{ ok: false }] });
  const { devices = 0, steps = 99 } = phasesOf(recording.control);
  // It was four whole seconds, however idle the guest.
  t.ok(steps - devices < 3, `${(steps - devices).toFixed(2)} s in the phase devices`);
});

t.test('disks of every bus come on a host that is busy', async (t) => {
  const folder = t.testdir();
  const buses = ['virtio-blk', 'virtio-scsi', 'nvme', 'ahci'] as const;
  const files = buses.map((bus) => ({ serial: bus, bus, file: join(folder, `${bus}.img`) }));
  for (const { file } of files) writeFileSync(file, Buffer.alloc(16 << 20));
  const loads = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    const { report } = await boot(
      folder,
      { all: buses.map((bus) => `need_disk ${bus}`).join('\n') },
      {
        disks: buses.map((bus) => ({ serial: bus, bus, sizeMiB: 16, verifyPattern: false })),
        diskFiles: files,
      },
    );
    t.match(report, { ended: true, steps: [{ ok: true }] }, JSON.stringify(report.devices));
  } finally {
    for (const load of loads) load.kill('SIGKILL');
  }
});
