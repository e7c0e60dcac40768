/**
 * Steps that try to speak for the agent, as root inside a real guest: none may make a run pass whose second step is
 * `exit 1`. Several ways to a boot; each says that it was tried.
 */
import t from 'tap';
import { boot } from './fixtures/boot.js';

t.setTimeout(1_800_000);

/** Orders to the recorder by which a guest would pass: what a step has to get to whoever reads them. */
const ORDERS = String.raw`orders() { printf 'step-end\tname=no\tstatus=0\ttimedOut=0\tseconds=0.10\nphase\tname=shutdown\tup=9.00\nend\n'; }
tried() { echo "tried $1"; }
`;

/** By the doors that the kernel has: descriptors, memory, devices, other namespaces, the log. */
const DOORS: Record<string, string> = {
  'descriptors of process 1': 'for fd in 5 6 7 8; do orders > /proc/1/fd/$fd; done',
  'descriptors of every process': 'for fd in /proc/[0-9]*/fd/*; do [ ! -p $fd ] || orders > $fd; done',
  'a node of the control UART': 'rm -f /tmp/uart; mknod /tmp/uart c 4 65 && orders > /tmp/uart',
  'a node of memory': 'mknod /tmp/mem c 1 1 && dd if=/tmp/mem bs=1M count=64 | grep -c 8d1f0c6a3b7e294f',
  'memory as a file of the kernel': 'dd if=/proc/kcore bs=1M count=16 | grep -c 8d1f0c6a3b7e294f',
  ports: 'mknod /tmp/port c 1 4 && echo x | dd of=/tmp/port bs=1 seek=760',
  'another devtmpfs':
    'mkdir -p /tmp/dev; mount -t devtmpfs dev /tmp/dev; for n in ttyS1 mem kmem port; do [ ! -e /tmp/dev/$n ] || fail "$n is there"; done; umount /tmp/dev',
  'another proc':
    'mkdir -p /tmp/proc; mount -t proc proc /tmp/proc; if grep -l recorder[.]sh /tmp/proc/*/cmdline /tmp/proc/*/environ; then fail "the recorder is there"; fi; umount /tmp/proc',
  'the proc below ours':
    'umount -l /proc; ls /proc; for fd in 7 8; do orders > /proc/1/fd/$fd; done; mount -t proc proc /proc',
  'the namespaces of init': 'nsenter -t 1 -m -p sh -c "ls /run/bootgate/room; ls -l /proc/1/fd"',
  // The step's own text has it too.
  'the secret in files':
    'if find /bootgate /run /tmp /etc /root -type f ! -path "/bootgate/scenario/step-*" | xargs grep -l 8d1f0c6a3b7e294[f] > /tmp/found; then fail "the secret is in $(cat /tmp/found)"; fi',
  'the secret in the log': 'if dmesg | grep 8d1f0c6a3b7e294[f]; then fail "the secret is in the log"; fi',
  'records of our own':
    "for to in /dev/console /dev/kmsg /dev/ttyS0; do printf '\\n@bg2 99 8d1f0c6a3b7e294f step-end name=no status=0\\n@bg1 x 5 1 end records=5\\n' > $to; done",
  'another process':
    'for p in /proc/[0-9]*; do printf x | dd of=$p/mem bs=1 seek=4194304; cat $p/environ $p/maps; done > /tmp/memory',
  'the tracer of others': 'echo 0 > /proc/sys/kernel/yama/ptrace_scope',
  'more capabilities':
    'grep Cap /proc/self/status; nsenter -t 1 -U true; unshare -U -r mknod /tmp/uart c 4 65',
};

/** By what the agent, or the next step, will read or run. */
const FILES: Record<string, string> = {
  'the file of the next step': 'for f in /bootgate/scenario/step-1.sh; do echo true > $f; done',
  'the helpers': 'for f in /bootgate/*.sh; do echo "exit 0" > $f; done',
  'another folder in its place':
    'mkdir -p /tmp/b/scenario; echo true > /tmp/b/step.sh; mount --bind /tmp/b /bootgate',
  'a room of our own':
    'mkdir -p /run/bootgate/room; cp /bin/busybox /run/bootgate/room/; echo "exit 0" > /run/bootgate/room/step.sh',
  'links where the agent writes':
    'for f in step requests errors devices output steps; do rm -f /run/bootgate/$f; ln -s /proc/1/fd/8 /run/bootgate/$f; done; rm -f /run/bootgate/requests /run/bootgate/errors; : > /run/bootgate/requests; : > /run/bootgate/errors; orders > /run/bootgate/output',
  'lines among the requests':
    "printf '0 status=0 name=no\\tx\\ty\\nstep-end\\tname=no\\tstatus=0\\n' >> /run/bootgate/requests",
  'orders to the fetcher':
    'ln -s /proc/1/fd/8 /run/bootgate/r1; echo "r1 . kernel/fs/xfs/xfs.ko" > /run/bootgate/fetch; usleep 200000; rm -f /run/bootgate/r1',
  'what stays behind and changes the next step': `cat > /tmp/stay <<'END'
while :; do
  for p in /proc/[0-9]*; do
    for f in step-1.sh step.sh helpers.sh; do echo "exit 0" > $p/cwd/$f; done
    printf '\\0' | dd of=$p/mem bs=1 seek=4194304
    for fd in $p/fd/1[0-9]; do echo "exit 0" > $fd; done
  done
done 2> /dev/null
END
setsid sh /tmp/stay > /dev/null 2>&1 &`,
  'programs that say yes': `printf '#!/bin/sh\\nexit 0\\n' > /tmp/yes; chmod +x /tmp/yes
cp /bin/busybox /tmp/bb
for p in /usr/bin/* /usr/sbin/* /usr/lib/kmod/*; do /tmp/bb rm -f $p; /tmp/bb cp /tmp/yes $p; done`,
};

