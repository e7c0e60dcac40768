/** Real guests that do to their share what they may, with QEMU's rights looked at meanwhile. */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { type PreparedImage, prepareImage } from '../image/prepare.js';
import { scenariosDir } from '../paths.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { isRoot } from '../vm/privileges.js';
import { Executor } from './executor.js';
import { readRequest } from './request.js';

t.setTimeout(1_200_000);
const cache = new Cache();
// As in CI under root's home: nobody else may even pass through.
const root = mkdtempSync(join(tmpdir(), 'bootgate-hostile-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const prepared: PreparedImage = await prepareImage(await loadImage('debian-2014'), { cache });
const share = (await loadScenarios(scenariosDir)).find(({ name }) => name === 'filesystems/9p') as Scenario;
const notes: string[] = [];
const executor = new Executor({
  accelerator: { requested: 'tcg', used: 'tcg', reason: '' },
  cache,
  onNote: (note) => notes.push(note),
});

/** The 9p scenario with another body; `look` is called while the guest still runs, after its steps. */
async function boot(name: string, run: string, look: (folder: string) => void = () => {}) {
  const folder = join(root, name);
  const mounted = {
    name: 'mounted',
    run: 'mount -t 9p -o trans=virtio,version=9p2000.L host /mnt',
    timeout: 30,
  };
  const scenario = {
    ...share,
    steps: [mounted, { name: 'it does what it may', run: `cd /mnt\n${run}\nsync`, timeout: 60 }],
  };
  const result = await executor.boot({
    prepared,
    scenario,
    folder: () => ({ path: folder, relative: name }),
    onPhase: (phase) => {
      if (phase === 'shutdown') look(folder);
    },
  });
  const outside = result?.steps.find(({ where }) => where === 'outside');
  return { result, outside, folder };
}

t.test('what lies in the share is never taken for something else', async (t) => {
  for (const [name, run, words] of [
    ['link', 'ln -s from-host from-guest', /differs from what the guest wrote|is a link/],
    ['zero', 'ln -s /dev/zero from-guest', /differs from what the guest wrote|is a link/],
    ['fifo', 'mkfifo from-guest', /differs from what the guest wrote|not a regular file/],
    ['moved', 'mv from-host from-guest', /from-host is missing/],
  ] as const) {
    const { result, outside } = await boot(name, run);
    t.equal(result?.verdict, 'fail', `${name}: ${result?.reason}`);
    t.match(outside, { ok: false, message: words }, name);
  }
});

t.test('nothing on the host gets a right from the guest, and QEMU has none to give', async (t) => {
  const seen: Record<string, { mode: number; uid: number }> = {};
  let status = '';
  let environment = '';
  let shell = 0;
  process.env.BOOTGATE_TEST_SECRET = 'hunter2';
  const { result, folder } = await boot(
    'rights',
    `echo "bootgate $BOOTGATE_SEED" > from-guest
cp /bin/busybox su && chmod 4755 su && [ -u su ] || fail "the guest does not see its own mode"
mknod disk b 8 0 || true # a step may not be allowed to
ln -s /etc/shadow link && [ -L link ] || fail "the guest does not see its own link"`,
    (folder) => {
      const inside = join(folder, 'scratch', 'share-host');
      for (const file of readdirSync(inside)) {
        const { mode, uid } = lstatSync(join(inside, file));
        seen[file] = { mode, uid };
      }
      const pid = qemuIn(folder);
      status = readFileSync(`/proc/${pid}/status`, 'utf8');
      environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      shell = statSync(join(folder, 'scratch')).mode & 0o777;
    },
  );
  t.equal(result?.verdict, 'pass', result?.reason ?? 'no result');
  for (const name of ['from-guest', 'from-host', 'link', 'su']) t.ok(name in seen, `${name} is there`);
  for (const [name, { mode, uid }] of Object.entries(seen)) {
    t.equal(mode & 0o7000, 0, `${name} has no set-user-ID bit`);
    t.ok((mode & 0o170000) === 0o100000 || name === '.virtfs_metadata', `${name} is a plain file`);
    if (isRoot()) t.equal(uid === 0, name === 'from-host', `${name} is not root's`);
  }
  t.match(status, /NoNewPrivs:\t1/);
  t.match(status, /Seccomp:\t2/);
  t.match(status, /CapEff:\t0+\n/);
  t.notMatch(environment, /hunter2/);
  t.equal(shell, 0o700, 'nobody passes through the scratch folder');
  if (isRoot()) {
    t.match(status, /CapBnd:\t0+\n/);
    t.match(status, /Uid:\t6\d{4}\t/, 'a user of no account');
    t.match(status, /Groups:\t \n/);
    t.same(notes, [], 'and nothing to be said about it');
    t.equal(statSync(join(folder, 'console.log')).uid, 0, 'the logs are the caller’s again');
  }
  const request = await readRequest(join(folder, 'recipe.json'));
  t.equal(request.kernel.digest, prepared.kernel.digest);
  t.notMatch(
    readFileSync(join(folder, 'recipe.json'), 'utf8'),
    new RegExp(`${root}|${cache.root}`),
    'no path of this host',
  );
});

t.test(
  'the full module tree in the archive boots with the memory that it needs, and that is said',
  async (t) => {
    const whole: PreparedImage = await prepareImage(await loadImage('debian'), {
      cache,
      delivery: 'archive',
    });
    const folder = join(root, 'archive');
    const scenario = { ...share, shares: [], steps: [{ name: 'here', run: 'true', timeout: 10 }] };
    const result = await executor.boot({
      prepared: whole,
      scenario,
      folder: () => ({ path: folder, relative: '' }),
    });
    t.equal(result?.verdict, 'pass', result?.reason ?? 'no result');
    const { memoryMiB, initramfs } = await readRequest(join(folder, 'recipe.json'));
    t.comment(`${memoryMiB} MiB for an archive of ${Math.round(initramfs.bytes / 2 ** 20)} MiB`);
    t.ok(memoryMiB > share.memoryMiB);
    t.match(notes.join(), /gets \d+ MiB instead of 512 MiB/);
  },
);

function qemuIn(folder: string): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      return (
        readlinkSync(`/proc/${pid}/cwd`) === folder && /qemu/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))
      );
    } catch {
      return false; // It has just ended.
    }
  });
  if (!found) throw new Error('no QEMU runs there');
  return found;
}
