import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { z } from 'zod';
import { AdmissionGate } from '../boot/admission.js';
import { catchSignals, onInterrupt, wasInterrupted } from '../cli/interrupt.js';
import { BootgateError, exitCodeOf } from '../errors.js';
import { imageSchema, loadImage } from '../image/image-file.js';
import { parseKernelConfig } from '../kernel/config.js';
import { imagesDir } from '../paths.js';
import { makeRunFolder, pointLatest } from '../results/folder.js';
import { exitCodeOfVerdict } from '../results/verdict.js';
import type { Scenario } from '../scenarios/scenario.js';
import { planRun } from './plan.js';
import { type Offer, unmetNeed } from './unmet.js';

const scratch = () => mkdtempSync(join(tmpdir(), 'bootgate-run-test-'));

function writeImage(text: string): string {
  const file = join(scratch(), 'image.yaml');
  writeFileSync(file, text);
  return file;
}

t.test('admission', async (t) => {
  await t.test('never more than the host has, and everything gets its turn', async (t) => {
    const weights = fc.array(
      fc.record({ memoryMiB: fc.integer({ min: 1, max: 900 }), cpus: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(weights, fc.scheduler(), async (guests, scheduler) => {
        const limit = { memoryMiB: 1000, cpus: 4 };
        const gate = new AdmissionGate(limit);
        const running = new Set<number>();
        let ended = 0;
        const all = guests.map((weight, number) =>
          gate.run(weight, async () => {
            running.add(number);
            const sum = [...running].map((one) => guests[one] ?? { memoryMiB: 0, cpus: 0 });
            const memory = sum.reduce((total, one) => total + one.memoryMiB, 0);
            const cpus = sum.reduce((total, one) => total + one.cpus, 0);
            if (memory > limit.memoryMiB || cpus > limit.cpus)
              throw new Error(`over: ${memory} MiB, ${cpus} cpus`);
            await scheduler.schedule(Promise.resolve());
            running.delete(number);
            ended++;
          }),
        );
        await scheduler.waitFor(Promise.all(all));
        return ended === guests.length;
      }),
      { numRuns: 60 },
    );
    t.pass('60 schedules');
  });

  await t.test('a guest larger than the host runs alone rather than never', async (t) => {
    const gate = new AdmissionGate({ memoryMiB: 100, cpus: 1 });
    t.equal(await gate.run({ memoryMiB: 5000, cpus: 8 }, async () => 'ran'), 'ran');
  });

  await t.test('a guest that throws gives its place back', async (t) => {
    const gate = new AdmissionGate({ memoryMiB: 100, cpus: 1 });
    const weight = { memoryMiB: 100, cpus: 1 };
    await t.rejects(gate.run(weight, async () => Promise.reject(new Error('no'))));
    t.equal(await gate.run(weight, async () => 'ran'), 'ran');
  });
});

t.test('images', async (t) => {
  await t.test('every shipped image is well formed and found by its name', async (t) => {
    for (const name of ['debian', 'debian-cloud', 'debian-2014', 'split-2014', 'one-extras']) {
      const image = await loadImage(name);
      t.equal(image.name, name);
      if (image.modules.kind !== 'all')
        t.ok(existsSync(image.modules.file), `${image.modules.file} is there`);
    }
  });

  await t.test('every problem at once, with its place', async (t) => {
    const file = writeImage('version: 1\nname: Bad Name\nkernal: apt:x\nmodules:\n  polcy: x\n');
    const error = (await loadImage(file).catch((caught: unknown) => caught)) as BootgateError;
    t.ok(error instanceof BootgateError);
    t.equal(exitCodeOf(error), 2);
    const places = error.problems.map((problem) => `${problem.line}: ${problem.message}`).join('\n');
    t.match(places, /2: name: expected lower-case/);
    t.match(places, /3: kernal: unknown key \(did you mean kernel\?\)/);
    t.match(places, /kernel/, 'the missing key is named');
  });

  await t.test('what is not YAML at all', async (t) => {
    for (const text of ['name: [', '\u0000\u0001', 'a: 1\na: 2\n', '- just\n- a list\n', '']) {
      const error = await loadImage(writeImage(text)).catch((caught: unknown) => caught);
      t.equal(exitCodeOf(error), 2, JSON.stringify(text));
      t.ok(error instanceof BootgateError);
    }
  });

  await t.test('a split and its install sets, from the file and from the command line', async (t) => {
    const file = writeImage(
      'version: 1\nname: x\nkernel: k\nmodules: { split: s.yaml, install: core }\nbudgets: { total: 1 MiB }\n',
    );
    const image = await loadImage(file);
    t.match(image.modules, { kind: 'split', file: join(file, '..', 's.yaml'), install: ['core'] });
    t.same(image.budgets, { total: 1 << 20 });
    t.match((await loadImage(file, { install: ['each'] })).modules, { install: ['each'] });
    t.match((await loadImage('debian', { split: 'fedora-2014' })).modules, {
      kind: 'split',
      install: ['each'],
    });
    await t.rejects(loadImage('debian', { install: ['core'] }), { code: 'E_USAGE' });
    await t.rejects(loadImage('debian', { split: 'a', modules: 'b' }), { code: 'E_USAGE' });
    const bad = writeImage('version: 1\nname: x\nkernel: k\nbudgets: { total: lots }\n');
    const error = (await loadImage(bad).catch((caught: unknown) => caught)) as BootgateError;
    t.equal(error.problems[0]?.line, 4);
  });

  await t.test('an unknown name is met with the nearest', async (t) => {
    await t.rejects(loadImage('debian-2015'), {
      code: 'E_IMAGE_NOT_FOUND',
      message: /did you mean debian-2014/,
    });
  });

  await t.test('the command line lays over the file', async (t) => {
    const file = writeImage(
      'version: 1\nname: x\nkernel: [a.deb, ./b.deb, "apt:linux-image-amd64", installed]\n',
    );
    const plain = await loadImage(file);
    t.equal(plain.kernel[0], join(file, '..', 'a.deb'), 'so is a bare name');
    t.equal(plain.kernel[1], join(file, '..', 'b.deb'), 'a relative path is beside the file');
    t.same(plain.kernel.slice(2), ['apt:linux-image-amd64', 'installed'], 'names that are no path');
    const over = await loadImage(file, { kernel: ['installed'], modules: 'list.txt' });
    t.same(over.kernel, ['installed']);
    t.equal(over.modules.kind, 'list');
    t.equal((await loadImage(file, { modules: 'p.yaml' })).modules.kind, 'policy');
  });

  await t.test('the schema that editors complete from is fresh', async (t) => {
    const fresh = `${JSON.stringify(z.toJSONSchema(imageSchema, { target: 'draft-7', io: 'input' }), null, 2)}\n`;
    const file = join(imagesDir, 'schema.json');
    if (process.env.BOOTGATE_UPDATE) writeFileSync(file, fresh);
    t.equal(readFileSync(file, 'utf8'), fresh, 'BOOTGATE_UPDATE=1 writes it anew');
  });
});

const ide = { serial: 'data', bus: 'ide', sizeMiB: 64, verifyPattern: false };
const scenario = (name: string): Scenario => ({
  name,
  area: name.split('/')[0] ?? '',
  description: '',
  file: 'x.yaml',
  line: 1,
  cpus: 1,
  memoryMiB: 512,
  boot: 'direct',
  disks: [],
  nics: [],
  tools: [],
  cmdline: '',
  steps: [],
});

t.test('planning', async (t) => {
  const all = ['boot/a', 'storage/b', 'storage/c'].map(scenario);
  const image = await loadImage(
    writeImage('version: 1\nname: x\nkernel: k\nskip: [{scenario: storage/b, reason: no}]\n'),
  );
  const names = (plan: ReturnType<typeof planRun>) => plan.boots.map((one) => one.name);
  t.same(names(planRun(image, all, [])), ['boot/a', 'storage/c']);
  t.same(
    planRun(image, all, []).skips.map((skip) => [skip.scenario.name, skip.reason]),
    [['storage/b', 'no']],
  );
  t.same(names(planRun(image, all, ['storage/*'])), ['storage/c']);
  t.same(
    names(planRun(image, all, ['storage/b'])),
    ['storage/b'],
    'named exactly, it is booted all the same',
  );
  t.throws(() => planRun(image, all, ['stroage/*']), { code: /^E_/ });
});

t.test('planning by tags', async (t) => {
  const wide = { ...scenario('storage/wide'), tags: ['wide'] };
  const all = [scenario('boot/a'), { ...scenario('boot/b'), tags: ['quick', 'wide'] }, wide];
  const image = await loadImage(writeImage('version: 1\nname: x\nkernel: k\n'));
  const names = (...args: [string[], string[]?]) => planRun(image, all, ...args).boots.map((one) => one.name);
  t.same(names([]), ['boot/a', 'boot/b'], 'quick unless something is named; untagged is quick');
  t.same(names([], ['wide']), ['boot/b', 'storage/wide']);
  t.same(names(['storage']), ['storage/wide'], 'an area without a quick one stands for all of it');
  const more = { ...scenario('boot/c'), tags: ['wide'] };
  const named3 = (pattern: string) => planRun(image, [...all, more], [pattern]).boots.map((one) => one.name);
  t.same(named3('boot'), ['boot/a', 'boot/b'], 'an area stands for its quick ones');
  t.same(named3('boot/*'), ['boot/a', 'boot/b', 'boot/c'], 'a glob for all');
  t.same(named3('boot/c'), ['boot/c']);
  t.same(names(['boot'], ['wide']), ['boot/b'], 'both: what both name');
  t.throws(() => planRun(image, all, [], ['wild']), { message: /no scenario is tagged wild .*wide/ });
  t.throws(() => planRun(image, all, ['boot/a'], ['wide']), { code: 'E_NOTHING_TO_RUN' });
  const named = await loadImage(writeImage('version: 1\nname: x\nkernel: k\nscenarios: [storage/wide]\n'));
  t.same(
    planRun(named, all, []).boots.map((one) => one.name),
    ['storage/wide'],
    'an image that names it wants it',
  );
});

t.test('what kernel or host cannot offer is skipped with the reason, what was lost is booted', async (t) => {
  const config = parseKernelConfig('CONFIG_E1000=m\nCONFIG_VIRTIO_PCI=y\n# CONFIG_IGB is not set\n');
  const onChannels = parseKernelConfig('CONFIG_VIRTIO_NET=m\n# CONFIG_VIRTIO_PCI is not set\n');
  const resolve = (name: string) => ({ kind: name === 'veth' ? 'modules' : 'none', names: [] });
  const offer = {
    arch: 'x86_64',
    config,
    index: { resolve } as unknown as Offer['index'],
    models: new Set(['e1000', 'virtio-net-pci', 'qemu-xhci']),
  } as const;
  const nic = (model: string) => ({ ...scenario('network/x'), nics: [{ model, mac: '', farEnd: false }] });
  const rows: [Scenario, Partial<Offer>, RegExp | undefined][] = [
    [scenario('boot/a'), {}, undefined],
    [nic('e1000'), {}, undefined],
    [nic('e1000'), { config: null }, undefined],
    [nic('igb'), {}, /^this QEMU has no device igb$/],
    [nic('igb'), { models: null }, /^not in this kernel: CONFIG_IGB \(needed by drivers of igb\)$/],
    [nic('rtl8139'), { models: null }, /CONFIG_8139CP or CONFIG_8139TOO/],
    [nic('igb'), { models: null, config: null }, undefined],
    [{ ...scenario('a/b'), machine: 'pc', disks: [ide] }, { arch: 'aarch64' }, /aarch64 has no machine pc/],
    [{ ...scenario('a/b'), disks: [ide] }, { arch: 'aarch64' }, /machines of aarch64 have no ide/],
    [nic('e1000'), { arch: 's390x' }, /^machines of s390x have no e1000$/],
    [nic('virtio-net'), { arch: 's390x', config: null }, /^this QEMU has no device virtio-net-ccw$/],
    [
      nic('virtio-net'),
      { arch: 's390x', config: onChannels, models: new Set(['virtio-net-ccw']) },
      undefined,
    ],
    [
      { ...scenario('a/b'), boot: 'packaged' },
      { lacksFirmware: 'qemu-efi-aarch64' },
      /install qemu-efi-aarch64$/,
    ],
    [scenario('a/b'), { lacksFirmware: 'qemu-efi-aarch64' }, undefined],
    [{ ...scenario('a/b'), needs: ['CONFIG_E1000', 'veth'] }, {}, undefined],
    [{ ...scenario('a/b'), needs: ['CONFIG_IGB|veth'] }, {}, undefined],
    [{ ...scenario('a/b'), needs: ['CONFIG_IGB'] }, {}, /CONFIG_IGB \(needed by the scenario\)/],
    [{ ...scenario('a/b'), needs: ['tun'] }, {}, /not in this kernel: tun/],
  ];
  for (const [one, over, reason] of rows) {
    const found = unmetNeed(one, { ...offer, ...over });
    if (reason === undefined) t.equal(found, undefined);
    else t.match(found, reason);
  }
});

t.test('run folders', async (t) => {
  const results = join(scratch(), 'results');
  const now = new Date(2026, 10, 3, 4, 5, 6);
  const first = await makeRunFolder(results, 'img', now);
  const second = await makeRunFolder(results, 'img', now);
  t.equal(first.id, '20261103-040506-img');
  t.equal(second.id, '20261103-040506-img-2', 'the same second');
  await pointLatest(results, first.id);
  await pointLatest(results, second.id);
  t.equal(readlinkSync(join(results, 'latest')), second.id);
  t.same(readdirSync(results).sort(), [first.id, second.id, 'latest'], 'nothing else is left');
  rmSync(join(results, 'latest'));
  mkdirSync(join(results, 'latest'));
  t.match(await pointLatest(results, first.id), /latest does not name this run: it is a folder/);
  t.same(readdirSync(results).sort(), [first.id, second.id, 'latest'], 'no link is left half-made');
  const blocked = join(scratch(), 'file');
  writeFileSync(blocked, '');
  const error = await makeRunFolder(join(blocked, 'results'), 'img').catch((caught: unknown) => caught);
  t.equal(exitCodeOf(error), 3, "a results folder that cannot be made is the host's trouble");
});

t.test('exit codes of a run', async (t) => {
  t.equal(exitCodeOfVerdict('pass'), 0);
  t.equal(exitCodeOfVerdict('fail'), 1);
  t.equal(exitCodeOfVerdict('incomplete'), 3);
  for (const verdict of ['pass', 'fail', 'incomplete'] as const)
    t.equal(exitCodeOfVerdict(verdict, true), 130);
});

t.test('the first Ctrl+C is passed on, and remembered for what is thrown after it', async (t) => {
  let said = 0;
  catchSignals();
  const { signal, release } = onInterrupt(() => said++);
  t.notOk(wasInterrupted());
  process.emit('SIGINT', 'SIGINT');
  release();
  t.ok(signal.aborted);
  t.ok(wasInterrupted());
  t.equal(said, 1);
});