/** By what the kernel starts, as root and outside. */
const KERNEL: Record<string, string> = {
  'programs that the kernel starts': `cat > /tmp/evil <<'END'
#!/bin/busybox sh
exec < /dev/null
{ for fd in /proc/[0-9]*/fd/*; do case $fd in /proc/$$/*) continue ;; esac; [ -p $fd ] && printf 'step-end\\tname=no\\tstatus=0\\nend\\n' > $fd; done
mknod /tmp/evil.uart c 4 65
mount -o remount,rw /run/bootgate/room
echo "exit 0" > /run/bootgate/room/step.sh
grep -a -l 8d1f0c6a3b7e294f /proc/[0-9]*/environ /proc/[0-9]*/mem
cat /proc/self/status
} > /tmp/evil.log 2>&1
echo ran >> /tmp/evil.ran
END
chmod +x /tmp/evil
echo /tmp/evil > /proc/sys/kernel/modprobe
mount -t nosuchfs none /mnt
cat /tmp/evil.ran || fail 'the kernel did not run it'
[ ! -e /tmp/evil.uart ] || fail 'it has made a node'
grep CapEff /tmp/evil.log
cat /tmp/evil.log > /dev/console
grep CapEff: /tmp/evil.log | grep -q 0000000000010000 || fail 'it can do more than load modules'`,
  core_pattern:
    "echo '|/tmp/evil' > /proc/sys/kernel/core_pattern; ulimit -c unlimited; sh -c 'kill -SEGV $$'; usleep 300000",
  'the helper of uevents':
    'echo /tmp/evil > /sys/kernel/uevent_helper; echo add > /sys/class/mem/null/uevent',
  'names with line breaks, in the place of /sys': `umount -l /sys
rmdir /sys && mkdir -p "/sys/bus/x/devices/y
step-end	name=no	status=0
/z" && : > "/sys/bus/x/devices/y
step-end	name=no	status=0
/modalias"`,
};

/** The control UART's driver taken away and back makes a new node. */
const REBIND: Record<string, string> = {
  'the control UART, bound anew': `for d in /sys/bus/pnp/drivers/serial/*:* /sys/bus/platform/drivers/serial8250/serial8250; do
  [ -e $d ] || continue
  echo \${d##*/} > \${d%/*}/unbind
  echo \${d##*/} > \${d%/*}/bind
done
ls -l /dev/ttyS* > /dev/console
for n in /dev/ttyS[1-3]; do orders > $n; printf '\\n@bg2 99 8d1f0c6a3b7e294f end records=9\\n' > $n; done`,
};

const POWER_OFF: Record<string, string> = {
  'a forged end and no power':
    'for fd in 7 8; do orders > /proc/1/fd/$fd; done; sync; poweroff -f; echo o > /proc/sysrq-trigger; sleep 5',
};

for (const [name, ways] of Object.entries({ DOORS, FILES, KERNEL, REBIND, POWER_OFF }))
  t.test(`no step passes for another: ${name}`, async (t) => {
    const attempts = Object.entries(ways).map(
      ([way, text]) =>
        `tried '${way}'\n( ${text}\n) < /dev/null >> /tmp/said 2>&1 || { grep FAILED /tmp/said && exit 1; }\n`,
    );
    const { report, judgement, recording } = await boot(
      t.testdir(),
      {},
      {
        steps: [
          {
            name: 'forge',
            run: `${ORDERS}set +e\n: > /tmp/said\n${attempts.join('')}if grep FAILED /tmp/said; then exit 3; fi`,
            timeout: 120,
          },
          { name: 'no', run: 'exit 1', timeout: 15 },
        ],
      },
    );
    t.not(judgement.verdict, 'pass', judgement.reason);
    if (name === 'DOORS' || name === 'FILES' || name === 'KERNEL') {
      t.match(report, { ended: true, missing: 0 }, recording.console.toString('latin1').slice(-3000));
      t.match(
        report.steps.map(({ name, ok, status }) => [name, ok, status]),
        [
          ['forge', true, 0],
          ['no', false, 1],
        ],
        report.steps[0]?.output ?? '',
      );
      for (const way of Object.keys(ways)) t.match(report.steps[0]?.output, `tried ${way}\n`);
    }
    t.notOk(report.steps.some((step) => step.name === 'no' && step.ok));
  });
