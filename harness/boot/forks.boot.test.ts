/**
 * Clones of templates with real guests: they are like cold boots, and not like each other. All quick scenarios:
 * BOOTGATE_ALL=1 npx tap --timeout=3000 harness/boot/forks.boot.test.ts. One: BOOTGATE_CASE=filesystems/ext4.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { referenceFacts } from '../diagnose/reference-facts.js';
import { loadImage } from '../image/image-file.js';
import { type PreparedImage, prepareImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { exactSet, wholeTree } from '../modules/set.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { type BootOptions, bootScenario } from './boot.js';
import { differenceOf } from './canary.js';
import { disagreement } from './checked-forks.js';
import { Forks, whyCold } from './forks.js';
import { reportOf } from './reference.js';

t.setTimeout(1_800_000);

const all = process.env.BOOTGATE_ALL === '1';
const only = process.env.BOOTGATE_CASE;
const folder = mkdtempSync(join(tmpdir(), 'bootgate-forks-test-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const cache = new Cache();
const image = await prepareImage(await loadImage('debian'), { cache });
const { index } = image;
const accelerator = await chooseAccelerator('auto', { ...image, cache });
const scenarios = await loadScenarios();
const withSet = (names: readonly string[]): PreparedImage => ({
  ...image,
  set: exactSet(index, new Set(closure(index, names)), 'test'),
});

const notes: string[] = [];
let count = 0;
function options(prepared: PreparedImage, scenario: Scenario): BootOptions {
  return {
    prepared,
    scenario,
    accelerator,
    cache,
    folder: join(folder, `${++count}`),
    relativeFolder: '',
    attempt: 1,
    onNote: (sentence) => notes.push(sentence),
  };
}

async function booted(how: (options: BootOptions) => Promise<ScenarioResult>, given: BootOptions) {
  const result = await how(given);
  const report = await reportOf(given.folder, result);
  return { result, report, facts: referenceFacts(result.verdict, report), folder: given.folder };
}

const forks = new Forks();
const scenarioOf = (name: string): Scenario => {
  const found = scenarios.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};

t.test('two clones at once share neither random numbers nor secrets, and know what time it is', async (t) => {
  const scenario: Scenario = {
    ...scenarioOf('storage/virtio-blk'),
    name: 'test/clones',
    area: 'test',
    disks: [],
    steps: [
      {
        name: 'tell',
        timeout: 20,
        run: `
          echo "id $(cat /proc/sys/kernel/random/boot_id)"
          echo "bytes $(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ')"
          echo "time $(date +%s)"
          [ ! -e /dev/mem ] && [ ! -e /dev/ttyS1 ] || fail "the agent's devices are there"
          [ ! -e /bootgate/scenario/env ] || fail "the secret is there"`,
      },
    ],
  };
  const prepared = withSet(['virtio_blk']);
  const before = Date.now() / 1000;
  const both = await Promise.all([0, 1].map(() => booted(forks.boot, options(prepared, scenario))));
  const after = Date.now() / 1000;
  const said = both.map(({ result, folder }) => {
    t.match(result, { verdict: 'pass', forked: true, memory: { usedAfterBootBytes: 0 } }, result.reason);
    const text = readFileSync(join(folder, 'console.log'), 'latin1');
    t.match(text, /Linux version/, 'what the template had said comes first');
    // What the agent has read as soon as it woke: later the kernel makes a new key by itself.
    const control = readFileSync(join(folder, 'control.log'), 'latin1');
    const woke = /went%20on%20from%20a%20template.*boot%20([0-9a-f-]{36})/.exec(control)?.[1];
    const told = (word: string) => new RegExp(`step\\| ${word} (\\S+)`).exec(text)?.[1] ?? '';
    t.equal(woke, told('id'));
    return told;
  });
  for (const word of ['id', 'bytes']) {
    t.match(said[0]?.(word), /^[0-9a-f-]{32,36}$/, word);
    t.not(said[0]?.(word), said[1]?.(word), `${word} of its own`);
  }
  for (const of of said) {
    const time = Number(of('time'));
    t.ok(time >= Math.floor(before) && time <= after + 1, `${time} lies between ${before} and ${after}`);
  }
  const [first, second] = both.map(({ folder }) => readFileSync(join(folder, 'recording.json'), 'utf8'));
  t.not(JSON.parse(first ?? '').nonce, JSON.parse(second ?? '').nonce);
});

t.test(
  'a clone is judged as the same boot is cold, green and red; its template stays as it was',
  async (t) => {
    const scenario = scenarioOf('storage/virtio-blk');
    const script = readFileSync(join(folder, '1/qemu.sh'), 'utf8');
    const ram = [...script.matchAll(/mem-path=(\S+\.ram),/g)].map(([, path = '']) => path);
    t.equal(ram.length, 2);
    const stamps = () => ram.map((path) => `${statSync(path).mtimeMs} ${statSync(path).ino}`);
    const made = stamps();
    for (const names of [['virtio_pci', 'virtio_blk'], ['virtio_pci']]) {
      const prepared = withSet(names);
      const clone = await booted(forks.boot, options(prepared, scenario));
      const cold = await booted(bootScenario, options(prepared, scenario));
      t.ok(clone.result.forked && !cold.result.forked, notes.join('; '));
      t.equal(cold.result.verdict, names.length === 2 ? 'pass' : 'fail');
      t.equal(disagreement(clone.result, cold.result), null);
      t.equal(differenceOf(cold.facts, clone.facts), null);
      t.same(clone.report.bound, cold.report.bound, 'drivers bound');
      t.same(clone.result.findings, cold.result.findings);
      t.ok(cold.result.memory.usedAfterBootBytes > 0);
      t.same(stamps(), made);
    }
    t.same(notes, []);
  },
);

t.test('every quick scenario, with the full module tree', { skip: !all && 'BOOTGATE_ALL=1' }, async (t) => {
  const prepared = { ...image, set: wholeTree(index) };
  const quick = scenarios.filter(({ tags, name }) => (only ? name === only : tags?.includes('quick')));
  for (const scenario of quick) {
    const why = whyCold({ prepared, scenario });
    if (why !== null) {
      t.pass(`${scenario.name} is never forked: ${why}`);
      continue;
    }
    const cold = await booted(bootScenario, options(prepared, scenario));
    const clone = await booted(forks.boot, options(prepared, scenario));
    t.ok(clone.result.forked, `${scenario.name}: ${notes.at(-1)}`);
    t.equal(disagreement(clone.result, cold.result), null, scenario.name);
    t.equal(differenceOf(cold.facts, clone.facts), null, scenario.name);
    t.same(clone.report.bound, cold.report.bound, `${scenario.name}: drivers bound`);
  }
});
