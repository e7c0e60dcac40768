/** Programs that look at modules, in a guest whose files come out of the window and in one that has them in its archive. */
import t from 'tap';
import { loadOrder } from '../modules/closure.js';
import { exactSet } from '../modules/set.js';
import { boot, index } from './fixtures/boot.js';

t.setTimeout(1_800_000);

const R = '/lib/modules/$(uname -r)';

/** What programs and people type. zram_missing and softdog are not in the set; ext4 and xfs have soft dependencies. */
const COMMANDS = [
  'modinfo zram',
  'modinfo -F depends xfs',
  'modinfo -F filename zram',
  'modinfo -n loop',
  'modinfo -p zram',
  'modinfo -a -d -l zram loop',
  'modinfo -0 -F alias loop',
  `modinfo ${R}/kernel/drivers/block/zram/zram.ko`,
  'modinfo fs-xfs',
  'modinfo softdog',
  'modinfo unix',
  'modprobe -D zram',
  'modprobe --show-depends xfs',
  'modprobe -n -v dummy',
  'modprobe -nv nft_ct',
  'modprobe -R fs-xfs',
  'modprobe --resolve-alias net-pf-17',
  'modprobe -c | grep -c alias',
  'modprobe -q no_such_thing',
  'modprobe no_such_thing',
  'modprobe -a dummy ifb',
  'modprobe -r dummy',
  'modprobe -av dummy ifb loop',
  'modprobe -va dummy',
  'modprobe --remove dummy ifb',
  'modprobe -a dummy ifb softdog',
  'modprobe dummy ifb -a -r',
  'modprobe -b zram num_devices=1',
  'modprobe -i -v zram',
  'modprobe --first-time zram',
  'modprobe -rv zram',
  'modprobe -f zram',
  'modprobe -s no_such_thing',
  'modprobe --dry-run --verbose xfs',
  'modprobe -C /dev/null loop',
  'modprobe -d / -n -v xfs',
  'modprobe -S 1.2.3 xfs',
  'modprobe --dump-modversions zram',
  'modprobe',
  'modprobe -V',
  'for f in $(modprobe -D btrfs | sed "s/^insmod //"); do insmod "$f" || :; done; grep -c btrfs /proc/filesystems',
  `insmod ${R}/kernel/drivers/net/ifb.ko numifbs=3; ls /sys/class/net | grep -c ifb`,
  `cd ${R}/kernel/drivers/net && rmmod ifb; insmod ./ifb.ko; insmod ifb.ko`,
  `insmod ${R}/kernel/drivers/net/no_such.ko`,
  'insmod',
  'rmmod ifb',
  'rmmod no_such',
  "lsmod | awk '{ print $1, $2, $3 }' | sort",
  'kmod list | sort',
  'kmod static-nodes',
  'kmod static-nodes --format tmpfiles',
  'depmod -n | sha256sum',
  `depmod -n ${'`uname -r`'} | wc -l`,
  'depmod -V',
  `depmod -A; cat ${R}/modules.dep`,
  `find /lib/modules -name 'zram.ko*'`,
  `find ${R}/ -type f | sort`,
  `find ${R}/ -name '*.ko' -size +100k | sort`,
  `find / -xdev -name 'xfs.ko*'`,
  `ls ${R}`,
  `ls -R ${R}/kernel | sort`,
  `stat -c '%n %s %F' ${R}/kernel/fs/xfs/xfs.ko ${R}/modules.*`,
  `cat ${R}/modules.dep ${R}/modules.softdep ${R}/modules.devname`,
  `grep zram ${R}/modules.order`,
  `wc -l ${R}/modules.alias ${R}/modules.symbols`,
  `cat ${R}/modules.builtin.modinfo | tr '\\0' '\\n' | wc -l`,
  `sha256sum ${R}/kernel/drivers/block/zram/zram.ko`,
  `[ -s ${R}/kernel/fs/xfs/xfs.ko ] && [ -f ${R}/kernel/drivers/net/dummy.ko ]`,
  `[ -d ${R}/kernel/fs ]`,
  'losetup -f',
  'for n in fuse btrfs-control loop-control; do [ -c /dev/$n ] && : < /dev/$n && echo $n; done',
  'find /dev -type c | grep -e fuse -e control -e tun | sort',
];

/** Numbered, to the console: what is long, by its sum. */
const script = (commands: readonly string[], first: number) =>
  `set +e\n${commands
    .map((command, at) =>
      [
        `( ${command}\n) > /tmp/out 2>&1 < /dev/null`,
        'status=$?',
        'sum=$(sha256sum < /tmp/out)',
        // printk may stand between two of these lines, never within one that is written at once.
        `{ echo; echo "cmp| ${first + at} status $status \${sum%% *}"; head -c 1500 /tmp/out | tr -c ' -~\\n' '?' | sed 's/^/cmp| ${first + at} /'; echo; } > /tmp/line; cat /tmp/line > /dev/console`,
      ].join('\n'),
    )
    .join('\n')}`;

