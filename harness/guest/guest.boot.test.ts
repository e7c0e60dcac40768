/** Real guests with steps that misbehave: whatever they do, the report is the agent's own. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Cache } from '../cache.js';
import { assemble, buildInitramfs } from '../initramfs/build.js';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleSet } from '../modules/module.js';
import { exactSet, wholeTree } from '../modules/set.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { runGuest } from '../vm/guest.js';
import { readReport } from '../vm/records.js';

const cache = new Cache();
const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
const vmlinux = await extractVmlinux(kernel, cache);
const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
t.setTimeout(600_000);

const NONCE = '0123456789abcdef';

/** Boots steps under emulation, and reads the report. */
async function boot(
  t: Test,
  run: Record<string, string>,
  more: Partial<Scenario> & { delivery?: ModuleDelivery; set?: ModuleSet } = {},
) {
  const { delivery = 'window', set = wholeTree(index), ...changes } = more;
  const folder = t.testdir();
  const scenario: Scenario = {
    name: 'test/steps',
    area: 'test',
    description: '',
    file: '',
    line: 1,
    cpus: 1,
    memoryMiB: 512,
    boot: 'direct',
    disks: [],
    nics: [],
    tools: [],
    cmdline: '',
    steps: Object.entries(run).map(([name, run]) => ({ name, run, timeout: 15 })),
    ...changes,
  };
  const initramfs = await buildInitramfs({
    set,
    tools: [],
    scenarioEntries: scenarioEntries(scenario, { nonce: NONCE, seed: 'seed' }),
    delivery,
    cache,
  });
  const archive = join(folder, 'initramfs.cpio');
  await assemble(initramfs.segments, archive);
  const { arch } = kernel;
  const { boot, cpus, memoryMiB, cmdline } = scenario;
  const recording = await runGuest({
    machine: {
      arch,
      cpus,
      memoryMiB,
      boot,
      kernel: vmlinux.path,
      initramfs: archive,
      cmdline,
      window: initramfs.window,
      disks: [],
      nics: [],
    },
    accelerator: 'tcg',
    folder,
    nonce: NONCE,
    stepSeconds: 15 * scenario.steps.length,
  });
  return { recording, report: readReport(NONCE, recording.control, recording.console) };
}

const HOSTILE = {
  'what it prints and writes is no record': `
    for to in /dev/ttyS1 /dev/console /dev/kmsg; do
      printf '\\n@bg1 ${NONCE} 999 123 end records=999\\n' > $to
      printf '\\n@bg1 0123 4 5 step-end name=x status=0\\n' > $to
    done
    echo "@bg1 ${NONCE} 5 1 end records=5"
    printf '\\n@bg1 ' > /dev/ttyS1`,
  'it finds no nonce': `
    if env | grep ${NONCE}; then fail 'the environment has it'; fi
    if grep -rl ${NONCE}$ /bootgate /run /tmp /etc; then fail 'a file has it'; fi
    # By way of a file: a pipe between the two would be found itself.
    ls -l /proc/self/fd > /tmp/descriptors
    if grep -e pipe -e fifo -e ttyS1 -e /run/bootgate/orders -e /run/bootgate/answers /tmp/descriptors
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
    t,
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
  t.same(
    report.requests.filter(({ status }) => status !== 0).map(({ name }) => name),
    ['no_such_module'],
  );
  t.equal(report.requests.filter(({ name }) => name === 'nft_ct').length, 6);
  t.same(report.steps[2]?.output, 'left\n');
  t.ok(report.modulesLoaded.some(({ name }) => name === 'nf_tables'));
});

t.test('without a second UART the records come over the kernel log', async (t) => {
  const { recording, report } = await boot(
    t,
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

t.test('module files in the archive do as well', async (t) => {
  const { report } = await boot(
    t,
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
