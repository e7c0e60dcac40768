import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { qemuArgv } from '../vm/argv.js';
import { scenarioOfDomain } from './domain.js';
import { parseDomain } from './domain-xml.js';
import { knownHelpers, lintStep, syntaxErrors } from './lint.js';

/** As `virsh dumpxml` printed a guest of libvirt 9 (names and addresses are made up). */
const file = join(packageRoot, 'harness/scenarios/fixtures/domain.xml');
const text = readFileSync(file, 'utf8');

t.test("a domain's machine, disks, network cards and devices", async (t) => {
  const { scenario, notes } = await scenarioOfDomain(file);
  t.match(scenario, {
    name: 'domain/web1.example',
    machine: 'q35',
    cpus: 4,
    memoryMiB: 4096,
    boot: 'packaged',
    disks: [
      { bus: 'virtio-blk', serial: 'vda', verifyPattern: true },
      { bus: 'virtio-scsi', serial: 'WD-1234' },
      { bus: 'ahci', serial: 'sdb' },
      { bus: 'pvscsi', serial: 'sdc' },
      { bus: 'nvme', serial: 'fast1' },
    ],
    nics: [
      { model: 'virtio-net', mac: '52:54:00:aa:bb:01', farEnd: true },
      { model: 'e1000e', mac: '52:54:00:aa:bb:02' },
    ],
    devices: ['virtio-rng', 'virtio-balloon', 'i6300esb'],
  });
  t.same(notes, [
    '<hostdev> of the domain is left out',
    '<tpm> of the domain is left out',
    'the domain boots through UEFI, the test through SeaBIOS',
    'the cdrom sda is left out',
    'the memory (MiB) of the domain is more than a test needs: 4096 is used',
  ]);
  t.same([...(await syntaxErrors(scenario.steps.map(({ run }) => run))).values()], [], 'sh reads the steps');
  const helpers = await knownHelpers();
  t.same(
    scenario.steps.flatMap(({ run }) => lintStep(run, helpers)),
    [],
    'and they use helpers that there are',
  );
});

t.test('other machines, controllers and units', async (t) => {
  const domain = (body: string, os = '<os><type machine="pc-i440fx-7.2">hvm</type></os>') =>
    parseDomain(`<domain><name>x</name>${os}${body}</domain>`, 'x.xml');
  t.match(await domain('<memory unit="GiB">2</memory><vcpu>2</vcpu>'), {
    board: 'pc',
    memoryMiB: 2048,
    cpus: 2,
  });
  t.equal((await domain('<memory>1048576</memory>')).memoryMiB, 1024, 'KiB unless said');
  t.equal((await domain('<memory unit="bytes">536870912</memory>')).memoryMiB, 512);
  const disks = async (xml: string) => (await domain(`<devices>${xml}</devices>`)).disks;
  t.same(await disks('<disk><target dev="sda" bus="scsi"/></disk>'), [{ bus: 'lsi53c895a', serial: 'sda' }]);
  t.same(
    await disks('<disk><target dev="vda"/></disk>'),
    [{ bus: 'virtio-blk', serial: 'vda' }],
    'by its name',
  );
  const twice = '<disk><target dev="hda" bus="ide"/><serial>same one</serial></disk>';
  t.same(await disks(twice + twice), [
    { bus: 'ide', serial: 'same-one' },
    { bus: 'ide', serial: 'same-one-2' },
  ]);
  t.match(await domain('<devices><interface type="network"/></devices>'), {
    nics: [{ model: 'rtl8139', mac: '52:54:00:00:00:01' }],
  });
  await t.rejects(domain('', '<os><type machine="virt-9.0">hvm</type></os>'), {
    code: 'E_DOMAIN',
    message: /no machine virt-9\.0/,
  });
});

t.test('what is no domain is refused, and any XML gives an answer or an error of the user', async (t) => {
  for (const wrong of ['', '<', '<network/>', '<domain', 'no xml', '<domain>text</domain'])
    await t.rejects(parseDomain(wrong, 'x.xml'), { code: 'E_DOMAIN', blame: 'user' }, wrong);
  const empty = join(t.testdir({}), 'empty.xml');
  writeFileSync(empty, '<domain><name>a</name></domain>');
  await t.rejects(scenarioOfDomain(empty), { code: 'E_DOMAIN', message: /no disk, network card/ });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(text.length),
      fc.nat(80),
      fc.string({ maxLength: 8 }),
      async (at, length, instead) => {
        const mutated = text.slice(0, at) + instead + text.slice(at + length);
        const done = await parseDomain(mutated, 'x.xml').then(
          () => 'ok',
          (error: { code?: string }) => error.code,
        );
        return done === 'ok' || done === 'E_DOMAIN';
      },
    ),
    { numRuns: 200 },
  );
});

t.test('QEMU is told what the domain has', async (t) => {
  const { scenario } = await scenarioOfDomain(file);
  const args = qemuArgv(
    {
      arch: 'x86_64',
      board: scenario.machine,
      cpus: scenario.cpus,
      memoryMiB: scenario.memoryMiB,
      boot: 'packaged',
      kernel: '/k',
      initramfs: '/i',
      cmdline: '',
      window: null,
      disks: scenario.disks.map(({ serial, bus }) => ({ serial, bus: bus as 'nvme', file: `/${serial}` })),
      nics: scenario.nics.map(({ model, mac }) => ({ model: model as 'e1000e', mac, farEndPort: 9 })),
      devices: scenario.devices as 'virtio-rng'[],
    },
    {
      accelerator: 'tcg',
      firmware: null,
      console: { backend: 'null' },
      control: { backend: 'null' },
      qmp: null,
    },
  ).join(' ');
  for (const one of [
    'nvme,',
    'pvscsi,',
    'virtio-scsi-pci,',
    'ich9-ahci,',
    'e1000e,',
    'mac=52:54:00:aa:bb:01',
    'i6300esb,',
  ])
    t.match(args, `-device ${one}`.replace('-device mac', 'mac'));
});
