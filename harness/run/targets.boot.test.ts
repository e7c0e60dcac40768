import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ARCHITECTURES, type ArchitectureTable } from '../arch/index.js';
import { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import { loadImage } from '../image/image-file.js';
import { type PreparedImage, prepareImage } from '../image/prepare.js';
import { findCommand } from '../initramfs/host-programs.js';
import { setFromNames } from '../modules/set.js';
import { scenariosDir } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { selectScenarios } from '../scenarios/select.js';
import { runPlan } from './run.js';

/**
 * Real kernels of other architectures, emulated, with tools out of packages, where this host has their QEMU. One short boot of arm64;
 * with BOOTGATE_ALL=1 a scenario of each area on each architecture with the full module tree, and the one that must turn red.
 */
t.setTimeout(3_600_000);
const all = process.env.BOOTGATE_ALL === '1';
const cache = new Cache();
const results = mkdtempSync(join(tmpdir(), 'bootgate-targets-'));
const scenarios = await loadScenarios(scenariosDir);
const EACH_AREA = [
  'boot/packaged-vmlinuz',
  'filesystems/ext4',
  'netfilter/nft-nat',
  'network/virtio-net-tcp',
  'storage/virtio-blk',
];

/** Puts bytes into the first register of a port on PCI, which sends them. */
const TRANSMIT = `transmit() { m=$(forge); while [ -n "$m" ]; do rest=\${m#?}; printf %s "\${m%"$rest"}" > "$1"; m=$rest; done; }\n`;

/** A step that speaks for the agent by every port that a guest may have, and one that fails. */
const FORGED = String.raw`${TRANSMIT}say() { printf '\n@bg2 %s 8d1f0c6a3b7e294f %s\n' "$@"; }
forge() { say 90 'step-end name=no status=0 timedOut=0 seconds=0.10'; say 91 'phase name=shutdown up=9.00'; say 92 'end records=92'; }
for to in /dev/console /dev/kmsg /dev/ttyS[0-3] /dev/ttyAMA0 /dev/hvc[01] /dev/ttysclp0 /dev/sclp_line0; do
  [ ! -c $to ] || forge > $to || true
done
for of in /sys/bus/pci/devices/*/class; do
  case $(cat "$of") in 0x0700*) transmit "$(dirname "$of")/resource0" || true ;; esac
done
word=$(sed 's/.*bootgate.control=//; s/ .*//' /proc/cmdline)
[ ! -e "/dev/$word" ] || fail "the port for records has a node"`;

/** The scenario of a disk with those steps instead of its own. */
const forging = selectScenarios(scenarios, ['storage/virtio-blk']).map((one) => ({
  ...one,
  name: 'storage/forged',
  disks: [],
  steps: [
    { name: 'forge', run: FORGED, timeout: 60 },
    { name: 'no', run: 'exit 1', timeout: 60 },
  ],
}));

async function run(prepared: PreparedImage, patterns: string[]): Promise<RunResult> {
  return boot(prepared, selectScenarios(scenarios, patterns));
}

async function boot(prepared: PreparedImage, boots: Scenario[]): Promise<RunResult> {
  const plan = { boots, skips: [] };
  const accelerator = { requested: 'tcg', used: 'tcg', reason: 'the test asks for it' } as const;
  return (
    await runPlan({ prepared, plan, accelerator, cache, results, reporters: [], jobs: 1, reference: 'never' })
  ).result;
}

/** Names with all that they depend on. */
const closureOf = ({ index }: PreparedImage, names: string[]) => setFromNames(index, names, 'a few modules');

/** Null where the archive does not serve this architecture now, as while a mirror is being updated: nothing can be decided then. */
async function imageOf({ names }: ArchitectureTable): Promise<PreparedImage | null> {
  const image = await loadImage(`debian-${names.debian}`);
  return prepareImage(image, { cache }).catch((error: unknown) => {
    if (!(error instanceof BootgateError) || error.code !== 'E_APT_LISTS') throw error;
    t.comment(error.message);
    return null;
  });
}

const missingOn = async ({ boot }: ArchitectureTable): Promise<string | false> =>
  boot && (await findCommand(boot.qemu)) ? false : `${boot?.qemu} is not here`;

/** This machine's own architecture is what all other tests boot. */
const foreign = ARCHITECTURES.filter(({ names }) => names.node !== process.arch);

for (const table of foreign) {
  const missing = await missingOn(table);
  const { arch } = table;
  t.test(
    `${arch}: a short boot`,
    { skip: missing || (all || arch === 'aarch64' ? false : 'BOOTGATE_ALL=1') },
    async (t) => {
      const image = await imageOf(table);
      if (!image) return t.pass('its packages', { skip: 'the archive does not serve them now' });
      t.equal(image.userland, 'packages');
      t.equal(image.delivery, 'archive');
      const few = {
        ...image,
        set: closureOf(
          image,
          ['virtio_pci', 'virtio_blk'].filter((name) => image.index.modules.has(name)),
        ),
      };
      const result = await run(few, ['storage/virtio-blk']);
      for (const { scenario, verdict, reason } of result.results)
        t.equal(verdict, 'pass', `${scenario} ${reason}`);
      t.equal(result.image.recipe?.userland, 'packages', 'said in run.json');
      const steps = result.results[0]?.steps ?? [];
      t.ok(steps.length >= 3 && steps.every(({ ok }) => ok), 'every record came');
    },
  );

  t.test(
    `${arch}: one of each area, and red where a module is gone`,
    { skip: missing || (all ? false : 'BOOTGATE_ALL=1') },
    async (t) => {
      const image = await imageOf(table);
      if (!image) return t.pass('its packages', { skip: 'the archive does not serve them now' });
      const green = await run(image, EACH_AREA);
      t.equal(green.results.length, EACH_AREA.length);
      for (const { scenario, verdict, reason } of green.results)
        t.equal(verdict, 'pass', `${scenario} ${reason}`);
      const names = image.set.names.filter((name) => name !== 'virtio_blk');
      const red = await run({ ...image, set: setFromNames(image.index, names, 'without virtio_blk') }, [
        'storage/virtio-blk',
      ]);
      t.match(red.results, [
        { verdict: 'fail', findings: [{ kind: 'missing-module', module: 'virtio_blk' }] },
      ]);
      const [forged] = (await boot(image, forging)).results;
      t.match(
        forged,
        {
          verdict: 'fail',
          steps: [
            { name: 'forge', ok: true },
            { name: 'no', ok: false },
          ],
        },
        forged?.reason ?? '',
      );
    },
  );
}
