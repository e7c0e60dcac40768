/** The guest's own sh and awk, run by busybox on the host, and the reader of what they say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { exec } from '../exec.js';
import { guestDir } from '../paths.js';
import { knownHelpers } from '../scenarios/lint.js';
import { type AgentRecord, cksum, fieldOf } from '../vm/record-line.js';
import { RecordReader, readReport } from '../vm/records.js';
import { halfSipHash, sealKey, sealOf } from '../vm/seal.js';

const NONCE = 'a1b2c3d4e5f60718';

/** Runs the real recorder on orders, with a folder and console of its own; what it wrote, and what it answered. */
async function recorder(t: Test, orders: string[], files: Record<string, string> = {}, channel = 'uart') {
  const dir = t.testdir({ ...files, out: '', console: '' });
  const args = [join(guestDir, 'recorder.sh'), channel, join(dir, 'out'), dir, join(dir, 'console')];
  const awk = spawn('busybox', ['sh', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  let answers = '';
  awk.stdout.on('data', (bytes: Buffer) => {
    answers += bytes.toString();
  });
  awk.stdin.end(`${[NONCE, ...orders.map((order) => order.replaceAll('DIR', dir))].join('\n')}\n`);
  await once(awk, 'close');
  return {
    written: readFileSync(join(dir, 'out')),
    console: readFileSync(join(dir, 'console'), 'latin1'),
    answers,
  };
}

const ORDERS = [
  'hello\trelease=6.1.0\tchannel=uart',
  'phase\tname=steps\tup=1.25',
  'device\tkind=disk\tid=data\tnode=/dev/vda',
  'device\tkind=nic\tid=52:54:00:62:67:00\tnode=',
  ':unbound\trest\tDIR/sys-a/modalias\tDIR/sys-b/modalias',
  'step-start\tname=50 % of a=b\tup=1.3',
  ':output\tDIR/output',
  ':requests',
  'step-end\tname=50 % of a=b\tstatus=0\ttimedOut=0\tseconds=0.42',
  'step-start\tname=two\tup=2',
  'step-end\tname=two\tstatus=137\ttimedOut=1\tseconds=2.00',
  'not-run\tname=three',
  ':bound\t/sys/bus/pci/drivers/virtio-pci/0000:00:04.0/modalias\t/sys/bus/pci/drivers/virtio-pci/0000:00:05.0/modalias',
  ':modules',
  ':memory',
  ':taint',
  'end',
];
const FILES = {
  requests: '0\t\tfs-ext4\n1\tone step\tnft-expr-2-ct\n1\tone step\tnft-expr-ct\n0\tone step\tnft-expr-ct\n',
  errors: "modprobe: ERROR: could not insert 'x': Unknown symbol in module\n",
  output: 'plain\ntab\there, 100 %, a=b, \x1b[31mred\x1b[0m é\n@bg2 3 4 end records=3\n',
  'sys-a': { modalias: 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\n' },
  'sys-b': { modalias: '' },
} as unknown as Record<string, string>;

t.test('what the recorder writes, the reader takes', async (t) => {
  const { written, console, answers } = await recorder(t, ORDERS, FILES);
  t.equal(answers, 'ok\n'.repeat(ORDERS.length), 'an answer to each order');
  const report = readReport(NONCE, written, Buffer.from(console));
  t.equal(report.rejected, 1, 'the one that the step printed, behind `step| ` on the console');
  t.equal(report.missing, 0);
  t.match(report, {
    hello: true,
    ended: true,
    unfinishedStep: null,
    steps: [
      { name: '50 % of a=b', ok: true, status: 0, timedOut: false, seconds: 0.42, output: FILES.output },
      { name: 'two', ok: false, status: 137, timedOut: true, seconds: 2, output: '' },
    ],
    notRun: ['three'],
    requests: [
      { name: 'fs-ext4', status: 0, step: '' },
      { name: 'nft-expr-2-ct', status: 1, step: 'one step' },
      { name: 'nft-expr-ct', status: 1, step: 'one step' },
      { name: 'nft-expr-ct', status: 0, step: 'one step' },
    ],
    loadErrors: ["modprobe: ERROR: could not insert 'x': Unknown symbol in module"],
    devices: [
      { kind: 'disk', id: 'data', node: '/dev/vda' },
      { kind: 'nic', id: '52:54:00:62:67:00', node: '' },
    ],
    unbound: [{ modalias: 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00' }],
    bound: { 'virtio-pci': 2 },
  });
  t.equal(report.unbound.length, 1, 'a device with an empty modalias needs no driver');
  const own = existsSync('/proc/modules') ? readFileSync('/proc/modules', 'utf8') : '';
  const loaded = own.split('\n').filter(Boolean);
  t.equal(report.modulesLoaded.length, loaded.length, 'as many modules as this machine has');
  const total = Number(/MemTotal: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
  t.equal(report.memory.totalBytes, total);
  t.ok(report.memory.usedAfterBootBytes > 0 && report.memory.usedAfterBootBytes < total);
  t.equal(report.taint, Number(readFileSync('/proc/sys/kernel/tainted', 'utf8')));
  t.match(console, /^step\| plain\nstep\| tab\there/);
  t.notMatch(console, '\x1b', 'no escape reaches the console');
});

t.test('each record is one line, of at most 900 bytes, with the seal of its text', async (t) => {
  const key = sealKey(NONCE);
  if (!key) throw new Error(`${NONCE} is no secret`);
  const many = Array.from({ length: 400 }, (_, n) => `0\tstep\tmodule-with-a-name-${n}`).join('\n');
  const files = { ...FILES, requests: `${many}\n`, output: `${'x %\n'.repeat(3000)}` };
  for (const [channel, start] of [
    ['uart', /^$/],
    ['kmsg', /^<1>@bg2 /],
  ] as const) {
    const { written } = await recorder(t, ORDERS, files, channel);
    const lines = written.toString('latin1').split('\n').slice(0, -1);
    t.match(lines[0], start);
    const records = lines.filter((line) => line !== '').map((line) => line.replace(/^<1>/, ''));
    t.ok(records.length > 20);
    for (const line of records) {
      if (line.length > 900) t.fail(`${line.length} bytes: ${line.slice(0, 100)}`);
      const [, seq, seal, ...rest] = line.split(' ');
      t.equal(seal, sealOf(key, [seq, ...rest].join(' ')));
      if (line.includes(NONCE)) t.fail('the secret is in a record');
    }
    const report = readReport(NONCE, channel === 'uart' ? written : Buffer.alloc(0), written);
    t.equal(report.requests.length, 400);
    t.equal(report.steps[0]?.output, files.output.slice(-3000 + 3000 - 160), 'the last 40 lines');
  }
});

t.test('the seal is the reference’s HalfSipHash, and hangs on every byte of text and secret', async (t) => {
  // The first of vectors_hsip64 in Aumasson's vectors.h: the key 00 01 .. 07 and no input, 21 8d 1f 59 b9 b8 3c c8.
  t.same(halfSipHash([0x03020100, 0x07060504], []), [0x591f8d21, 0xc83cb8b9]);
  t.equal(sealKey('n0nce'), null);
  const seal = (secret: string, text: string) => {
    const key = sealKey(secret);
    return key ? sealOf(key, text) : t.fail(`${secret} is no secret`);
  };
  const text = '7 step-end name=one status=1';
  const seals = new Set([seal(NONCE, text)]);
  let made = 1;
  for (let at = 0; at < text.length; at++, made++)
    seals.add(seal(NONCE, `${text.slice(0, at)}~${text.slice(at + 1)}`));
  for (let at = 0; at < NONCE.length; at++, made++)
    seals.add(seal(`${NONCE.slice(0, at)}${NONCE[at] === '0' ? 'e' : '0'}${NONCE.slice(at + 1)}`, text));
  t.equal(seals.size, made);
});

t.test('records from before the seal, with secret and checksum, are still read', async (t) => {
  const old = ['hello release=x', 'end records=2'].map((text, at) => {
    const body = `${NONCE} ${at + 1} ${text}`;
    return `@bg1 ${body.replace(/^(\S+ \S+)/, `$1 ${cksum(body)}`)}\n`;
  });
  t.match(readReport(NONCE, Buffer.from(old.join('')), Buffer.alloc(0)), { hello: true, ended: true });
  t.match(readReport(NONCE, Buffer.from(old.join('').replace('=x', '=y')), Buffer.alloc(0)), {
    hello: false,
    rejected: 1,
  });
});

t.test('our cksum is POSIX’s', async (t) => {
  for (const text of ['', 'a', 'hello world', '\xff\x00\x80', 'x'.repeat(70_000)]) {
    const { stdout } = await exec('cksum', [], { input: Buffer.from(text, 'latin1') });
    t.equal(String(cksum(text)), stdout.split(' ')[0], JSON.stringify(text.slice(0, 20)));
  }
});

t.test('any way of cutting the bytes gives the same records', async (t) => {
  const { written } = await recorder(t, ORDERS, FILES);
  const noise = Buffer.from(
    '[    1.234567] virtio_blk virtio0: [vda] 131072 512-byte logical blocks\r\n@bg2 1 2 end records=1\n@bg1 x 1 2 end records=1\n',
  );
  const bytes = Buffer.concat([noise, written, noise]);
  const whole = new RecordReader(NONCE);
  const expected = whole.push(bytes);
  t.equal(expected.at(-1)?.type, 'end');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 200 }), (cuts) => {
      const reader = new RecordReader(NONCE);
      const records: AgentRecord[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        records.push(...reader.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      t.same(records, expected);
      t.same(reader.report(), whole.report());
    }),
    { numRuns: 60 },
  );
});

t.test('nothing but a true record in its order is taken', async (t) => {
  const { written } = await recorder(t, [
    'hello\trelease=x',
    'step-start\tname=s',
    'step-end\tname=s\tstatus=1',
    'end',
  ]);
  const lines = written.toString('latin1').split('\n').filter(Boolean);
  const [hello = '', start = '', end = '', last = ''] = lines;
  const read = (...given: string[]) =>
    readReport(NONCE, Buffer.from(given.map((line) => `\n${line}\n`).join('')), Buffer.alloc(0));
  t.match(read(...lines), { ended: true, rejected: 0, missing: 0, steps: [{ ok: false, status: 1 }] });

  t.match(read(hello, start, end.replace('status=1', 'status=0'), last), {
    steps: [],
    ended: false,
    rejected: 1,
    missing: 1,
  });
  t.match(read(hello, start, end.replace(/^@bg2 3 ./, '@bg2 3 x'), end, last), {
    ended: true,
    rejected: 1,
    missing: 0,
  });
  t.match(
    read(hello, start, end, hello, start, end, last),
    { ended: true, rejected: 3, missing: 0 },
    'a replay',
  );
  t.equal(read(hello, start, end, start, last).steps.length, 1, 'a replay adds nothing');
  t.match(read(hello, start, last), { ended: false, missing: 1, unfinishedStep: 's' }, 'a gap is no end');
  t.match(read(hello, last), { ended: false, missing: 2 });
  t.match(read(...lines, end), { ended: true, rejected: 1 }, 'nothing counts after the end');
  t.match(
    read(hello, `[    3.141592] ${start}\r`, `half a printk${end}`, last),
    { ended: true, rejected: 0 },
    'printk in front',
  );
  t.match(read(hello, `${start} and behind`, end, last), { ended: false, rejected: 1 }, 'printk behind');

  fc.assert(
    fc.property(fc.nat(end.length - 1), fc.nat(255), (at, byte) => {
      const forged = Buffer.from(end, 'latin1');
      fc.pre(forged[at] !== byte);
      forged[at] = byte;
      const report = readReport(
        NONCE,
        Buffer.concat([Buffer.from(`${hello}\n${start}\n`), forged, Buffer.from('\n')]),
        Buffer.alloc(0),
      );
      return report.steps.length === 0;
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.string(), (bytes, text) => {
      const reader = new RecordReader(NONCE);
      reader.push(bytes, 'console');
      reader.push(Buffer.from(`\n@bg1 ${NONCE} ${text}\n@bg2 1 ${text}\n`), 'console');
      return !reader.report().hello && reader.report().steps.length === 0;
    }),
  );
});

t.test('a line that never ends is forgotten', async (t) => {
  const reader = new RecordReader(NONCE);
  for (let n = 0; n < 300; n++) reader.push(Buffer.alloc(65_536, 0x40));
  const { written } = await recorder(t, ['hello\trelease=x']);
  t.equal(reader.push(written).length, 1, 'and a record still has a line of its own');
});

t.test('records of two channels are one row', async (t) => {
  const { written } = await recorder(t, ['hello\trelease=x', 'end']);
  const [hello = '', end = ''] = written.toString('latin1').split('\n').filter(Boolean);
  const reader = new RecordReader(NONCE);
  t.equal(fieldOf(reader.push(Buffer.from(`${hello}\n`), 'control')[0] as AgentRecord, 'release'), 'x');
  t.equal(reader.push(Buffer.from(`${hello}\n`), 'console').length, 0);
  t.equal(reader.push(Buffer.from(`[ 1.0] ${end}\n`), 'console').length, 1);
  t.match(reader.report(), { ended: true, rejected: 1 });
});

/** Runs sh with the guest's own files, in which /bootgate, /run/bootgate, /lib/modules and kmod are a folder's. */
async function sh(t: Test, script: string, files: Record<string, string> = {}) {
  const dir = t.testdir(files);
  for (const file of readdirSync(guestDir).filter((name) => /\.(sh|awk)$/.test(name))) {
    // In one pass: the folder's own path may hold what is replaced (/tmp/).
    const places: Record<string, string> = {
      '/run/bootgate': dir,
      '/usr/lib/kmod/modprobe': join(dir, 'kmod'),
      '/bootgate/window': join(dir, 'window'),
      '/tmp/': `${dir}/`,
      '/bootgate/': `${dir}/bootgate/`,
      '/lib/modules/': `${dir}/lib/modules/`,
    };
    const text = readFileSync(join(guestDir, file), 'utf8').replace(
      /\/run\/bootgate|\/usr\/lib\/kmod\/modprobe|\/bootgate\/window|\/tmp\/|(?<![\w)])\/(?:bootgate|lib\/modules)\//g,
      (place) => places[place] ?? place,
    );
    mkdirSync(join(dir, 'bootgate'), { recursive: true });
    writeFileSync(join(dir, 'bootgate', file), text, { mode: 0o755 });
  }
  writeFileSync(join(dir, 'bootgate', 'programs.sh'), '', { flag: 'a' });
  const result = await exec('busybox', ['sh', '-c', script], {
    cwd: join(dir, 'bootgate'),
    okCodes: Array.from({ length: 256 }, (_, code) => code),
    env: { BOOTGATE_SEED: 'seed1' },
  });
  return { dir, ...result };
}

t.test('every file is sh that busybox reads', async (t) => {
  for (const file of readdirSync(guestDir).filter((name) => name.endsWith('.sh'))) {
    const { exitCode, stderr } = await exec('busybox', ['sh', '-n', join(guestDir, file)], {
      okCodes: [0, 1, 2],
    });
    t.equal(exitCode, 0, `${file} ${stderr}`);
  }
});

t.test('helpers fail with a sentence', async (t) => {
  const files = { devices: 'disk data data /dev/nowhere\nnic nic0 52:54:00:62:67:00 \n' };
  for (const [script, status, said] of [
    [
      '. ./helpers.sh; need_disk data; echo not reached',
      1,
      /^FAILED: the disk with serial data has no device node \/dev\/nowhere\n$/,
    ],
    ['. ./helpers.sh; need_disk other', 1, /^FAILED: the scenario declares no disk other\n$/],
    [
      '. ./helpers.sh; . ./network.sh; need_nic nic0',
      1,
      /^FAILED: no network card for nic0; devices without a driver:/,
    ],
    [
      '. ./helpers.sh; quietly sh -c "echo why; exit 3"; echo not reached',
      1,
      /^why\nFAILED: `sh -c echo why; exit 3` ended with status 3\n$/,
    ],
    ['. ./helpers.sh; quietly echo silent; echo reached', 0, /^reached\n$/],
    ['. ./helpers.sh; within 1 false || echo late; within 1 true && echo soon', 0, /^late\nsoon\n$/],
    ['. ./helpers.sh; fs_make reiserfs data', 1, /^FAILED: /],
  ] as const) {
    const { exitCode, stdout } = await sh(t, script, files);
    t.equal(exitCode, status, script);
    t.match(stdout, said);
  }
});

t.test('the pattern is 64 blocks of 4096 bytes, each a line filled up with spaces', async (t) => {
  const { dir } = await sh(t, '. ./helpers.sh; pattern_blocks');
  const blocks = readFileSync(join(dir, 'pattern'));
  t.equal(blocks.length, 64 * 4096);
  t.equal(blocks.toString('latin1', 7 * 4096, 8 * 4096), `${'bootgate seed1 7'.padEnd(4095)}\n`);
});

t.test('a step ends at the first command that fails, with every helper at hand', async (t) => {
  const step = (text: string) => ({ bootgate: { 'step-0.sh': text } }) as unknown as Record<string, string>;
  t.match(await sh(t, 'sh ./step.sh 0', step('echo a\nfalse\necho b\n')), { exitCode: 1, stdout: 'a\n' });
  t.match(await sh(t, 'sh ./step.sh 0', step('echo "$unset"\necho b\n')), { exitCode: 2, stdout: '' });
  t.match(
    await sh(t, 'sh ./step.sh 0', step('type dhcp routed_network pattern_write > /dev/null && echo c\n')),
    { exitCode: 0, stdout: 'c\n' },
  );
});

const RELEASE = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
/** A tree of three modules in a window at 4096: b needs a, and c is a part of c-d's name. */
const TREE = (kmod: string) => ({
  window: 'kernel/x/a.ko 0 5\nkernel/x/b.ko 4096 6\nkernel/x/c.ko 8192 7\nkernel/x/c-d.ko 12288 8\n',
  mem: `${'-'.repeat(4096)}AAAAA${'.'.repeat(4091)}BBBBBB${'.'.repeat(4090)}CCCCCCC${'.'.repeat(4089)}DDDDDDDD`,
  kmod: t.fixture('file', `#!/bin/sh\ncd "$(dirname "$0")"\necho "$*" >> kmod.log\n${kmod}\n`),
  requests: '',
  step: 'a step\n',
  lib: {
    modules: {
      [RELEASE]: {
        'modules.dep': 'kernel/x/a.ko:\nkernel/x/b.ko: kernel/x/a.ko\nkernel/x/c.ko:\nkernel/x/c-d.ko:\n',
        'modules.softdep': '# Soft dependencies\nsoftdep a pre: c\n',
      },
    },
  },
});

/** A script beside the fetcher, whose memory is the file `mem`. */
const FETCHED = (
  script: string,
) => `chmod +x ../kmod; ln -s "$(readlink -f /proc/$$/exe)" busybox; mkfifo ../fetch
. ./materialise.sh
exec 3<> ../fetch 6< ../mem
./busybox awk -v folder="$folder" -v window=4096 -f ./fetcher.awk <&3 3>&- > /dev/null 2>&1 &
fetcher=$!
${script}
kill $fetcher`;

t.test('module files come out of the window when they are asked for', async (t) => {
  // As libkmod does: a dependency is named only once its file is there.
  const kmod = `dir=$PWD/lib/modules/${RELEASE}/kernel/x
case "$*" in
*" b") if [ -e "$dir/a.ko" ]; then echo "insmod $dir/c.ko "; echo "insmod $dir/a.ko "; fi; echo "insmod $dir/b.ko opt=1" ;;
*" vt") echo "builtin vt" ;;
*-D*) exit 1 ;;
*nothing*) exit 1 ;;
esac`;
  const files = TREE(kmod) as unknown as Record<string, string>;
  const script = FETCHED(
    'materialise b; echo "$? $modules"; materialise b; materialise nothing; echo $?; materialise vt; echo "$? $modules"',
  );
  const { dir, stdout, stderr } = await sh(t, script, files);
  t.equal(stderr, '');
  t.equal(stdout, '0  c a b\n1\n0 \n', 'the modules in order; nothing; a built-in');
  const x = join(dir, 'lib/modules', RELEASE, 'kernel/x');
  t.same(
    readdirSync(x).sort(),
    ['a.ko', 'b.ko', 'c.ko'],
    'what was needed, soft dependencies of dependencies too, and no more',
  );
  t.equal(readFileSync(join(x, 'a.ko'), 'latin1'), 'AAAAA');
  t.equal(readFileSync(join(x, 'b.ko'), 'latin1'), 'BBBBBB');
  t.equal(readFileSync(join(x, 'c.ko'), 'latin1'), 'CCCCCCC');
});

t.test('a step that looks at module files finds all of them, and the bytes of those it names', async (t) => {
  // Too many bytes for all to be fetched.
  const tree = TREE('exit 1');
  const files = {
    ...tree,
    window: `${tree.window}kernel/y/big.ko 16384 20000000\n`,
    'step-0.sh': 'sha256sum /lib/modules/*/kernel/x/c-d.ko',
    texts: { 'modules.order.gz': '' },
  } as unknown as Record<string, string>;
  const { dir, stdout, stderr } = await sh(
    t,
    `mkdir texts; echo kernel/x/a.ko | gzip > texts/modules.order.gz
${FETCHED('show_files ../step-0.sh; show_files ../step-0.sh; cd "$folder"; find . -name "*.ko" | sort | xargs stat -c "%n %s"; cat kernel/x/c-d.ko modules.order; tr "\\\\0" 0 < kernel/x/a.ko')}`,
    files,
  );
  t.equal(stderr, '');
  t.equal(
    stdout,
    './kernel/x/a.ko 5\n./kernel/x/b.ko 6\n./kernel/x/c-d.ko 8\n./kernel/x/c.ko 7\n./kernel/y/big.ko 20000000\nDDDDDDDDkernel/x/a.ko\n00000',
  );
  t.ok(existsSync(join(dir, 'shown')));
});

t.test('two requests at once never see half a file', async (t) => {
  const kmod = `dir=$PWD/lib/modules/${RELEASE}/kernel/x\ncase "$*" in *-D*) echo "insmod $dir/a.ko " ;; *) printf '%s\\n' "$(cat "$dir/a.ko")" >> loaded ;; esac`;
  const { dir } = await sh(
    t,
    FETCHED('for n in 1 2 3 4 5 6 7 8; do sh ./modprobe.sh -q -- a & tried="$tried $!"; done; wait $tried'),
    TREE(kmod) as unknown as Record<string, string>,
  );
  t.equal(readFileSync(join(dir, 'loaded'), 'utf8'), 'AAAAA\n'.repeat(8));
  t.equal(readFileSync(join(dir, 'requests'), 'utf8'), '0\ta step\ta\n'.repeat(8));
});

t.test('each request is noted with what the real modprobe said, and why it failed', async (t) => {
  const kmod = `dir=$PWD/lib/modules/${RELEASE}/kernel/x
case "$*" in
*-D*nosuch*) exit 1 ;;
*-D*) echo "insmod $dir/a.ko " ;;
*-q*) exit 1 ;;
*) echo "could not insert 'a': Unknown symbol" >&2; exit 1 ;;
esac`;
  const { dir, exitCode } = await sh(
    t,
    FETCHED(
      'sh ./modprobe.sh -q -- nosuch; sh ./modprobe.sh a param=1; sh ./modprobe.sh -r a; sh ./modprobe.sh -qa a b; sh ./modprobe.sh -q -- a; s=$?',
    ).replace('kill $fetcher', 'kill $fetcher; exit $s'),
    TREE(kmod) as unknown as Record<string, string>,
  );
  t.equal(exitCode, 1);
  t.equal(
    readFileSync(join(dir, 'requests'), 'utf8'),
    ['nosuch', 'a', 'a', 'b', 'a'].map((name) => `1\ta step\t${name}\n`).join(''),
  );
  t.match(readFileSync(join(dir, 'errors'), 'utf8'), /^(could not insert 'a': Unknown symbol\n)+$/);
  t.match(readFileSync(join(dir, 'kmod.log'), 'utf8'), /^-r a$/m, 'removal goes straight to the real one');
});

t.test('the README names every helper, and no other', async (t) => {
  const readme =
    readFileSync(join(guestDir, 'README.md'), 'utf8').split('## What steps are written with')[1] ?? '';
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  const named = new Set(
    rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z_]+)/g)].map(([, name]) => name)),
  );
  // Parts of helpers, which no scenario has a use for.
  const parts = ['look_up', 'without_driver', 'pattern_stride', 'pattern_blocks', 'listening'];
  const defined = [...(await knownHelpers())].filter((name) => !parts.includes(name));
  t.same([...named].sort(), defined.sort());
});