function said(console: Buffer): string[][] {
  const lines = console.toString('latin1').replaceAll('\r', '').split('\n');
  return COMMANDS.map((_, at) =>
    lines.filter((line) => line.startsWith(`cmp| ${at} `)).map((line) => line.slice(`cmp| ${at} `.length)),
  );
}

const wanted = [
  'zram',
  'xfs',
  'btrfs',
  'dummy',
  'ifb',
  'loop',
  'fuse',
  'tun',
  'nft_ct',
  'ext4',
  'af_packet',
  'vfat',
  'nls_ascii',
];
const set = exactSet(
  index,
  wanted.flatMap((name) =>
    loadOrder(index, name).flatMap((step) => (step.kind === 'insmod' ? [step.module.name] : [])),
  ),
  'modules to look at',
);

t.test('a guest with a window is like one with the files in its archive', async (t) => {
  const half = Math.ceil(COMMANDS.length / 2);
  const run = {
    // Each is a step of its own that looks at files or does not: the second begins with what the first has loaded.
    one: script(COMMANDS.slice(0, half), 0),
    two: script(COMMANDS.slice(half), half),
  };
  const steps = Object.entries(run).map(([name, run]) => ({ name, run, timeout: 300 }));
  const booted = [];
  for (const delivery of ['archive', 'window'] as const)
    booted.push(await boot(t.testdir(), run, { delivery, set, steps, memoryMiB: 768 }));
  const [archive, window] = booted.map(({ recording }) => said(recording.console));
  t.ok(COMMANDS.length >= 40);
  for (const [at, command] of COMMANDS.entries()) {
    t.match(archive?.[at]?.[0], /^status \d/, `${command} was run`);
    t.same(window?.[at], archive?.[at], command);
  }
  const text = (command: string) => (window?.[COMMANDS.indexOf(command)] ?? []).join('\n');
  t.match(
    text('modinfo zram'),
    /^status 0 .*\n(?:.*\n)*filename: +\/lib\/modules\/.*zram\.ko\n(?:.*\n)*description:/,
  );
  t.match(text(`find /lib/modules -name 'zram.ko*'`), /zram\.ko$/);
  t.match(text('losetup -f'), /\/dev\/loop0/);
  t.match(
    text('for n in fuse btrfs-control loop-control; do [ -c /dev/$n ] && : < /dev/$n && echo $n; done'),
    /^status 0/,
  );
  // One of three is missing, and only that one is said to be.
  const requests =
    booted[1]?.report.requests.filter(({ status }) => status !== 0).map(({ name }) => name) ?? [];
  t.ok(requests.includes('softdog'), requests.join());
  t.notOk(requests.includes('dummy') || requests.includes('ifb'), requests.join());
});

t.test('with the full module tree', async (t) => {
  const { report, recording } = await boot(
    t.testdir(),
    {},
    {
      tools: ['iptables'],
      steps: [
        {
          name: 'kmod',
          timeout: 60,
          run: 'modinfo zram | grep -q description; modprobe -av dummy ifb; for file in $(modprobe -D zram | cut -d " " -f 2); do insmod "$file"; done; grep -q "^zram " /proc/modules',
        },
        {
          name: 'files',
          timeout: 120,
          run: `find /lib/modules -name 'zram.ko*' | grep -q zram; grep -q zram ${R}/modules.order
          [ "$(find ${R}/kernel -name '*.ko' -size +0 | wc -l)" = ${index.modules.size} ]`,
        },
        {
          name: 'nodes',
          timeout: 60,
          run: 'losetup -f; : < /dev/fuse; : < /dev/btrfs-control; grep -q btrfs /proc/modules',
        },
        {
          name: 'iptables',
          timeout: 120,
          run: `iptables -w -A INPUT -m addrtype --dst-type LOCAL -j ACCEPT
          iptables -w -A INPUT -m recent --name x --set
          iptables -w -A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-name y -j DROP
          iptables -w -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
          iptables -w -t mangle -A PREROUTING -m rpfilter -j ACCEPT
          iptables -w -t mangle -A PREROUTING -j CONNMARK --restore-mark`,
        },
      ],
    },
  );
  t.same(
    report.steps.map(({ name, ok, output }) => (ok ? name : `${name}: ${output}`)),
    ['kmod', 'files', 'nodes', 'iptables'],
    recording.console.toString('latin1').slice(-3000),
  );
});
